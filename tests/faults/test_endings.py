"""Every way in which a stack ends: nothing of it is left, no process and no port."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable

import pytest

from devstack.supervisor.cleanup.keeping import GRACE
from devstack.supervisor.run.signals import ONCE_MORE_AFTER
from devstack.supervisor.run_folder.record import read_record
from tests.raw_servers import free_port
from tests.stack import HARDEST, Project, Running, child, is_free, pause, until
from tests.waiting import at_this_load

LISTENER = """
import os, signal, socket, time
server = socket.create_server(("127.0.0.1", int(os.environ["LISTENER_PORT"])))
print("up", flush=True)
time.sleep(1000)
"""
SETTLING = 3.0
"""Seconds past a stack's grace within which everything must be gone."""

OWN_GRACE = 0.5
"""The services' grace, as Project.stack sets it."""


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def mixed(project: Project, port: int) -> Project:
    """A project whose children do everything that makes ending them hard, and one that listens."""
    listener = project.script("listener.py", LISTENER)
    project.stack(
        {
            "calm": child("calm"),
            "deaf": child("deaf"),
            "pair": child("pair"),
            "session": child("session"),
            "orphan": child("orphan"),
            "empty": child(HARDEST),
            "holds": child("holds_output"),
            "listener": listener,
        },
        f"[services.listener]\nports = []\nready = {{ log = '^up' }}\nstop = {{ grace = {OWN_GRACE} }}\n"
        f'env = {{ LISTENER_PORT = "{port}" }}\n',
    )
    return project


def test_down(mixed: Project, port: int) -> None:
    up = mixed.up()
    assert not is_free(port)
    began = time.monotonic()
    done = mixed.run("down")
    mixed.assert_nothing_is_left(port)
    assert time.monotonic() - began < at_this_load(OWN_GRACE + SETTLING)
    assert done.returncode == 0, done.stderr
    assert up.wait() == 0
    assert "stopping (devstack down)" in up.text


def test_down_of_a_detached_stack(mixed: Project, port: int) -> None:
    mixed.up_detached()
    assert not is_free(port)
    assert mixed.run("down").returncode == 0
    mixed.assert_nothing_is_left(port)
    assert os.listdir(mixed.folder / ".devstack") != []
    assert not (mixed.folder / ".devstack" / "record.json").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal(mixed: Project, port: int, number: signal.Signals) -> None:
    up = mixed.up()
    began = time.monotonic()
    up.signal(number)
    assert up.wait() == 128 + number
    assert time.monotonic() - began < at_this_load(OWN_GRACE + SETTLING)
    mixed.assert_nothing_is_left(port)
    assert f"stopping ({number.name})" in up.text
    assert "nothing is left running" in up.text


def test_ctrl_c_on_a_terminal(mixed: Project, port: int) -> None:
    up = mixed.start_in_terminal("up")
    up.until_said("ready in")
    up.type(b"\x03")
    assert up.wait() == 128 + signal.SIGINT
    mixed.assert_nothing_is_left(port)
    assert "Traceback" not in up.text


def test_ctrl_c_twice_ends_at_once_whatever_the_grace(project: Project) -> None:
    settings = "".join(
        f'[services.{name}]\nports = []\nready = {{ log = "^up" }}\nstop = {{ grace = 100 }}\n'
        for name in ("deaf", "session", "empty")
    )
    services = {"deaf": child("deaf"), "session": child("session"), "empty": child(HARDEST)}
    project.stack(services, settings)
    up = project.start_in_terminal("up")
    up.until_said("ready in")
    up.type(b"\x03")
    up.until_said("stopping (SIGINT)")
    pause(1.5 * ONCE_MORE_AFTER)
    began = time.monotonic()
    up.type(b"\x03")
    assert up.wait() == 128 + signal.SIGINT
    assert time.monotonic() - began < at_this_load(SETTLING)
    project.assert_nothing_is_left()


def test_a_signal_that_a_wrapper_sends_on_is_no_second_one(project: Project) -> None:
    slow = '[services.one]\nports = []\nready = { log = "^up" }\nstop = { grace = 8 }'
    project.stack({"one": child("finishes")}, slow)
    up = project.up()
    up.signal(signal.SIGINT)
    up.signal(signal.SIGTERM)
    up.signal(signal.SIGINT)
    assert up.wait() in (128 + signal.SIGINT, 128 + signal.SIGTERM)
    assert project.log("one").endswith("goodbye\n")


