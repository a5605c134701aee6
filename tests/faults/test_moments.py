"""A stop may come at any moment: during the start, the wait for a restart, a restart, another stop."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import pytest

from devstack.supervisor.run.signals import ONCE_MORE_AFTER
from tests.stack import Project, Running, child, pause, until

CRASHES = "echo up; sleep 0.05; exit 3"
MANY = (
    '[services.one]\nports = []\nready = { log = "^up" }\nrestart = { max = 1000 }\nstop = { grace = 0.5 }\n'
)
PATIENT = '[services.one]\nports = []\nready = { log = "^up" }\nstop = { grace = 60 }\n'
SLOW = '[services.one]\nports = []\nready = { log = "^up" }\nstop = { grace = 6 }\n'


def by_down(project: Project, up: Running) -> None:
    assert project.run("down").returncode == 0


def by_signal(project: Project, up: Running) -> None:
    up.signal(signal.SIGTERM)


BOTH_WAYS = pytest.mark.parametrize("stop", [by_down, by_signal])
Stop = Callable[[Project, Running], None]


def state(project: Project, name: str = "one") -> str:
    found: str = project.status()[name]["state"]
    return found


@BOTH_WAYS
def test_in_backoff(project: Project, stop: Stop) -> None:
    project.stack({"one": CRASHES, "two": child("calm")}, MANY)
    up = project.start("up")
    up.until_said("starting again in 1.6 s")
    began = time.monotonic()
    stop(project, up)
    up.wait()
    assert time.monotonic() - began < 9  # the grace of the other one is 10
    project.assert_nothing_is_left()
    assert up.text.rstrip().endswith("nothing is left running")


@BOTH_WAYS
def test_while_a_service_starts(project: Project, stop: Stop) -> None:
    project.stack({"one": "sleep 1000", "two": child("session")})
    up = project.start("up")
    up.until_said("two ready")
    stop(project, up)
    assert up.wait() in (0, 128 + signal.SIGTERM)
    project.assert_nothing_is_left()


def until_it_has_the_lock(project: Project) -> None:
    """Return when a start has begun: before that it is Python that starts."""
    lock = project.folder / ".devstack" / "lock"
    until(lambda: lock.exists() and lock.stat().st_size > 0, "the lock to be taken")


@pytest.mark.parametrize("wait", range(0, 200, 10))
def test_from_the_first_moment_on(project: Project, wait: int) -> None:
    project.stack({"one": child("session"), "two": child("orphan")})
    up = project.start("up")
    until_it_has_the_lock(project)
    pause(wait / 1000)
    up.signal(signal.SIGINT)
    assert up.wait() in (128 + signal.SIGINT, -signal.SIGINT), up.text
    assert "Traceback" not in up.text
    project.assert_nothing_is_left()


@pytest.mark.parametrize("wait", range(0, 300, 15))
def test_from_the_first_moment_of_a_detached_start_on(project: Project, wait: int) -> None:
    project.stack({"one": child("session"), "never": "sleep 1000"})
    up = project.start_in_terminal("up", "-d")
    until_it_has_the_lock(project)
    pause(wait / 1000)
    up.type(b"\x03")
    assert up.wait() in (128 + signal.SIGINT, -signal.SIGINT), up.text
    assert "Traceback" not in up.text
    project.assert_nothing_is_left()


@BOTH_WAYS
def test_while_one_service_is_stopped(project: Project, stop: Stop) -> None:
    project.stack({"one": child("finishes"), "two": child("calm")}, SLOW)
    up = project.up()
    stopping = project.start("stop", "one")
    up.until_said("one stopping")
    stop(project, up)
    up.wait()
    stopping.wait()
    assert "Traceback" not in stopping.text
    assert project.log("one").endswith("goodbye\n")
    project.assert_nothing_is_left()


@pytest.mark.parametrize("way", ["down", "signal"])
def test_while_one_service_is_restarted(project: Project, way: str) -> None:
    gate = project.folder / "gate"
    project.stack({"one": child("finishes_when", gate), "two": child("calm")}, PATIENT)
    up = project.up()
    restarting = project.start("restart", "one")
    until(lambda: state(project) == "stopping", "it to stop")
    if way == "down":
        project.start("down")
    else:
        up.signal(signal.SIGTERM)
    up.until_said("stopping (")
    gate.touch()
    up.wait()
    restarting.wait()
    assert "Traceback" not in restarting.text
    assert project.log("one").count("up") == 1
    project.until_nothing_is_left()


def test_two_downs_at_once_both_say_so_when_it_is_done(project: Project) -> None:
    project.stack({"one": child("finishes")}, SLOW)
    up = project.up()
    downs = [project.start("down") for _ in range(3)]
    assert [down.wait() for down in downs] == [0, 0, 0]
    assert up.wait() == 0
    project.assert_nothing_is_left()
    assert all("nothing is left running" in down.text for down in downs)


def test_a_signal_during_a_down_is_no_haste_and_a_second_one_is(project: Project) -> None:
    patient = '[services.one]\nports = []\nready = { log = "^up" }\nstop = { grace = 100 }\n'
    project.stack({"one": child("deaf")}, patient)
    up = project.up()
    down = project.start("down")
    up.until_said("stopping (devstack down)")
    up.signal(signal.SIGINT)
    up.until_said("stopping already; a second time ends everything at once")
    pause(2 * ONCE_MORE_AFTER)
    assert project.log("one") == "up\n"
    up.signal(signal.SIGINT)
    assert down.wait() == 0
    assert up.wait() == 0
    project.assert_nothing_is_left()


def test_a_stop_of_one_service_in_backoff_cancels_its_restart(project: Project) -> None:
    project.stack({"one": CRASHES, "two": child("calm")}, MANY)
    up = project.start("up")
    up.until_said("starting again in 0.8 s")
    assert project.run("stop", "one").returncode == 0
    starts = project.log("one").count("up")
    pause(1.2)  # longer than the backoff
    assert project.log("one").count("up") == starts
    assert state(project) == "stopped"
    up.signal(signal.SIGTERM)
    up.wait()
    project.assert_nothing_is_left()


def test_a_start_during_a_stop_starts_it_again(project: Project) -> None:
    project.stack({"one": child("finishes"), "two": child("calm")}, SLOW)
    up = project.up()
    stopping = project.start("stop", "one")
    until(lambda: state(project) == "stopping", "it to stop")
    assert project.run("start", "one").returncode == 0
    assert state(project) == "ready"
    assert project.log("one") == "up\ngoodbye\nup\n"
    assert stopping.wait(5) == 0  # what it asked for was done, if not for long
    up.signal(signal.SIGTERM)
    up.wait()
    project.assert_nothing_is_left()


def test_a_stop_during_a_start_ends_the_wait_of_the_start(project: Project) -> None:
    project.stack({"one": "test -e slow || echo up; exec sleep 1000", "two": child("calm")})
    up = project.up()
    assert project.run("stop", "one").returncode == 0
    (project.folder / "slow").touch()
    starting = project.start("start", "one")
    until(lambda: state(project) == "starting", "it to start")
    assert project.run("stop", "one").returncode == 0
    assert starting.wait(5) == 1
    assert "one stopped" in starting.text
    up.signal(signal.SIGTERM)
    up.wait()


def test_a_start_that_waits_for_a_dependency_in_vain_says_so_at_once(project: Project) -> None:
    project.stack(
        {
            "other": child("calm"),
            "base": "test -e broken && exec /does/not/exist; echo up; exec sleep 1000",
            "one": child("calm"),
        }
    )
    with open(project.folder / "devstack.toml", "a") as settings:
        settings.write('depends_on = ["base"]\n')
    up = project.up()
    assert project.run("stop", "base", "one").returncode == 0
    (project.folder / "broken").touch()
    began = time.monotonic()
    done = project.run("start", "one")
    assert done.returncode == 1
    assert time.monotonic() - began < 40  # its timeout is 60
    assert "it waited for base" in done.stderr
    assert state(project, "base") == "failed"
    up.signal(signal.SIGTERM)
    up.wait()
    project.assert_nothing_is_left()
