"""`devstack down` as a person and a script meet it: what it stops, on whom it waits, what it says of it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from devstack.errors import ControlError
from devstack.supervisor.control.client import ControlClient
from devstack.supervisor.run_folder.record import Record
from tests.machine.strangers import quiet_port, stranger
from tests.stack import DEADLINE, HARDEST, Project, child, project_in, until
from tests.waiting import at_this_load

SHARING = """
import os, socket, sys
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
server.bind(("127.0.0.1", int(os.environ["PORT"])))
server.listen()
print("up", flush=True)
while True:
    server.accept()[0].close()
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with project_in(tmp_path) as found:
        yield found


def test_it_names_every_service_that_it_stopped(project: Project) -> None:
    project.stack({"one": child("calm"), "two": child("calm")})
    project.up_detached()
    done = project.run("down")
    assert done.returncode == 0
    assert sorted(done.stdout.splitlines()) == [
        "one stopped",
        "stopped the stack (2 services, mode dev); nothing is left running",
        "two stopped",
    ]


def test_it_says_on_whom_it_waits(project: Project) -> None:
    project.stack({"one": child("deaf"), "two": child("calm")}, grace("one", 2))
    pid = project.up_detached().services[0].process
    assert pid is not None
    done = project.run("down")
    assert f"waiting for one (pid {pid.pid}); killed in 1 s" in done.stdout
    assert done.returncode == 0
    project.assert_nothing_is_left()


def grace(name: str, seconds: float) -> str:
    return f'[services.{name}]\nports = []\nready = {{ log = "^up" }}\nstop = {{ grace = {seconds} }}\n'


def test_its_timeout_replaces_every_grace(project: Project) -> None:
    project.stack({"one": child("deaf"), "two": child("session")}, grace("one", 100) + grace("two", 100))
    project.up_detached()
    began = time.monotonic()
    assert project.run("down", "--timeout", "0.3").returncode == 0
    assert 0.3 < time.monotonic() - began < 50
    project.assert_nothing_is_left()


def test_its_timeout_holds_for_a_service_that_is_being_stopped_already(project: Project) -> None:
    project.stack({"one": child("deaf"), "two": child("calm")}, grace("one", 100))
    project.up_detached()
    stop = project.start("stop", "one")
    until(lambda: project.status()["one"]["state"] == "stopping", "its stop")
    assert project.run("down", "--timeout", "0.3", timeout=DEADLINE).returncode == 0
    assert stop.wait() == 1
    project.assert_nothing_is_left()


def test_with_no_time_at_all_it_kills_at_once(project: Project) -> None:
    project.stack({"one": child("finishes"), "two": child(HARDEST)}, grace("one", 100))
    project.up_detached()
    began = time.monotonic()
    assert project.run("down", "--timeout", "0").returncode == 0
    assert time.monotonic() - began < 50
    assert "goodbye" not in project.log("one")
    project.assert_nothing_is_left()


def test_of_a_killed_supervisor_it_names_what_it_ended(project: Project) -> None:
    project.stack({"one": child("calm"), "two": child("session")})
    record = project.up_detached()
    assert record.keeper is not None
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in (record.supervisor.pid, record.keeper.pid):
            os.kill(pid, number)
    done = project.run("down", "--timeout", "0.5")
    assert done.returncode == 0
    assert f"the supervisor (pid {record.supervisor.pid}) is dead; looking for what it left" in done.stdout
    for service in record.services:
        assert service.process is not None
        assert f"ended {service.name} (pid {service.process.pid})" in done.stdout
    assert "stopped 3 leftover processes; nothing is left running" in done.stdout
    project.assert_nothing_is_left()


def test_a_supervisor_that_is_stuck_is_ended_without_its_help(project: Project) -> None:
    project.stack({"one": child("calm"), "two": child("session")})
    record = project.up_detached()
    get_stuck(project, record)
    done = project.run("down", "--timeout", "0.5")
    assert done.returncode == 0, done.stderr
    assert "has not answered for 5 s; ending it without its help" in done.stdout
    project.assert_nothing_is_left()


