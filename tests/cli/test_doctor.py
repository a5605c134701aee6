"""`devstack doctor` from the command line, on projects with something wrong and with nothing wrong."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.machine.strangers import quiet_port

DEVSTACK = str(Path(sys.executable).parent / "devstack")
SERVER = f"{sys.executable} -m http.server $PORT"


@dataclass
class Project:
    folder: Path

    def write(self, name: str, text: str) -> Project:
        (self.folder / name).write_text(text)
        return self

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        hidden = ("PORT", "HOST", "NODE_ENV", "DEVSTACK_MODE", "VITE_SECRET")
        environment = {name: value for name, value in os.environ.items() if name not in hidden}
        return subprocess.run(
            [DEVSTACK, *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def doctor(self) -> tuple[int, dict[str, Any]]:
        done = self.call("doctor", "--json")
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    @contextmanager
    def up(self) -> Iterator[None]:
        started = self.call("up", "-d")
        assert started.returncode == 0, started.stderr
        try:
            yield
        finally:
            self.call("down")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    port = quiet_port()
    project = Project(tmp_path).write("Procfile", f"api: {SERVER} --bind 127.0.0.1\n")
    return project.write(".env", f"PORT={port}\n").write(".env.example", "PORT=5000\n")


def of(answer: dict[str, Any], check: str, level: str = "error") -> list[dict[str, Any]]:
    return [one for one in answer["findings"] if (one["check"], one["level"]) == (check, level)]


def test_a_stopped_stack_with_nothing_wrong_is_well(project: Project) -> None:
    code, answer = project.doctor()
    assert (code, answer["ok"], answer["running"]) == (0, True, False)
    assert of(answer, "ports", "ok")


def test_a_running_stack_with_nothing_wrong_is_well(project: Project) -> None:
    with project.up():
        code, answer = project.doctor()
    assert (code, answer["ok"], answer["running"]) == (0, True, True)
    assert of(answer, "impostors", "ok")
    assert of(answer, "exposure", "ok")
    assert of(answer, "firewall", "ok")


def test_a_busy_port_is_an_error_that_names_the_holder(project: Project) -> None:
    port = int((project.folder / ".env").read_text().removeprefix("PORT="))
    with closing(socket.create_server(("127.0.0.1", port))):
        code, answer = project.doctor()
    assert code == 1
    [finding] = of(answer, "ports")
    assert f"port {port}, which api claims, is held by" in finding["what"]
    assert f"pid {os.getpid()}" in finding["what"]


def test_an_undeclared_listener_on_every_address_is_a_warning(project: Project) -> None:
    project.write("Procfile", f"api: {SERVER}\n")
    with project.up():
        code, answer = project.doctor()
    assert code == 0
    [finding] = of(answer, "exposure", "warning")
    assert "api listens on 0.0.0.0:" in finding["what"]
    assert finding["what_to_do"] == "add to the command: --bind 127.0.0.1"


def test_moved_ports_are_looked_at_where_they_are(project: Project) -> None:
    started = project.call("up", "-d", "--ports", "auto")
    assert started.returncode == 0, started.stderr
    try:
        code, answer = project.doctor()
    finally:
        project.call("down")
    assert (code, of(answer, "impostors")) == (0, [])


def test_a_secret_in_the_page_is_an_error_and_is_not_repeated(project: Project) -> None:
    project.write("package.json", '{"devDependencies": {"vite": "^7.0.0"}}')
    project.write(".env", f"PORT={quiet_port()}\nVITE_SECRET=hunter2\n")
    done = project.call("doctor")
    assert done.returncode == 1
    assert "VITE_SECRET (.env:2) looks like a secret" in done.stdout
    assert "hunter2" not in done.stdout + done.stderr


def test_a_reading_that_differs_is_a_warning(project: Project) -> None:
    project.write("package.json", '{"dependencies": {"dotenv": "^16.0.0"}}')
    project.write(".env", f"PORT={quiet_port()}\nCOLOUR=a#b\n").write(".env.example", "PORT=\nCOLOUR=\n")
    _, answer = project.doctor()
    [finding] = of(answer, "env-readers", "warning")
    assert finding["what"] == "COLOUR (.env:2): npm's dotenv ends the value at the #"


def test_the_vite_that_a_package_asks_for_is_judged_by_its_files(project: Project) -> None:
    vite = project.folder / "node_modules" / "vite"
    vite.mkdir(parents=True)
    (vite / "package.json").write_text('{"version": "8.0.4"}')
    project.write("Procfile", "frontend: vite\n").write("vite.config.js", "export default { server: {} }")
    _, answer = project.doctor()
    assert "CVE-2026-39363" in of(answer, "vite-version", "warning")[0]["why"]
    assert "sets no server.port" in of(answer, "vite-config")[0]["what"]


def test_a_vite_behind_a_script_is_found_and_its_env_line_named(project: Project) -> None:
    vite = project.folder / "node_modules" / "vite"
    vite.mkdir(parents=True)
    (vite / "package.json").write_text('{"version": "8.3.8"}')
    project.write("package.json", '{"scripts": {"dev": "vite --config client.config.ts"}}')
    project.write("client.config.ts", "export default { server: { port: 3000, strictPort: true } }")
    project.write("Procfile", "api: node vite-server.js\nfrontend: npm run dev\n")
    project.write(".env", "PORT=5000\nFRONTEND_PORT=3100\n")
    _, answer = project.doctor()
    assert [one["service"] for one in of(answer, "vite-version", "ok")] == ["frontend"]
    assert (
        "client.config.ts:1 has port 3000, and frontend claims 3100 (FRONTEND_PORT, .env:2)"
        in of(answer, "vite-config")[0]["what"]
    )


def test_a_wrong_file_is_said_as_everywhere(project: Project) -> None:
    done = project.write(".env", "PORT=abc\n").call("doctor")
    assert done.returncode == 4
    assert ".env:1" in done.stderr


def test_people_read_the_worst_first_and_a_count(project: Project) -> None:
    project.write(".env.example", "PORT=5000\nNEEDED=\n")
    done = project.call("doctor")
    assert done.returncode == 0
    assert done.stdout.splitlines()[0].startswith("warning env-example")
    assert done.stdout.splitlines()[-1].startswith("0 errors, 1 warning, ")
    assert "\x1b" not in done.stdout
