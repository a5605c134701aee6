"""Processes that multiply while they are being ended: the end converges, and their number stays small."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.stack import Project, child

MOST_FORKS = 1000
"""The processes that a child may start at most; then it only sleeps, so that a failing test is harmless."""

MULTIPLYING = ("forks_on_term", "forks_on_cont", "fork_loop", "fork_chain", "deaf")


@pytest.fixture
def tokens(project: Project) -> Path:
    return project.folder / "tokens"


def forks(tokens: Path) -> int:
    """Return how many processes the child has started so far."""
    return tokens.stat().st_size if tokens.exists() else 0


@pytest.fixture(params=MULTIPLYING)
def way(request: pytest.FixtureRequest, project: Project, tokens: Path) -> str:
    """A stack of a calm service and one that multiplies in this way."""
    way = str(request.param)
    project.stack({"calm": child("calm"), "forks": child(way, tokens, MOST_FORKS)})
    return way


def assert_converged(project: Project, tokens: Path) -> None:
    project.until_nothing_is_left()
    assert forks(tokens) < MOST_FORKS


@pytest.mark.usefixtures("way")
def test_down_ends_a_service_that_multiplies(project: Project, tokens: Path) -> None:
    project.up_detached()
    done = project.run("down")
    assert done.returncode == 0, done.stdout + done.stderr
    project.assert_nothing_is_left()
    assert_converged(project, tokens)


@pytest.mark.usefixtures("way")
def test_stop_of_one_service_is_as_thorough(project: Project, tokens: Path) -> None:
    project.up_detached()
    done = project.run("stop", "forks")
    assert done.returncode == 0, done.stdout + done.stderr
    left = [command for command in project.living().values() if "forks" in command or "fork_" in command]
    assert left == []
    assert project.status()["calm"]["state"] == "ready"
    assert forks(tokens) < MOST_FORKS
    assert project.run("down").returncode == 0
    project.assert_nothing_is_left()


@pytest.mark.usefixtures("way")
def test_a_killed_supervisor_leaves_nothing_that_multiplies(project: Project, tokens: Path) -> None:
    record = project.up_detached()
    os.kill(record.supervisor.pid, signal.SIGKILL)
    assert_converged(project, tokens)


@pytest.mark.usefixtures("way")
def test_a_stale_run_is_ended_by_the_next_command(project: Project, tokens: Path) -> None:
    record = project.up_detached()
    assert record.keeper is not None
    os.kill(record.keeper.pid, signal.SIGSTOP)
    os.kill(record.supervisor.pid, signal.SIGKILL)
    os.kill(record.keeper.pid, signal.SIGKILL)
    assert project.run("down", "--timeout", "1").returncode == 0
    assert_converged(project, tokens)


def test_a_service_that_forks_on_sigterm_is_asked_once(project: Project, tokens: Path) -> None:
    project.stack({"forks": child("forks_on_term", tokens, MOST_FORKS)})
    record = project.up_detached()
    os.kill(record.supervisor.pid, signal.SIGKILL)
    project.until_nothing_is_left()
    assert 3 <= forks(tokens) <= 12
