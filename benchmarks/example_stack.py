"""`examples/vite-express` under devstack, concurrently and npm-run-all: start, Ctrl-C, and kill -9.

    python -m benchmarks.example_stack [--rounds N]

Writes EXAMPLE.md beside this file. Every run has a cookie in its environment, by which all that it started is
found and ended afterwards. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
EXAMPLE = HERE.parent / "examples" / "vite-express"
STORE = HERE.parent / ".bench" / "example"
PEERS = ("concurrently@9.2.5", "npm-run-all@4.1.5")
VARIABLES = ("FRONTEND_PORT", "HMR_PORT", "PORT", "WS_PORT")
COOKIE = "DEVSTACK_EXAMPLE_RUN"
LONGEST_START = 60.0
LONGEST_STOP = 15.0
AFTER_KILL = 3.0
PAUSE = 0.005


@dataclass(frozen=True, slots=True)
class Sample:
    """One run. `left` are processes: when the stop is over or has been given up, and 3 s after kill -9."""

    tool: str
    ready_s: float
    stop_s: float
    left: int
    left_after_kill: int


def install() -> Path:
    """Copy the example, install it and the peers, and give npm-run-all its scripts."""
    if not (STORE / "done").exists():
        shutil.rmtree(STORE, ignore_errors=True)
        ignored = shutil.ignore_patterns("node_modules", "dist", ".devstack", ".env")
        shutil.copytree(EXAMPLE, STORE, ignore=ignored)
        package = json.loads((STORE / "package.json").read_text())
        package["scripts"] |= {f"dev:{name}": command for name, command in services().items()}
        (STORE / "package.json").write_text(json.dumps(package))
        for command in (("npm", "ci"), ("npm", "install", "--no-save", *PEERS)):
            subprocess.run(command, cwd=STORE, check=True, capture_output=True)
        (STORE / "done").touch()
    return STORE


def services() -> dict[str, str]:
    """Return the services of the example's Procfile.dev, by name."""
    lines = (EXAMPLE / "Procfile.dev").read_text().splitlines()
    return dict(line.split(": ", 1) for line in lines if ": " in line)


def commands() -> dict[str, list[str]]:
    """Return each tool's command line for the same services."""
    bin_folder = "node_modules/.bin"
    devstack = str(Path(sys.executable).parent / "devstack")
    return {
        "devstack": [devstack, "up"],
        "concurrently": [f"{bin_folder}/concurrently", *services().values()],
        "npm-run-all": [f"{bin_folder}/run-p", *(f"dev:{name}" for name in services())],
    }


def free_ports() -> list[int]:
    with ExitStack() as stack:
        trials = [stack.enter_context(socket.socket()) for _ in VARIABLES]
        for trial in trials:
            trial.bind(("127.0.0.1", 0))
        return [trial.getsockname()[1] for trial in trials]


class Run:
    """One tool with the whole stack, started in a session of its own as from a terminal."""

    def __init__(self, folder: Path, command: list[str]) -> None:
        self.ports = free_ports()
        self.cookie = uuid.uuid4().hex
        environment = {
            **os.environ,
            COOKIE: self.cookie,
            **dict(zip(VARIABLES, map(str, self.ports), strict=True)),
        }
        environment["PATH"] = f"{folder / 'node_modules' / '.bin'}:{environment['PATH']}"
        self.began = time.monotonic()
        self.tool = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def until_ready(self) -> float:
        """Return the seconds from the start until all four ports answer."""
        self._until(lambda: all(map(answers, self.ports)), LONGEST_START)
        return time.monotonic() - self.began

    def stop(self) -> float:
        """Send what Ctrl-C sends, and return the seconds until the tool and all services are gone."""
        began = time.monotonic()
        os.killpg(self.tool.pid, signal.SIGINT)
        self._until(lambda: self.tool.poll() is not None and not self.living(), LONGEST_STOP, must=False)
        return time.monotonic() - began

    def kill(self) -> int:
        """Kill the tool with SIGKILL and return how many processes are left 3 seconds later."""
        self.tool.kill()
        self.tool.wait()
        self._until(lambda: not self.living(), AFTER_KILL, must=False)
        return len(self.living())

    def living(self) -> list[int]:
        """Return every living process that carries the run's cookie, but the tool itself."""
        mark = f"{COOKIE}={self.cookie}".encode()
        found = []
        for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
            try:
                environment = Path(f"/proc/{pid}/environ").read_bytes()
            except OSError:
                continue
            if mark in environment.split(b"\0") and pid != self.tool.pid:
                found.append(pid)
        return found

    def clean_up(self) -> None:
        for pid in (*self.living(), *([self.tool.pid] if self.tool.poll() is None else [])):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.tool.wait()

    def _until(self, condition: Callable[[], bool], seconds: float, *, must: bool = True) -> None:
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                if must:
                    raise TimeoutError(f"{self.tool.args!r} was not ready after {seconds:g} s")
                return
            time.sleep(PAUSE)


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def measure(tool: str, command: list[str], folder: Path) -> Sample:
    """Run the tool twice: once to its Ctrl-C, once to its kill -9."""
    run = Run(folder, command)
    try:
        ready = run.until_ready()
        stop = run.stop()
        left = len(run.living())
    finally:
        run.clean_up()
    run = Run(folder, command)
    try:
        run.until_ready()
        left_after_kill = run.kill()
    finally:
        run.clean_up()
    return Sample(tool, ready, stop, left, left_after_kill)


def table(samples: list[Sample]) -> str:
    """Return the results: medians of times, and the worst of what is left."""
    rows = []
    for tool in commands():
        own = [sample for sample in samples if sample.tool == tool]
        rows.append(
            f"| {tool} | {median(one.ready_s for one in own):.2f} | {median(one.stop_s for one in own):.2f} "
            f"| {max(one.left for one in own)} | {max(one.left_after_kill for one in own)} |"
        )
    rounds = len(samples) // len(commands())
    return (
        "# The example under devstack, concurrently and npm-run-all\n\n"
        f"Medians of {rounds} interleaved rounds; of what is left, the worst. Written by\n"
        f"`python -m benchmarks.example_stack`. Peers: {', '.join(PEERS)}.\n"
        "devstack checks the four ports first, and asks each service whether it is ready.\n\n"
        "| | all four ports answer, s | gone after Ctrl-C, s | left after Ctrl-C | left 3 s after kill -9 |\n"
        "|---|---|---|---|---|\n" + "\n".join(rows) + "\n"
    )


def main() -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    folder = install()
    samples = []
    for _ in range(rounds):
        samples += [measure(tool, command, folder) for tool, command in commands().items()]
    text = table(samples)
    print(text)
    (HERE / "EXAMPLE.md").write_text(text)


if __name__ == "__main__":
    main()
