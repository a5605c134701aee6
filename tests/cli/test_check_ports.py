"""`devstack check-ports` as a person and a script meet it: a process of its own in a project of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from devstack.machine import system
from devstack.supervisor.run_folder.paths import prepare_run_folder
from devstack.supervisor.run_folder.record import Record, write_record
from tests.cli.running import devstack, until
from tests.machine.strangers import listening, quiet_port, stranger


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a frontend and an API, on ports that nobody holds."""
    (tmp_path / "Procfile.dev").write_text("frontend: true\napi: true\n")
    (tmp_path / "Procfile.prod").write_text("server: true\n")
    (tmp_path / ".env").write_text(
        f"PORT={quiet_port()}\nFRONTEND_PORT={quiet_port()}\nHMR_PORT={quiet_port()}\n"
    )
    return tmp_path


def shell() -> dict[str, str]:
    """Return this shell's environment without what would change a stack or the colours."""
    hidden = ("PORT", "FRONTEND_PORT", "HMR_PORT", "WS_PORT", "NODE_ENV", "DEVSTACK_MODE", "NO_COLOR")
    return {name: value for name, value in os.environ.items() if name not in hidden}


def check_ports(project: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "devstack", "check-ports", *arguments],
        cwd=project,
        env=shell() | env,
        check=False,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


def port_of(project: Path, variable: str = "PORT") -> int:
    lines = dict(line.split("=") for line in (project / ".env").read_text().splitlines())
    return int(lines[variable])


def test_free_ports_end_with_0_and_nothing_on_stderr(project: Path) -> None:
    answer = check_ports(project)
    assert (answer.returncode, answer.stderr) == (0, "")
    rows = [line.split()[:3] for line in answer.stdout.splitlines()]
    assert rows == [
        ["PORT", "STATE", "SERVICE"],
        [str(port_of(project, "FRONTEND_PORT")), "free", "frontend"],
        [str(port_of(project, "HMR_PORT")), "free", "frontend"],
        [str(port_of(project)), "free", "api"],
    ]


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1"])
def test_a_busy_port_ends_with_3_and_names_its_owner(project: Path, address: str) -> None:
    with stranger(address, port_of(project)) as other:
        answer = check_ports(project)
    assert answer.returncode == 3
    assert f"pid {other.pid}" in answer.stdout
    assert f"kill {other.pid}" in answer.stdout
    assert f"[{address}]" in answer.stdout or address in answer.stdout
    assert answer.stderr == ""


def test_json_goes_to_stdout_and_words_to_stderr(project: Path) -> None:
    with stranger(port=port_of(project)) as other:
        answer = check_ports(project, "--json")
    assert answer.returncode == 3
    found = json.loads(answer.stdout)
    assert (found["mode"], found["ok"]) == ("dev", False)
    assert [port["state"] for port in found["ports"]] == ["free", "free", "busy"]
    assert found["ports"][2]["owners"][0]["pid"] == other.pid
    assert f"(pid {other.pid})" in answer.stderr


def test_json_of_free_ports_is_ok_and_silent(project: Path) -> None:
    answer = check_ports(project, "--json")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert json.loads(answer.stdout)["ok"] is True


def test_the_mode_decides_which_claims_are_checked(project: Path) -> None:
    with listening("127.0.0.1", port_of(project, "FRONTEND_PORT")):
        assert check_ports(project).returncode == 3
        answer = check_ports(project, "--mode", "prod", "--json")
    assert answer.returncode == 0
    found = json.loads(answer.stdout)
    assert found["mode"] == "prod"
    assert [(port["service"], port["port"]) for port in found["ports"]] == [("server", port_of(project))]


def test_another_procfile_and_another_env_file_are_read_on_demand(project: Path) -> None:
    port = quiet_port()
    (project / "other.env").write_text(f"PORT={port}\n")
    (project / "Procfile.tiny").write_text("api: true\n")
    answer = check_ports(project, "-f", "Procfile.tiny", "--env-file", "other.env", "--json")
    assert [found["port"] for found in json.loads(answer.stdout)["ports"]] == [port]