@pytest.mark.parametrize("when", ["ready in", "starting"])
def test_the_terminal_was_closed(mixed: Project, port: int, when: str) -> None:
    up = mixed.start_in_terminal("up")
    up.until_said(when)
    up.close()
    assert up.wait() == 128 + signal.SIGHUP
    mixed.assert_nothing_is_left(port)


def test_the_terminal_was_closed_and_the_service_may_finish(project: Project) -> None:
    slow = '[services.one]\nports = []\nready = { log = "^up" }\nstop = { grace = 8 }'
    project.stack({"one": child("finishes")}, slow)
    up = project.start_in_terminal("up")
    up.until_said("ready in")
    up.close()
    up.signal(signal.SIGHUP)  # the shell says so, too
    assert up.wait() == 128 + signal.SIGHUP
    assert project.log("one").endswith("goodbye\n")
    project.assert_nothing_is_left()


def test_a_stack_under_nohup_outlives_its_terminal(project: Project) -> None:
    project.stack({"one": child("calm")})
    ours, theirs = os.openpty()
    shell = f'trap "" HUP; exec "{project.python}" -m devstack up >out 2>&1'
    process = subprocess.Popen(
        ["/bin/sh", "-c", shell],
        cwd=project.folder,
        env=project.environment(),
        stdin=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    out = project.folder / "out"
    until(lambda: out.exists() and "ready in" in out.read_text(), "ready")
    process.send_signal(signal.SIGHUP)
    os.close(ours)
    assert project.status()["one"]["state"] == "ready"
    assert project.run("down").returncode == 0
    assert process.wait(10) == 0
    project.assert_nothing_is_left()


def test_a_failed_start(mixed: Project, port: int) -> None:
    with open(mixed.folder / "Procfile.dev", "a") as procfile:
        procfile.write("broken: exec /does/not/exist\n")
    up = mixed.start("up")
    assert up.wait() == 1
    mixed.assert_nothing_is_left(port)
    assert "broken failed: command not found (exit code 127)" in up.text


def test_a_failed_start_in_the_background(mixed: Project, port: int) -> None:
    with open(mixed.folder / "Procfile.dev", "a") as procfile:
        procfile.write("broken: exec /does/not/exist\n")
    done = mixed.run("up", "-d")
    mixed.assert_nothing_is_left(port)
    assert done.returncode == 1
    assert "broken failed: command not found (exit code 127)" in done.stdout


def test_the_supervisor_was_killed(mixed: Project, port: int) -> None:
    up = mixed.up()
    mixed.kill_supervisor()
    mixed.until_nothing_is_left(at_this_load(GRACE + SETTLING))
    assert up.wait() == -signal.SIGKILL
    assert "the supervisor was killed by SIGKILL; ended" in up.text
    assert is_free(port)
    assert not (mixed.folder / ".devstack" / "record.json").exists()


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGSEGV, signal.SIGABRT])
def test_the_supervisor_crashed(mixed: Project, port: int, number: signal.Signals) -> None:
    up = mixed.up()
    mixed.kill_supervisor(number=number)
    assert up.wait() == -number
    mixed.until_nothing_is_left(at_this_load(GRACE + SETTLING))
    assert is_free(port)


def test_its_whole_process_group_was_killed(mixed: Project, port: int) -> None:
    """As a CI runner does, whose patience is at an end."""
    up = mixed.start_in_terminal("up")
    up.until_said("ready in")
    os.killpg(up.pid, signal.SIGKILL)
    mixed.until_nothing_is_left(at_this_load(GRACE + SETTLING))
    assert is_free(port)


def test_the_project_was_removed(project: Project) -> None:
    project.stack({"one": child("session"), "two": child("orphan")})
    up = project.up()
    shutil.rmtree(project.folder)
    up.signal(signal.SIGTERM)
    assert up.wait() == 128 + signal.SIGTERM
    project.assert_nothing_is_left()


def test_the_detached_supervisor_was_killed(mixed: Project, port: int) -> None:
    record = mixed.up_detached()
    os.kill(record.supervisor.pid, signal.SIGKILL)
    mixed.until_nothing_is_left(at_this_load(GRACE + SETTLING))
    assert is_free(port)
    done = mixed.run("status")
    assert done.returncode == 5, done.stdout


def test_the_supervisor_was_killed_while_it_started(mixed: Project, port: int) -> None:
    up = mixed.start("up")
    up.until_said("starting")
    mixed.kill_supervisor(up)
    mixed.until_nothing_is_left(at_this_load(GRACE + SETTLING))
    assert is_free(port)