def get_stuck(project: Project, record: Record) -> None:
    """Return when the supervisor waits for ever: for a reader of what it believes to be its record."""
    os.mkfifo(project.folder / ".devstack" / f"record.json.{record.supervisor.pid}.new")
    assert record.processes
    os.kill(record.processes[0].pid, signal.SIGKILL)
    until(lambda: not answers(record), "the supervisor to be stuck")


def answers(record: Record) -> bool:
    try:
        with ControlClient(record) as client:
            return bool(client.call("hello", within=0.3))
    except ControlError:
        return False


def test_an_up_behind_ctrl_z_goes_on_and_stops_its_services_in_their_own_way(project: Project) -> None:
    project.stack({"one": child("finishes"), "two": child("calm")}, grace("one", 60))
    up = project.up()
    up.signal(signal.SIGSTOP)
    until(lambda: psutil.Process(up.pid).status() == psutil.STATUS_STOPPED, "it to be stopped")
    done = project.run("down")
    assert (done.returncode, up.wait()) == (0, 0), done.stdout + done.stderr
    assert "stopped the stack (2 services, mode dev); nothing is left running" in done.stdout
    assert "goodbye" in project.log("one")
    project.assert_nothing_is_left()


def test_a_keeper_that_is_stuck_holds_up_nobody(project: Project) -> None:
    project.stack({"one": child("calm")})
    record = project.up_detached()
    assert record.keeper is not None
    os.kill(record.keeper.pid, signal.SIGSTOP)
    began = time.monotonic()
    assert project.run("down").returncode == 0
    assert time.monotonic() - began < at_this_load(5)
    project.assert_nothing_is_left()


def test_a_keeper_that_was_stopped_is_gone_as_well_when_the_supervisor_was_killed(project: Project) -> None:
    project.stack({"one": child("calm")})
    record = project.up_detached()
    assert record.keeper is not None
    os.kill(record.keeper.pid, signal.SIGSTOP)
    os.kill(record.supervisor.pid, signal.SIGKILL)
    began = time.monotonic()
    assert project.run("down").returncode == 0
    assert time.monotonic() - began < at_this_load(5)
    project.assert_nothing_is_left()


def test_a_port_that_is_still_held_after_it_is_3_with_who_holds_it(project: Project) -> None:
    port = quiet_port()
    command = project.script("sharing.py", SHARING)
    claim = f'ports = [{{ env = "PORT", default = {port}, protocol = "tcp" }}]'
    project.stack({"api": command}, f'[services.api]\n{claim}\nready = {{ log = "^up" }}\n')
    project.up_detached()
    with stranger(port=port, ways=["reuse"]) as other:
        done = project.run("down")
    assert done.returncode == 3
    assert f"port {port}" in done.stderr
    assert f"pid {other.pid}" in done.stderr
    project.assert_nothing_is_left()


def test_nothing_running_is_no_error(project: Project) -> None:
    project.stack({"one": child("calm")})
    done = project.run("down")
    assert (done.returncode, done.stdout) == (0, f"nothing is running in {project.folder}\n")


def test_it_reads_no_file_but_the_record(project: Project) -> None:
    project.stack({"one": child("calm")})
    project.up_detached()
    (project.folder / "Procfile.dev").write_text("no longer a Procfile\n")
    (project.folder / "devstack.toml").write_text("[[[")
    (project.folder / ".env").write_bytes(b"\xff='\n")
    assert project.run("down", DEVSTACK_MODE="/").returncode == 0
    project.assert_nothing_is_left()


def test_during_a_detached_start_it_stops_the_start_which_has_failed(project: Project) -> None:
    project.stack({"one": child("session"), "never": "sleep 1000"})
    up = project.start("up", "-d")
    project.until_logged("one", "up")
    assert project.run("down").returncode == 0
    assert up.wait() == 1
    assert "stopping (devstack down)" in up.text
    project.assert_nothing_is_left()