def test_the_shells_port_wins(project: Path) -> None:
    with listening("127.0.0.1") as port:
        assert check_ports(project, PORT=str(port)).returncode == 3


def test_a_project_elsewhere_is_checked_with_c_before_or_after_the_command(
    project: Path, tmp_path: Path
) -> None:
    with listening("127.0.0.1", port_of(project)):
        after = check_ports(Path("/"), "-C", str(project))
        before = subprocess.run(
            [sys.executable, "-m", "devstack", "-C", str(project), "check-ports"],
            cwd="/",
            env=shell(),
            check=False,
            capture_output=True,
            text=True,
        )
    assert (after.returncode, before.returncode) == (3, 3)


def test_what_the_projects_running_stack_holds_is_ours(project: Path) -> None:
    me = system.identify(os.getpid())
    assert me is not None
    prepare_run_folder(str(project))
    write_record(Record(str(project), "dev", "run-of-this-test", time.time(), me, None, ()))
    with stranger(port=port_of(project)) as service, listening("127.0.0.1", port_of(project, "HMR_PORT")):
        answer = check_ports(project, "--json")
    assert answer.returncode == 0
    ports = json.loads(answer.stdout)["ports"]
    assert [port["state"] for port in ports] == ["free", "ours", "ours"]
    assert [port["owners"][0]["pid"] for port in ports[1:]] == [os.getpid(), service.pid]


def test_what_the_projects_dead_stack_left_is_told_to_go_by_down(project: Path) -> None:
    env = {"DEVSTACK_PROJECT": str(project), "DEVSTACK_SERVICE": "api"}
    with stranger(port=port_of(project), env=env):
        answer = check_ports(project)
    assert answer.returncode == 3
    assert "a leftover of this project" in answer.stdout
    assert "devstack down" in answer.stdout


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the environment of others")
def test_a_stack_whose_folder_was_removed_is_ended_by_the_command_that_is_told(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    gone = tmp_path_factory.mktemp("gone")
    server = f"exec '{sys.executable}' -m http.server $PORT --bind 127.0.0.1"
    (gone / "Procfile.dev").write_text(f"api: {server}\n")
    (gone / ".env").write_text(f"PORT={port_of(project)}\n")
    assert devstack(gone, "up", "-d").returncode == 0
    shutil.rmtree(gone)
    told = re.search(r"folder is gone: (kill \d+)$", check_ports(project).stdout, re.MULTILINE)
    assert told is not None
    subprocess.run(told[1].split(), check=True)
    until("the port to be free", lambda: check_ports(project).returncode == 0)


def test_a_wrong_port_in_env_ends_with_4_and_names_the_line(project: Path) -> None:
    (project / ".env").write_text("# ports\nPORT=abc\n")
    answer = check_ports(project, "--json")
    assert (answer.returncode, answer.stdout) == (4, "")
    assert ".env:2" in answer.stderr


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo-terminal")
@pytest.mark.parametrize(("arguments", "colored"), [([], True), (["--no-color"], False)])
def test_on_a_terminal_there_is_colour_unless_told_otherwise(
    project: Path, arguments: list[str], colored: bool
) -> None:
    with listening("127.0.0.1", port_of(project)):
        text, code = run_on_terminal(project, arguments)
    assert code == 3
    assert ("\x1b[" in text) is colored
    assert "is taken" in text


def run_on_terminal(project: Path, arguments: list[str]) -> tuple[str, int]:
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "devstack", "check-ports", *arguments],
        cwd=project,
        env=shell() | {"TERM": "xterm"},
        stdout=theirs,
        stderr=theirs,
        stdin=theirs,
    ) as process:
        os.close(theirs)
        text = b""
        while True:
            try:
                block = os.read(ours, 65536)
            except OSError:  # Linux: the other side has been closed
                break
            if not block:
                break
            text += block
    os.close(ours)
    return text.decode(), process.returncode
