"""The keeper: what it is to the shell, and what it finds when the supervisor was killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys

import psutil
import pytest

from tests.raw_servers import free_port
from tests.stack import Project, child, is_free, until

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux alone has subreapers")
TTY = '[services.one]\nports = []\nready = { log = "^up" }\ntty = true\n'


@LINUX
@pytest.mark.parametrize("settings", ["", TTY], ids=["pipe", "tty"])
@pytest.mark.parametrize("way", ["foreground", "detached"])
def test_an_orphan_without_any_mark_is_found_after_a_kill(project: Project, settings: str, way: str) -> None:
    project.stack({"one": child("unmarked")}, settings)
    if way == "foreground":
        project.up()
    else:
        project.up_detached()
    orphan = psutil.Process(project.number("one", "child"))
    assert orphan.environ() == {}
    project.kill_supervisor()
    project.until_nothing_is_left()
    until(lambda: not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE, "the orphan to be gone")


@LINUX
@pytest.mark.skipif(shutil.which("redis-server") is None, reason="there is no redis-server here")
def test_a_daemon_that_overwrites_its_environment_is_found_after_a_kill(project: Project) -> None:
    port = free_port()
    command = (
        f"redis-server --port {port} --bind 127.0.0.1 --save '' --daemonize yes && echo up && sleep 1000"
    )
    project.stack({"redis": command})
    project.up_detached()
    until(lambda: not is_free(port), "redis to listen")
    project.kill_supervisor()
    project.until_nothing_is_left()
    until(lambda: is_free(port), "the port to be free")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_signals_to_keeper_and_to_supervisor_do_the_same(
    project: Project, number: signal.Signals, code: int
) -> None:
    project.stack({"one": child("calm")})
    for to_supervisor in (False, True):
        up = project.up()
        if to_supervisor:
            project.kill_supervisor(number=number)
        else:
            up.signal(number)
        assert up.wait() == code
        project.assert_nothing_is_left()


def test_ctrl_z_fg_and_the_exit_code_in_a_shell(project: Project) -> None:
    project.stack({"one": child("calm")})
    shell = project.start_shell()
    shell.type(f'"{sys.executable}" -m devstack up\n'.encode())
    shell.until_said("ready in")
    keeper, supervisor = project.record().keeper, project.record().supervisor
    assert keeper is not None
    both = [psutil.Process(keeper.pid), psutil.Process(supervisor.pid)]
    shell.type(b"\x1a")
    until(lambda: all(one.status() == psutil.STATUS_STOPPED for one in both), "both to be suspended")
    shell.type(b"fg\n")
    until(lambda: all(one.status() != psutil.STATUS_STOPPED for one in both), "both to go on")
    assert project.status()["one"]["state"] == "ready"
    shell.type(b"\x03")
    shell.until_said("nothing is left running")
    shell.type(b"echo code=$?\n")
    shell.until_said("code=130")
    shell.type(b"exit\n")
    shell.wait()
    project.assert_nothing_is_left()


def test_ctrl_z_without_a_shell_suspends_nothing(project: Project) -> None:
    """Nobody could resume it: the kernel suspends no orphaned process group."""
    project.stack({"one": child("calm")})
    up = project.start_in_terminal("up")
    up.until_said("ready in")
    supervisor = psutil.Process(project.record().supervisor.pid)
    up.type(b"\x1a")
    assert project.status()["one"]["state"] == "ready"
    until(lambda: supervisor.status() != psutil.STATUS_STOPPED, "it to go on")
    up.type(b"\x03")
    assert up.wait() == 130


def test_a_suspended_keeper_holds_up_nothing(project: Project) -> None:
    project.stack({"one": child("calm")})
    record = project.up_detached()
    assert record.keeper is not None
    os.kill(record.keeper.pid, signal.SIGSTOP)
    assert project.run("restart", "one").returncode == 0
    assert project.run("down").returncode == 0
    project.until_nothing_is_left()


@LINUX
@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="only root has namespaces")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, 137)])
def test_as_pid_1_of_a_container(project: Project, number: signal.Signals, code: int) -> None:
    project.stack({"one": child("unmarked"), "two": child("session")})
    up = project.start_with(["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"], "up")
    up.until_said("ready in")
    inner = psutil.Process(up.pid).children()[0]
    supervisor = inner.children()[0]
    os.kill(supervisor.pid if number == signal.SIGKILL else inner.pid, number)
    assert up.wait() == code
    project.until_nothing_is_left()


def test_with_closed_streams_and_without_a_terminal(project: Project) -> None:
    project.stack({"one": child("calm")})
    command = f'exec "{sys.executable}" -m devstack up <&- >&- 2>&-'
    process = subprocess.Popen(
        ["/bin/sh", "-c", command], cwd=project.folder, env=project.environment(), start_new_session=True
    )
    project.until_logged("one", "up")
    until(lambda: project.run("status").returncode == 0, "the stack to answer")
    assert project.run("down").returncode == 0
    assert process.wait(30) == 0
    project.assert_nothing_is_left()
