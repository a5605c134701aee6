"""Services and terminals: stdin stays open, the terminal stays as it was, suspended processes are named."""

from __future__ import annotations

import json
import os
import signal
import sys
import termios
import time

import pytest

from tests.stack import Project, is_stopped, until

READY_AT_ONCE = "ports = []\nready = { log = '^up' }\n"
ECHOES = """
import os, sys
print("up", flush=True)
for line in sys.stdin:
    print("heard", line, flush=True)
print("end of stdin", flush=True)
"""
ASKS = """
import getpass
print("up", flush=True)
print("answer", getpass.getpass("Password: "), flush=True)
"""


def one(project: Project, command: str, settings: str = "") -> None:
    project.stack({"web": command}, f"[services.web]\n{READY_AT_ONCE}stop = {{ grace = 20 }}\n{settings}")


@pytest.mark.parametrize("way", ["foreground", "detached", "restarted"])
def test_stdin_stays_open_until_the_stop(project: Project, way: str) -> None:
    one(project, project.script("echoes.py", ECHOES))
    up = None
    if way == "foreground":
        up = project.up()
    else:
        project.up_detached()
    if way == "restarted":
        assert project.run("restart", "web").returncode == 0
    assert "end of stdin" not in project.log("web")
    assert project.status()["web"]["state"] == "ready"
    assert project.run("down").returncode == 0
    if up is not None:
        up.wait()
    project.assert_nothing_is_left()


def test_the_stop_closes_stdin_for_one_that_is_deaf_to_signals(project: Project) -> None:
    deaf = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    one(project, project.script("echoes.py", deaf + ECHOES))
    project.up_detached()
    assert "killed" not in project.run("down").stdout
    assert "end of stdin" in project.log("web")


def test_stdin_closes_when_supervisor_and_keeper_are_killed(project: Project) -> None:
    one(project, project.script("echoes.py", ECHOES))
    record = project.up_detached()
    assert record.keeper is not None
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in (record.supervisor.pid, record.keeper.pid):
            os.kill(pid, number)
    project.until_nothing_is_left()


def test_null_is_at_its_end(project: Project) -> None:
    one(project, project.script("echoes.py", ECHOES), "stdin = 'null'\n")
    project.start("up")
    project.until_logged("web", "end of stdin")


@pytest.mark.parametrize("job_control", [True, False], ids=["job control", "no job control"])
@pytest.mark.parametrize(
    "command",
    [
        f'exec "{sys.executable}" asks.py',
        "echo up; stty raw -echo </dev/tty; sleep 600",
        "echo up; stty -echo; sleep 600",
        "echo up; read answer </dev/tty; sleep 600",
    ],
    ids=["getpass", "stty on /dev/tty", "stty on stdin", "read from /dev/tty"],
)
def test_no_service_touches_the_terminal(project: Project, command: str, job_control: bool) -> None:
    project.script("asks.py", ASKS)
    one(project, command)
    up = project.start_in_terminal("up") if job_control else project.start_in_script("up")
    up.until_said("ready in")
    before = termios.tcgetattr(up.source)
    assert project.status()["web"]["suspended"] is None
    began = time.monotonic()
    up.type(b"\x03")
    up.wait()
    assert time.monotonic() - began < 10  # far below the grace: nothing waits for a suspended process
    assert termios.tcgetattr(up.source) == before
    project.assert_nothing_is_left()


def test_a_service_that_suspends_itself_is_named_with_the_signal(project: Project) -> None:
    one(project, "echo up; kill -STOP $$; sleep 600")
    up = project.up()
    up.until_said("web is suspended by SIGSTOP")
    suspended = project.status()["web"]["suspended"]
    assert suspended["signal"] == "SIGSTOP"
    assert json.dumps(suspended["since"])
    assert "web is suspended by SIGSTOP" in project.run("status").stdout
    os.kill(project.status()["web"]["pid"], signal.SIGCONT)
    up.until_said("web was resumed after")
    assert project.status()["web"]["suspended"] is None


def test_a_suspended_child_of_a_service_is_named_by_status_and_doctor(project: Project) -> None:
    one(project, "sleep 600 & echo child=$!; echo up; wait")
    project.up_detached()
    child = project.number("web", "child")
    os.kill(child, signal.SIGSTOP)
    until(lambda: is_stopped(child), "it to be suspended")
    assert project.status()["web"]["suspended"] == {"pid": child, "signal": None, "since": None}
    assert f"its process {child} is suspended" in project.run("status").stdout
    assert f"web is suspended (pid {child})" in project.run("doctor").stdout


def test_a_suspended_service_stops_without_waiting_for_the_grace(project: Project) -> None:
    one(project, project.script("echoes.py", ECHOES))
    project.up_detached()
    pid = project.status()["web"]["pid"]
    os.kill(pid, signal.SIGSTOP)
    until(lambda: is_stopped(pid), "it to be suspended")
    done = project.run("down")
    assert "killed" not in done.stdout
    project.assert_nothing_is_left()
