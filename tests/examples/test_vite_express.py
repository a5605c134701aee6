"""`examples/vite-express` through devstack's command line: real Node, npm, Vite, Express, `ws`, Chromium."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.chromium import open_page
from tests.node_project import EXAMPLE, answers, free_run, until

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.node, pytest.mark.timeout(300)]

DEVSTACK = str(Path(sys.executable).parent / "devstack")
LEFT_OUT = shutil.ignore_patterns("node_modules", "dist", ".devstack", ".env")


@dataclass
class Project:
    folder: Path

    def run(self, *command: str, timeout: float = 90) -> str:
        """Run a command in the project and return all that it said; it has to succeed."""
        done = self.try_run(*command, timeout=timeout)
        said = done.stdout + done.stderr
        assert done.returncode == 0, said
        return said

    def try_run(self, *command: str, timeout: float = 90) -> subprocess.CompletedProcess[str]:
        """Run a command in the project, whatever comes of it."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env=clean_environment(),
            check=False,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def up(self, *options: str) -> dict[str, int]:
        """Start the stack on free ports and return service → port, `hmr` for the hot-reload socket."""
        said = self.run(DEVSTACK, "up", "-d", "--ports", "auto", *options)
        found = re.findall(r"(\w+) (http|ws)://localhost:(\d+)", said[said.rindex("ready in") :])
        return {
            "hmr" if (name, scheme) == ("frontend", "ws") else name: int(port) for name, scheme, port in found
        }

    def processes(self) -> list[str]:
        """Return the command lines of all processes that work in the project's folder."""
        here = self.folder.resolve()
        commands = [
            " ".join(process.info["cmdline"] or ())
            for process in psutil.process_iter(["cwd", "cmdline"])
            if Path(process.info["cwd"] or "/").is_relative_to(here)
        ]
        return [command for command in commands if command]


