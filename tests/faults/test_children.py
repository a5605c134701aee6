"""Children that are hard to end: each is gone after every ending, and only then is it said so."""

from __future__ import annotations

import os
import signal
import time

import psutil
import pytest

from devstack.supervisor.cleanup.keeping import GRACE
from tests.stack import HARDEST, Project, child, until

HARD = (
    "calm",
    "deaf",
    "pair",
    "session",
    "orphan",
    "daemon",
    "deaf_daemon",
    "empty_in_group",
    "empty_in_session",
    *({HARDEST} - {"empty_in_session"}),
    "holds_output",
    "forks",
)
WITHOUT_SERVICE = ("empty_orphan",)
"""Environment, parent and session are gone: that it is the stack's is known, but not which service's."""


@pytest.mark.parametrize("way", HARD)
def test_down_ends_it(project: Project, way: str) -> None:
    project.stack({"one": child(way), "other": child("calm")})
    project.up_detached()
    done = project.run("down")
    project.assert_nothing_is_left()
    assert (done.returncode, "nothing is left running" in done.stdout) == (0, True), done.stdout


@pytest.mark.parametrize("way", HARD)
def test_a_signal_to_the_supervisor_ends_it(project: Project, way: str) -> None:
    project.stack({"one": child(way), "other": child("calm")})
    up = project.up()
    up.signal(signal.SIGTERM)
    assert up.wait() == 128 + signal.SIGTERM
    project.assert_nothing_is_left()


@pytest.mark.parametrize("way", HARD)
def test_the_keeper_ends_it_when_the_supervisor_was_killed(project: Project, way: str) -> None:
    project.stack({"one": child(way), "other": child("calm")})
    record = project.up_detached()
    os.kill(record.supervisor.pid, signal.SIGKILL)
    project.until_nothing_is_left(GRACE + 3.0)


@pytest.mark.parametrize("way", HARD)
def test_down_ends_it_when_supervisor_and_keeper_were_killed(project: Project, way: str) -> None:
    project.stack({"one": child(way), "other": child("calm")})
    record = project.up_detached()
    assert record.keeper is not None
    for number in (signal.SIGSTOP, signal.SIGKILL):  # stopped first, so that no new keeper is started
        for pid in (record.supervisor.pid, record.keeper.pid):
            os.kill(pid, number)
    done = project.run("down", "--timeout", "0.5")
    project.assert_nothing_is_left()
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("way", [way for way in HARD if way not in WITHOUT_SERVICE])
def test_one_service_alone_is_stopped_with_all_that_it_started(project: Project, way: str) -> None:
    project.stack({"one": child(way), "other": child("calm")})
    project.up_detached()
    others = set(project.living())
    done = project.run("stop", "one")
    assert done.returncode == 0, done.stderr
    states = project.status()
    assert (states["one"]["state"], states["other"]["state"]) == ("stopped", "ready")
    started = [project.number("one", "child")] if "child=" in project.log("one") else []
    assert not set(started) & set(project.living())
    assert states["other"]["pid"] in others


def test_a_service_that_needs_two_seconds_to_end_is_allowed_to(project: Project) -> None:
    slow = '[services.one]\nports = []\nready = { log = "^up" }\nstop = { grace = 60 }'
    project.stack({"one": child("finishes")}, slow)
    up = project.up()
    began = time.monotonic()
    up.signal(signal.SIGINT)
    assert up.wait() == 128 + signal.SIGINT
    assert 1.5 < time.monotonic() - began < 30
    assert project.log("one").splitlines()[-1] == "goodbye"
    assert "goodbye" in up.text
    project.assert_nothing_is_left()


def test_a_grandchild_that_holds_the_output_open_delays_nothing(project: Project) -> None:
    project.stack({"one": child("holds_output")})
    up = project.up()
    began = time.monotonic()
    up.signal(signal.SIGTERM)
    up.wait()
    assert time.monotonic() - began < 9  # the grace is 10
    project.assert_nothing_is_left()


def test_what_is_asked_to_end_is_asked_once(project: Project) -> None:
    project.stack({"one": child("counts_signals")})
    up = project.up()
    up.signal(signal.SIGTERM)
    up.wait()
    assert project.log("one").count("signal") == 1


def test_a_daemon_that_a_one_shot_set_up_lives_until_the_stop(project: Project) -> None:
    project.stack({"setup": child("daemon"), "web": child("calm")})
    project.up_detached()
    pid = project.number("setup", "child")
    assert project.status()["setup"]["state"] == "exited"
    assert pid in project.living()
    assert project.run("down").returncode == 0
    project.assert_nothing_is_left()


def test_the_next_up_ends_what_a_killed_supervisor_and_keeper_left(project: Project) -> None:
    project.stack({"one": child("session"), "two": child("orphan")})
    record = project.up_detached()
    assert record.keeper is not None
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in (record.supervisor.pid, record.keeper.pid):
            os.kill(pid, number)
    before = set(project.living())
    assert len(before) >= 4
    up = project.up()
    assert "that a killed supervisor had left here" in up.text
    assert not before & set(project.living())
    up.signal(signal.SIGTERM)
    up.wait()
    project.assert_nothing_is_left()


def test_a_stopped_process_is_ended_too(project: Project) -> None:
    project.stack({"one": child("calm")})
    record = project.up_detached()
    (service,) = record.processes
    os.kill(service.pid, signal.SIGSTOP)
    until(lambda: psutil.Process(service.pid).status() == psutil.STATUS_STOPPED, "it to be stopped")
    assert project.run("down").returncode == 0
    project.assert_nothing_is_left()
