"""The built-in stack as a person meets it: from `devstack up` until it is ready, and a price is on the page.

    python -m benchmarks.first_price [--rounds N]

Writes PAGE.md beside this file. Needs devstack with its extra `services`, and playwright with a Chromium
(`make test` installs both). On free ports; each stack is stopped again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser, sync_playwright

HERE = Path(__file__).parent
PROJECT = HERE.parent
FILES = ("Procfile.dev", "Procfile.prod", "devstack.toml")
DEVSTACK = (sys.executable, "-m", "devstack")
MODES = ("dev", "prod")
PAGE_SERVICE = {"dev": "frontend", "prod": "server"}
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
LONGEST_MS = 15_000
NOTE_FIRST_PRICE = """
new MutationObserver((_, observer) => {
  const price = document.querySelector("#price");
  if (!price || !/[0-9]/.test(price.textContent)) return;
  window.firstPrice = performance.now();
  observer.disconnect();
}).observe(document, { childList: true, subtree: true, characterData: true });
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """Of one run: seconds from the command until it has returned, everything ready; milliseconds from the
    beginning of the navigation until the first price is in the document, in a browser that knows nothing of
    the page and then in the same one again."""

    ready_s: float
    new_ms: float
    again_ms: float


def first_price_ms(browser: Browser, url: str) -> tuple[float, float]:
    """Open the page twice; return the time to its first price each time, in milliseconds."""
    context = browser.new_context()
    context.add_init_script(NOTE_FIRST_PRICE)
    times = []
    for _ in range(2):
        page = context.new_page()
        page.goto(url)
        times.append(page.wait_for_function("window.firstPrice", timeout=LONGEST_MS).json_value())
        page.close()
    context.close()
    return times[0], times[1]


def run(browser: Browser, folder: Path, mode: str) -> Sample:
    """Start the stack in `mode`, look at its page, and stop it."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("DEVSTACK")}

    def devstack(*arguments: str) -> str:
        done = subprocess.run(
            [*DEVSTACK, *arguments], cwd=folder, env=environ, stdout=subprocess.PIPE, check=True
        )
        return done.stdout.decode()

    begun = time.monotonic()
    devstack("up", "-d", "--mode", mode, "--ports", "auto")
    ready = time.monotonic() - begun
    try:
        services = json.loads(devstack("status", "--json"))["services"]
        port = next(one["ports"][0] for one in services if one["name"] == PAGE_SERVICE[mode])
        return Sample(ready, *first_price_ms(browser, f"http://localhost:{port}/"))
    finally:
        devstack("down")


def report(samples: dict[str, list[Sample]], rounds: int) -> str:
    """Return the page: medians and, in parentheses, the slowest."""
    lines = [
        "# The built-in stack until its first price",
        "",
        f"Written by `python -m benchmarks.first_price`: medians of {rounds} rounds, in parentheses the",
        f"slowest; {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, headless",
        "Chromium. “Ready” is from the command (`devstack up -d`) until it returns, all services asked and",
        "answering; the other two are from the beginning of the navigation until a price is in the document.",
        "",
        "| mode | ready, s | first price, new browser, ms | once more, ms |",
        "|---|---:|---:|---:|",
    ]
    for mode, found in samples.items():
        ready = [one.ready_s for one in found]
        new = [one.new_ms for one in found]
        again = [one.again_ms for one in found]
        lines.append(
            f"| {mode} | {median(ready):.2f} ({max(ready):.2f}) | {median(new):.0f} ({max(new):.0f}) "
            f"| {median(again):.0f} ({max(again):.0f}) |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, and write PAGE.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    samples: dict[str, list[Sample]] = {mode: [] for mode in MODES}
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        for name in FILES:
            shutil.copy(PROJECT / name, folder)
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        for _ in range(rounds):
            for mode in MODES:
                samples[mode].append(run(browser, Path(folder), mode))
        browser.close()
    text = report(samples, rounds)
    (HERE / "PAGE.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