def clean_environment() -> dict[str, str]:
    """The shell's environment without what would choose ports or mode."""
    chosen = ("PORT", "WS_PORT", "HMR_PORT", "FRONTEND_PORT", "HOST", "NODE_ENV", "DEVSTACK_MODE")
    return {name: value for name, value in os.environ.items() if name not in chosen}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example, installed by its own lockfile."""
    folder = tmp_path_factory.mktemp("example") / "vite-express"
    shutil.copytree(EXAMPLE, folder, ignore=LEFT_OUT)
    Project(folder).run("npm", "ci", "--no-audit", "--no-fund", timeout=180)
    return folder


@pytest.fixture
def project(installed: Path) -> Iterator[Project]:
    project = Project(installed)
    try:
        yield project
    finally:
        project.run(DEVSTACK, "down")


def price(page: Page) -> str:
    return page.get_by_test_id("price-BTC-USD").inner_text()


def until_prices_move(page: Page) -> None:
    before = price(page)
    page.wait_for_function(
        "before => document.querySelector('[data-testid=\"price-BTC-USD\"]').innerText !== before",
        arg=before,
    )


def save(path: Path, text: str) -> None:
    """Replace a file in one step, as editors do: of one that is empty for a moment Vite makes a reload."""
    written = path.with_name(f"{path.name}~")
    written.write_text(text)
    os.replace(written, path)


@pytest.mark.browser
def test_prices_move_and_hot_replacement_leaves_the_trading_connection_alone(project: Project) -> None:
    ports = project.up()
    app = project.folder / "src" / "App.tsx"
    source = app.read_text()
    with open_page(f"http://localhost:{ports['frontend']}") as page:
        until_prices_move(page)
        connection = page.get_by_test_id("connection").inner_text()
        page.evaluate("window.loadedOnce = true")
        try:
            save(app, source.replace("'Trading'", "'Trading, replaced'"))
            page.get_by_role("heading", name="Trading, replaced").wait_for()
        finally:
            save(app, source)
        page.get_by_role("heading", name="Trading", exact=True).wait_for()
        assert page.evaluate("window.loadedOnce") is True
        assert int(page.get_by_test_id("hot-updates").inner_text()) >= 2
        assert page.get_by_test_id("connection").inner_text() == connection
        until_prices_move(page)
    project.run(DEVSTACK, "down")
    assert project.processes() == []
    assert not any(answers(port) for port in ports.values())


@pytest.mark.browser
def test_the_api_restarts_and_the_trading_connection_does_not_notice(project: Project) -> None:
    ports = project.up()
    with open_page(f"http://localhost:{ports['frontend']}") as page:
        until_prices_move(page)
        connection = page.get_by_test_id("connection").inner_text()
        project.run(DEVSTACK, "restart", "api")
        until_prices_move(page)
        assert page.get_by_test_id("connection").inner_text() == connection


@pytest.mark.browser
def test_the_page_comes_back_when_the_trading_service_restarts(project: Project) -> None:
    ports = project.up()
    with open_page(f"http://localhost:{ports['frontend']}") as page:
        until_prices_move(page)
        connection = page.get_by_test_id("connection").inner_text()
        project.run(DEVSTACK, "restart", "trading")
        page.wait_for_function(
            "old => !['–', old].includes(document.querySelector('[data-testid=connection]').innerText)",
            arg=connection,
        )
        assert page.get_by_test_id("status").inner_text() == "live"
        until_prices_move(page)


@pytest.mark.browser
def test_the_built_page_runs_in_one_process_on_one_port(project: Project) -> None:
    project.run("npm", "run", "build")
    ports = project.up("--mode", "prod")
    assert list(ports) == ["server"]
    with open_page(f"http://localhost:{ports['server']}") as page:
        until_prices_move(page)
        assert page.get_by_test_id("status").inner_text() == "live"
        assert page.get_by_text(f"ws://localhost:{ports['server']}/api/ws").is_visible()
    assert len([one for one in project.processes() if one.startswith("node ")]) == 1
    project.run(DEVSTACK, "down")
    assert project.processes() == []


def test_nothing_survives_a_killed_supervisor(project: Project) -> None:
    ports = project.up()
    record = json.loads((project.folder / ".devstack" / "record.json").read_text())
    assert any("vite" in command for command in project.processes())
    os.kill(record["supervisor"]["pid"], signal.SIGKILL)
    until(lambda: not project.processes(), "no process of the example", deadline=15)
    assert not any(answers(port) for port in ports.values())


def test_doctor_finds_the_running_example_well(project: Project) -> None:
    project.up()
    answer = json.loads(project.run(DEVSTACK, "doctor", "--json"))
    assert [one for one in answer["findings"] if one["level"] != "ok"] == []
    checks = {one["check"] for one in answer["findings"]}
    assert {"impostors", "hmr", "websocket-path", "websocket-origin", "exposure", "vite-version"} <= checks


def test_smoke_passes_in_both_modes(project: Project) -> None:
    project.run("npm", "run", "build")
    for mode in ("dev", "prod"):
        said = project.run(DEVSTACK, "smoke", "--mode", mode, "--ports", "auto", "--junit", f"{mode}.xml")
        assert " 0 failed" in said
        assert 'failures="0"' in (project.folder / f"{mode}.xml").read_text()


def test_dev_and_prod_answer_alike(project: Project) -> None:
    project.run("npm", "run", "build")
    said = project.run(DEVSTACK, "smoke", "--parity", "--ports", "auto")
    assert re.search(r"ok +GET / +devstack\.parity .* 200, text/html, alike", said)
    assert re.search(r"ok +WebSocket /api/ws +devstack\.parity ", said)


def test_up_names_vite_that_gave_way_to_a_stranger_and_stops(project: Project) -> None:
    """Without strictPort Vite takes the next port, which is the trading socket's."""
    config = project.folder / "vite.config.ts"
    source = config.read_text()
    page = free_run(4)
    variables = {"FRONTEND_PORT": page, "WS_PORT": page + 1, "HMR_PORT": page + 2, "PORT": page + 3}
    # The stranger comes between preflight and start, as a program that was slow to start would.
    server = f"import http.server as h; h.test(h.SimpleHTTPRequestHandler, port={page}, bind='127.0.0.1')"
    settings = project.folder / "devstack.toml"
    procfile = (project.folder / "Procfile.dev").read_text()
    config.write_text(source.replace("strictPort: true", "strictPort: false"))
    try:
        assert "strictPort: false" in config.read_text()
        (project.folder / "Procfile.dev").write_text(
            procfile.replace(
                "frontend: ", "frontend: touch started; until test -e go; do sleep 0.02; done; exec "
            )
        )
        settings.write_text(
            '[services.frontend]\nready = { log = "ready in" }\n'
            '[services.trading]\ndepends_on = ["frontend"]\n'
        )
        environment = clean_environment() | {name: str(port) for name, port in variables.items()}
        with subprocess.Popen(
            [DEVSTACK, "up"], cwd=project.folder, env=environment, text=True, stdout=subprocess.PIPE
        ) as up:
            until((project.folder / "started").exists, "frontend has started")
            with subprocess.Popen(
                [sys.executable, "-I", "-c", server], cwd=project.folder.parent, stderr=subprocess.DEVNULL
            ) as stranger:
                until(lambda: answers(page), "the stranger listens")
                (project.folder / "go").touch()
                said, _ = up.communicate(timeout=60)
                stranger.kill()
    finally:
        config.write_text(source)
        (project.folder / "Procfile.dev").write_text(procfile)
        for name in ("devstack.toml", "started", "go"):
            (project.folder / name).unlink(missing_ok=True)
    assert up.returncode == 1, said
    assert f"frontend listens on {page + 1}, which trading claims: vite (pid " in said
    assert f"its own port {page} is held by " in said
    assert f"(pid {stranger.pid}" in said
    assert "strictPort: true" in said
    assert "devstack | ready in" not in said
    assert project.processes() == []


def test_smoke_fails_when_hot_reload_is_open_to_the_network(project: Project) -> None:
    config = project.folder / "vite.config.ts"
    source = config.read_text()
    config.write_text(source.replace("host: EVERYWHERE ? undefined : HOST,", ""))
    try:
        done = project.try_run(DEVSTACK, "smoke", "--ports", "auto")
    finally:
        config.write_text(source)
    assert done.returncode == 1
    assert re.search(
        r"FAILED +exposure \d+ .*frontend listens on \[::\]:\d+, open to the whole network", done.stdout
    )
    assert "host: '127.0.0.1'" in done.stdout


def test_doctor_names_a_proxy_in_the_wrong_order(project: Project) -> None:
    config = project.folder / "vite.config.ts"
    source = config.read_text()
    trading, api = (line for line in source.splitlines() if line.strip().startswith("'/api"))
    wrong = f"{api.replace(' }', ', ws: true }')}\n{trading}"
    config.write_text(source.replace(f"{trading}\n{api}", wrong))
    try:
        project.up()
        done = project.try_run(DEVSTACK, "doctor")
    finally:
        config.write_text(source)
    assert done.returncode == 1
    assert "instead of trading: wrong proxy order" in done.stdout
    assert "has proxy rule '/api/ws' behind '/api'" in done.stdout


def test_the_lockfile_names_no_host_to_download_from() -> None:
    lock = (EXAMPLE / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert "integrity" in lock


def test_the_types_hold(project: Project) -> None:
    project.run("npm", "run", "check")