def test_the_supervisor_was_killed_while_it_stopped(mixed: Project, port: int) -> None:
    up = mixed.up()
    up.signal(signal.SIGTERM)
    up.until_said("stopping (SIGTERM)")
    mixed.kill_supervisor(up)
    mixed.until_nothing_is_left(at_this_load(GRACE + SETTLING))
    assert is_free(port)


def test_the_keeper_was_killed(mixed: Project, port: int) -> None:
    """The supervisor hears of it, and stops the stack as it does when it is asked to."""
    up = mixed.up()
    record = mixed.record()
    assert record.keeper is not None
    assert record.keeper.pid == up.pid
    up.signal(signal.SIGKILL)
    assert up.wait() == -signal.SIGKILL
    mixed.until_nothing_is_left(at_this_load(OWN_GRACE + SETTLING))
    assert is_free(port)
    assert "the keeper process was killed; stopping" in up.text


def test_keeper_and_supervisor_were_killed_at_once(mixed: Project, port: int) -> None:
    record = mixed.up_detached()
    assert record.keeper is not None
    for number in (signal.SIGSTOP, signal.SIGKILL):  # stopped first, so that neither hears of the other
        for pid in (record.supervisor.pid, record.keeper.pid):
            os.kill(pid, number)
    mixed.up_detached()
    assert mixed.run("down").returncode == 0
    mixed.assert_nothing_is_left(port)


def test_the_reader_of_the_output_is_gone(mixed: Project, port: int) -> None:
    up = mixed.start("up")
    up.until_said("ready in")
    up.close()
    assert up.wait() == 128 + signal.SIGHUP
    mixed.assert_nothing_is_left(port)


def test_the_reader_of_the_output_takes_one_line(mixed: Project, port: int) -> None:
    """As `devstack up | head -1`: the pipeline ends, and with it the stack."""
    pipeline = f'"{mixed.python}" -m devstack up | head -1; echo "left ${{PIPESTATUS:-}}"'
    done = subprocess.run(
        ["/bin/sh", "-c", pipeline],
        cwd=mixed.folder,
        env=mixed.environment(),
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert len(done.stdout.splitlines()) == 2
    mixed.assert_nothing_is_left(port)


def test_there_never_was_a_reader(project: Project) -> None:
    project.stack({"one": child("calm")})
    up = project.start("up")
    up.close()
    assert up.wait() != 0
    project.assert_nothing_is_left()


def ctrl_c(up: Running) -> None:
    up.type(b"\x03")


def terminate(up: Running) -> None:
    up.signal(signal.SIGTERM)


def close_terminal(up: Running) -> None:
    up.close()


@pytest.mark.parametrize(
    ("end", "code"),
    [(ctrl_c, 128 + signal.SIGINT), (terminate, 128 + signal.SIGTERM), (close_terminal, 128 + signal.SIGHUP)],
)
def test_the_wait_of_a_detached_start_was_ended(
    mixed: Project, port: int, end: Callable[[Running], None], code: int
) -> None:
    with open(mixed.folder / "Procfile.dev", "a") as procfile:
        procfile.write("never: sleep 1000\n")
    with open(mixed.folder / "devstack.toml", "a") as settings:
        settings.write('\n[services.never]\nports = []\nready = { log = "^up" }\n')
    up = mixed.start_in_terminal("up", "-d")
    mixed.until_logged("listener", "up")
    end(up)
    assert up.wait() == code
    mixed.assert_nothing_is_left(port)
    assert "Traceback" not in up.text


def test_a_detached_start_was_killed_while_it_waited(mixed: Project, port: int) -> None:
    with open(mixed.folder / "Procfile.dev", "a") as procfile:
        procfile.write("never: sleep 1000\n")
    with open(mixed.folder / "devstack.toml", "a") as settings:
        settings.write('\n[services.never]\nports = []\nready = { log = "^up" }\n')
    up = mixed.start("up", "-d")
    mixed.until_logged("listener", "up")
    up.signal(signal.SIGKILL)
    mixed.until_nothing_is_left(at_this_load(OWN_GRACE + SETTLING))
    assert is_free(port)


def test_the_daemon_was_killed_while_a_detached_start_waited(mixed: Project, port: int) -> None:
    with open(mixed.folder / "Procfile.dev", "a") as procfile:
        procfile.write("never: sleep 1000\n")
    up = mixed.start("up", "-d")
    mixed.until_logged("listener", "up")
    until(lambda: read_record(str(mixed.folder)) is not None, "the record")
    os.kill(mixed.record().supervisor.pid, signal.SIGKILL)
    assert up.wait() == 1
    mixed.assert_nothing_is_left(port)
    assert "ended by signal 9 before the stack was ready" in up.text
