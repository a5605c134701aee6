"""The commands that speak to a running stack, as a person and a script meet them, from a folder inside it."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import devstack, free_port, until

WEB = f'"{sys.executable}" -u -m http.server "$WEB_PORT" --bind 127.0.0.1'
TICK = "i=0; while :; do i=$((i+1)); echo tick $i; sleep 0.2; done"
STATUS_KEYS = [
    "name",
    "state",
    "ready",
    "pid",
    "ports",
    "uptime_s",
    "restarts",
    "exit_code",
    "cpu_percent",
    "rss_bytes",
    "suspended",
]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """A project with a web server, a ticking service and a one-shot; whatever runs is stopped in the end."""
    folder = tmp_path / "a project"
    (folder / "src" / "deep").mkdir(parents=True)
    (folder / "Procfile.dev").write_text(f"web: {WEB}\ntick: {TICK}\nonce: echo done\n")
    (folder / ".env").write_text(f"GREETING=hello\nWEB_PORT={free_port()}\n")
    (folder / "devstack.toml").write_text(
        '[services.web]\nports = [{ env = "WEB_PORT", default = 8000, protocol = "http" }]\n'
    )
    yield folder
    devstack(folder, "down", "--timeout", "0")


@pytest.fixture
def inside(project: Path) -> Path:
    """A folder deep in the project whose stack runs."""
    up = devstack(project, "up", "-d")
    assert up.returncode == 0, up.stdout + up.stderr
    return project / "src" / "deep"


def services(folder: Path) -> dict[str, dict[str, Any]]:
    answer = json.loads(devstack(folder, "status", "--json").stdout)
    return {service["name"]: service for service in answer["services"]}


def test_status_tells_scripts_what_the_contract_promises(inside: Path) -> None:
    answer = json.loads(devstack(inside, "status", "--json").stdout)
    assert list(answer) == ["mode", "project", "supervisor", "services"]
    assert answer["mode"] == "dev"
    assert answer["project"] == str(inside.parents[1])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT.*(\+00:00|Z)", answer["supervisor"]["started"])
    web, _, once = answer["services"]
    assert list(web) == STATUS_KEYS
    assert (web["state"], web["ready"], web["exit_code"]) == ("ready", True, None)
    assert web["rss_bytes"] > 1_000_000
    assert web["uptime_s"] > 0
    assert (once["state"], once["ready"], once["pid"], once["exit_code"]) == ("exited", True, None, 0)
    assert once["rss_bytes"] is None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="setsid(1), and /proc")
def test_status_counts_what_has_left_its_service(project: Path) -> None:
    port = free_port()
    server = f'"{sys.executable}" -u -m http.server {port} --bind 127.0.0.1'
    (project / "Procfile.dev").write_text(f"daemon: (setsid {server} &); exec sleep 600\n")
    (project / "devstack.toml").write_text(f"[services.daemon]\nports = []\nready = {{ tcp = {port} }}\n")
    assert devstack(project, "up", "-d").returncode == 0
    assert services(project)["daemon"]["ports"] == [port]


def test_status_names_who_holds_the_port_of_a_service_that_is_down(inside: Path) -> None:
    web = services(inside)["web"]
    devstack(inside, "stop", "web")
    with socket.create_server(("127.0.0.1", web["ports"][0])):
        devstack(inside, "start", "web", "--timeout", "0")
        down = ("backoff", "failed")
        until("a crash on the taken port", lambda: services(inside)["web"]["state"] in down, 30)
        said = devstack(inside, "status").stdout
    assert re.search(
        rf"^port {web['ports'][0]} \(web\) is taken: .* \(pid {os.getpid()}\)$", said, re.MULTILINE
    )


def test_status_shows_a_person_every_service_and_says_when_files_have_changed(inside: Path) -> None:
    project = inside.parents[1]
    before = devstack(inside, "status").stdout
    assert all(name in before for name in ("web", "tick", "once", "ready", "exited"))
    assert "changed" not in before
    (project / ".env").write_text((project / ".env").read_text() + "NEW=1\n")
    assert ".env has changed since" in devstack(inside, "status").stdout


def test_logs_merge_the_services_and_keep_to_the_lines_asked_for(inside: Path) -> None:
    until("five ticks", lambda: "tick 5" in devstack(inside, "logs", "tick").stdout)
    last = devstack(inside, "logs", "-n", "3", "tick").stdout.splitlines()
    assert len(last) == 3
    assert all(re.fullmatch(r"tick +\| tick \d+", line) for line in last)
    found = [json.loads(line) for line in devstack(inside, "logs", "--json", "once").stdout.splitlines()]
    assert [(line["service"], line["line"]) for line in found] == [("once", "done")]
    assert found[0]["time"].endswith("+00:00")


def test_logs_follow_until_the_stack_is_gone(project: Path, inside: Path) -> None:
    follower = subprocess.Popen(
        [sys.executable, "-m", "devstack", "logs", "-f", "-n", "0", "tick"],
        cwd=inside,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert follower.stdout is not None
    numbers = [int(follower.stdout.readline().split()[-1]) for _ in range(4)]
    assert numbers == list(range(numbers[0], numbers[0] + 4))
    assert devstack(project, "down").returncode == 0
    follower.communicate(timeout=20)
    assert follower.returncode == 0


def test_restart_gives_one_service_a_new_process_and_leaves_the_others(inside: Path) -> None:
    before = services(inside)
    done = devstack(inside, "restart", "web")
    assert done.returncode == 0, done.stderr
    after = services(inside)
    assert after["web"]["pid"] != before["web"]["pid"]
    assert after["web"]["restarts"] == 1
    assert after["tick"]["pid"] == before["tick"]["pid"]


def test_stop_and_start_of_one_service(inside: Path) -> None:
    port = services(inside)["web"]["ports"][0]
    assert devstack(inside, "stop", "web").returncode == 0
    assert services(inside)["web"]["state"] == "stopped"
    with socket.create_server(("127.0.0.1", port)):
        pass  # the port is free at once
    assert devstack(inside, "start", "web").returncode == 0
    assert services(inside)["web"]["state"] == "ready"


def test_a_service_that_does_not_exist_is_a_usage_error(inside: Path) -> None:
    messages = set()
    for command in ("restart", "stop", "start", "logs"):
        answer = devstack(inside, command, "wbe")
        assert answer.returncode == 2
        messages.add(answer.stderr)
    (message,) = messages
    assert "there is no service “wbe” (did you mean “web”?)" in message
    assert "services here: web, tick" in message


def test_check_ports_calls_the_running_stack_ours(inside: Path) -> None:
    answer = devstack(inside, "check-ports", "--json")
    assert answer.returncode == 0
    (port,) = json.loads(answer.stdout)["ports"]
    assert (port["state"], port["service"]) == ("ours", "web")


def test_a_second_up_names_the_first(inside: Path) -> None:
    pid = json.loads(devstack(inside, "status", "--json").stdout)["supervisor"]["pid"]
    for arguments in (["up"], ["up", "-d"], ["up", "web"]):
        answer = devstack(inside, *arguments)
        assert answer.returncode == 6
        assert str(pid) in answer.stderr
        assert "devstack down" in answer.stderr


@pytest.mark.parametrize("command", ["status", "logs", "restart web", "stop web", "start web"])
def test_without_a_running_stack_these_end_with_5(project: Path, command: str) -> None:
    answer = devstack(project, *command.split())
    assert answer.returncode == 5
    assert "devstack up" in answer.stderr
    assert answer.stdout == ""


def test_down_without_a_stack_is_no_error(project: Path) -> None:
    answer = devstack(project, "down")
    assert answer.returncode == 0
    assert "nothing is running" in answer.stdout


@pytest.mark.parametrize(
    ("command", "code", "out"),
    [
        (["sh", "-c", "exit 7"], 7, ""),
        (['echo "$GREETING $DEVSTACK_MODE $PWD"'], 0, "hello dev "),
        (["printenv", "GREETING"], 0, "hello\n"),
        (["no-such-command-at-all"], 127, ""),
        (["./Procfile.dev"], 126, ""),
    ],
)
def test_run_is_the_command_in_the_stacks_environment(
    project: Path, command: list[str], code: int, out: str
) -> None:
    answer = devstack(project / "src", "run", *command)
    assert answer.returncode == code, answer.stderr
    assert answer.stdout.startswith(out)
    assert "Traceback" not in answer.stderr


def test_smoke_proves_the_whole_stack_and_writes_junit(project: Path) -> None:
    answer = devstack(project / "src", "smoke", "--junit", str(project / "out.xml"))
    assert answer.returncode == 0, answer.stdout + answer.stderr
    suite = ET.parse(project / "out.xml").getroot().find("testsuite")  # noqa: S314 - our own file
    assert suite is not None
    names = [case.get("name", "") for case in suite.iter("testcase")]
    assert {"preflight", "up", "down", "no process is left", "no port is held"} <= set(names)
    assert any(name.startswith("http http://localhost:") for name in names)
    assert suite.get("failures") == "0"
    assert devstack(project, "status").returncode == 5


def test_smoke_fails_with_the_last_lines_of_a_service_that_does_not_come_up(project: Path) -> None:
    (project / "Procfile.dev").write_text("web: echo no database here; exit 3\n")
    (project / "devstack.toml").write_text('[services.web]\nrestart = { mode = "never" }\n')
    answer = devstack(project, "smoke")
    assert answer.returncode == 1
    assert "exit code 3" in answer.stdout
    assert "no database here" in answer.stdout
    assert devstack(project, "status").returncode == 5
