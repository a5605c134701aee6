"""What goes on for long: nothing grows, no descriptor and no zombie stays."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress

import psutil
import pytest

from tests.stack import Project, child, pause, until
from tests.supervisor.control.test_control_socket import Peer, peers

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="only Linux tells a user what memory is a process's own"
)

ROUNDS = 200
SLACK = 1024 * 1024


def crash_and_start(peer: Peer, name: str) -> None:
    """End the service's process as a crash does, and start it again without its backoff."""
    services = {one["name"]: one for one in peer.ask("status")["result"]["services"]}
    os.kill(services[name]["pid"], signal.SIGKILL)
    answer = peer.ask("restart", {"services": [name], "timeout": 10})["result"]["services"][0]
    assert answer["state"] == "ready"


def descriptors(pid: int) -> int:
    found: int = psutil.Process(pid).num_fds()
    return found


def private_bytes(pid: int) -> int:
    found: int = psutil.Process(pid).memory_full_info().uss
    return found


def zombies_of(pid: int) -> list[int]:
    found = []
    for one in psutil.Process(pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if one.status() == psutil.STATUS_ZOMBIE:
                found.append(one.pid)
    return found


@pytest.mark.parametrize("way", ["calm", "session", "orphan"])
def test_after_two_hundred_crashes_nothing_has_grown(project: Project, way: str) -> None:
    hasty = '[services.one]\nports = []\nready = { log = "^up" }\nstop = { grace = 0.01 }\n'
    project.stack({"one": f"echo a line; {child(way)}", "other": child("calm")}, hasty)
    record = project.up_detached()
    supervisor = record.supervisor.pid
    with peers(project) as (peer,):
        for _ in range(20):
            crash_and_start(peer, "one")
        files, memory = descriptors(supervisor), private_bytes(supervisor)
        for _ in range(ROUNDS):
            crash_and_start(peer, "one")
        until(lambda: descriptors(supervisor) <= files, "no descriptor to stay")
        until(lambda: not zombies_of(supervisor), "no zombie to stay")
        assert private_bytes(supervisor) < memory + SLACK
        assert psutil.Process(supervisor).num_threads() == 1
    assert record.keeper is not None
    assert descriptors(record.keeper.pid) <= 4
    living = len(project.living())
    assert living == (4 if way == "calm" else 5), project.living()
    assert project.run("down").returncode == 0
    project.assert_nothing_is_left()


def test_orphans_that_end_are_reaped(project: Project) -> None:
    """They became the supervisor's children, and nobody else will."""
    orphans = "echo up; while :; do (sleep 0.01 & (sleep 0.02 &) ); sleep 0.01; done"
    project.stack({"one": orphans})
    record = project.up_detached()
    for _ in range(20):
        until(lambda: len(zombies_of(record.supervisor.pid)) <= 3, "the orphans to be reaped")
    assert project.run("down").returncode == 0
    project.assert_nothing_is_left()


def test_an_idle_stack_costs_nothing(project: Project) -> None:
    project.stack({"one": child("calm"), "two": child("calm")})
    record = project.up_detached()
    assert record.keeper is not None
    pids = (record.supervisor.pid, record.keeper.pid)

    def _nobody_wakes_up() -> bool:
        before = [switches(pid) for pid in pids]
        pause(2.0)
        return [switches(pid) for pid in pids] == before

    until(_nobody_wakes_up, "two seconds in which neither wakes up")


def switches(pid: int) -> int:
    """Return how often a process has slept so far: one that polls sleeps again and again."""
    return int(psutil.Process(pid).num_ctx_switches().voluntary)
