"""One supervisor a project: who comes second is told so, whatever the folder is called and whoever asks."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from tests.stack import Project, child, project_in, until

ROUNDS = 5


@pytest.mark.parametrize("arguments", [("up",), ("up", "-d")])
def test_of_two_starts_at_once_one_wins_and_the_other_names_it(
    project: Project, arguments: tuple[str, ...]
) -> None:
    project.stack({"one": child("calm")})
    for _ in range(ROUNDS):
        first, second = (project.start(*arguments) for _ in range(2))
        until(
            lambda: any(one.process.poll() == 6 for one in (first, second)),  # noqa: B023
            "one of them to end with 6",
        )
        loser, winner = (first, second) if first.process.poll() == 6 else (second, first)
        loser.wait()
        winner.until_said("ready in")
        named = [int(pid) for pid in re.findall(r"pid (\d+)", loser.text)]
        assert len(named) == 1, loser.text
        assert named[0] in (winner.pid, project.record().supervisor.pid)
        assert "Traceback" not in loser.text
        until(lambda: len(project.living()) == 3, "supervisor, keeper and service alone")
        assert project.run("down").returncode == 0
        assert winner.wait() == 0
        project.assert_nothing_is_left()


def test_many_starts_at_once_start_one_stack(project: Project) -> None:
    project.stack({"one": child("calm")})
    ups = [project.start("up") for _ in range(6)]
    until(lambda: sum(up.process.poll() == 6 for up in ups) == 5, "five of six to end with 6")
    (winner,) = (up for up in ups if up.process.poll() is None)
    winner.until_said("ready in")
    winner.signal(signal.SIGTERM)
    winner.wait()
    project.assert_nothing_is_left()


def test_a_second_start_says_what_runs_and_what_helps(project: Project) -> None:
    project.stack({"one": child("calm")})
    record = project.up_detached()
    done = project.run("up")
    assert done.returncode == 6
    assert f"mode dev, supervisor pid {record.supervisor.pid}" in done.stderr
    assert all(f"devstack {command}" in done.stderr for command in ("status", "logs -f", "down", "restart"))


def test_the_lock_dies_with_its_process(project: Project) -> None:
    """At once, though services and keeper live on for a moment."""
    project.stack({"one": child("deaf"), "two": child("session")})
    record = project.up_detached()
    os.kill(record.supervisor.pid, signal.SIGKILL)
    up = project.up()
    assert project.record().keeper.pid == up.pid  # type: ignore[union-attr]
    up.signal(signal.SIGTERM)
    up.wait()
    project.assert_nothing_is_left()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks into /proc")
def test_a_service_does_not_hold_the_lock_or_anything_else_of_ours(project: Project) -> None:
    project.stack({"one": "ls -l /proc/self/fd; echo up; exec sleep 1000"})
    project.up_detached()
    numbers = re.findall(r" (\d+) -> ", project.log("one"))
    assert [number for number in numbers if int(number) > 3] == [], project.log("one")  # 3: ls's own
    assert project.run("down").returncode == 0


def test_two_projects_at_once_know_nothing_of_each_other(tmp_path: Path) -> None:
    with project_in(tmp_path / "a") as one, project_in(tmp_path / "b") as other:
        for project in (one, other):
            project.stack({"one": child("calm")})
        first, second = one.start("up"), other.start("up")
        first.until_said("ready in")
        second.until_said("ready in")
        assert one.run("down").returncode == 0
        assert first.wait() == 0
        assert other.status()["one"]["state"] == "ready"
        assert other.run("down").returncode == 0
        one.assert_nothing_is_left()
        other.assert_nothing_is_left()


LONG = "a-folder-with-a-long-name/" * 8
NAMES = [
    LONG[:150].rstrip("/"),
    "with blanks in  it",
    "ümlaute und 日本",
    'it\'s "quoted" `here` $HOME',
    "-dash",
    "percent%20#hash",
    "line\nbreak",
]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_the_folder_may_be_called_anything(tmp_path: Path, name: str) -> None:
    with project_in(tmp_path / name) as project:
        assert len(str(project.folder / ".devstack" / "control.sock")) > 107 or name != NAMES[0]
        project.stack({"one": "pwd; echo up; exec sleep 1000"})
        project.up_detached()
        assert project.status()["one"]["state"] == "ready"
        assert project.log("one").startswith(str(project.folder))
        assert project.run("restart", "one").returncode == 0
        assert "up" in project.run("logs").stdout
        assert project.run("up").returncode == 6
        done = project.run("down")
        assert done.returncode == 0, done.stderr
        project.assert_nothing_is_left()


@pytest.mark.parametrize("variable", ["TMPDIR", "HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME"])
def test_nothing_depends_on_the_shells_variables(project: Project, tmp_path: Path, variable: str) -> None:
    project.stack({"one": child("calm")})
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    project.up_detached()
    there = {variable: str(elsewhere)}
    assert project.run("status", **there).returncode == 0
    assert project.run("up", **there).returncode == 6
    assert project.run("down", **there).returncode == 0
    project.assert_nothing_is_left()
    assert list(elsewhere.iterdir()) == []


def test_from_a_folder_inside_the_same_stack_is_met(project: Project) -> None:
    project.stack({"one": child("calm")})
    project.up_detached()
    inside = project.folder / "src" / "deep"
    inside.mkdir(parents=True)
    project.folder, outside = inside, project.folder
    assert project.run("up").returncode == 6
    assert project.run("down").returncode == 0
    project.folder = outside
    project.assert_nothing_is_left()
