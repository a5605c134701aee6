"""Who is not of the stack is never signalled, however near he is."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devstack.machine import system
from devstack.machine.system import ProcessId
from devstack.supervisor.cleanup.keeping import GRACE
from devstack.supervisor.run_folder.paths import prepare_run_folder
from devstack.supervisor.run_folder.record import Record, RecordedService, write_record
from tests.stack import HARDEST, Project, child, project_in, until


@contextmanager
def stranger(project: Project) -> Iterator[ProcessId]:
    """A process that works in the project's folder, in this session, and is none of its stack."""
    process = subprocess.Popen(["sleep", "1000"], cwd=project.folder, env=project.environment())
    try:
        found = system.identify(process.pid)
        assert found is not None
        yield found
        assert process.poll() is None, "the stranger was ended"
    finally:
        process.kill()
        process.wait()


def end_by_down(project: Project, pid: int) -> None:
    assert project.run("down").returncode == 0


def end_by_signal(project: Project, pid: int) -> None:
    os.kill(pid, signal.SIGTERM)


def end_by_kill(project: Project, pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


ENDINGS = [end_by_down, end_by_signal, end_by_kill]
End = Callable[[Project, int], None]


@pytest.mark.parametrize("end", ENDINGS)
@pytest.mark.parametrize("way", ["sleep 1000 & echo stranger=$!; exec", "sleep 1000 & echo stranger=$!;"])
def test_background_jobs_of_the_same_shell_stay(project: Project, end: End, way: str) -> None:
    """In the same session, and with `exec` even as children of the supervisor."""
    project.stack({"one": child("session"), "two": child("orphan"), "three": child(HARDEST)})
    script = f'{way} "{project.python}" -m devstack up; wait'
    with subprocess.Popen(
        ["/bin/sh", "-c", script],
        cwd=project.folder,
        env=project.environment(),
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
    ) as shell:
        assert shell.stdout is not None
        found = int(shell.stdout.readline().partition("=")[2])
        while "ready in" not in shell.stdout.readline():
            assert shell.poll() is None
        end(project, project.record().supervisor.pid)
        left = {found, shell.pid} if "exec" not in way else {found}
        until(lambda: set(project.living()) <= left, "the stack to be gone", GRACE + 3)
        assert found in project.living()
        os.kill(found, signal.SIGKILL)
        shell.stdout.read()


@pytest.mark.parametrize("end", ENDINGS)
def test_the_stack_of_another_project_stays(project: Project, tmp_path: Path, end: End) -> None:
    services = {"one": child("session"), "two": child("orphan"), "three": child("empty_in_session")}
    with project_in(tmp_path / "other") as other:
        for one in (project, other):
            one.stack(services)
        theirs = other.up_detached()
        ours = project.up_detached()
        before = set(other.living())
        end(project, ours.supervisor.pid)
        project.until_nothing_is_left(GRACE + 3)
        assert set(other.living()) == before
        assert {one["state"] for one in other.status().values()} == {"ready"}
        assert other.record() == theirs
        assert other.run("down").returncode == 0
        other.assert_nothing_is_left()


def test_a_stack_within_a_stack_ends_with_it_and_not_the_other_way_round(
    project: Project, tmp_path: Path
) -> None:
    with project_in(tmp_path / "inner") as inner:
        inner.mark = project.mark
        inner.stack({"deep": child("session")})
        nested = f'cd inner && exec "{project.python}" -m devstack up'
        project.stack({"outer": child("calm")})
        with open(project.folder / "Procfile.dev", "a") as procfile:
            procfile.write(f"nested: {nested}\n")
        with open(project.folder / "devstack.toml", "a") as settings:
            settings.write(
                '\n[services.nested]\nports = []\nready = { log = "ready in" }\nstop = { grace = 3 }\n'
            )
        project.up_detached()
        assert inner.run("down").returncode == 0
        until(lambda: project.status()["nested"]["state"] in ("exited", "ready", "starting"), "the inner one")
        assert project.status()["outer"]["state"] == "ready"
        assert project.run("down").returncode == 0
        project.assert_nothing_is_left()


def stale(project: Project, process: ProcessId, **changes: object) -> Record:
    """Write a record whose supervisor is dead, and which names `process` wherever it can."""
    dead = ProcessId(process.pid, process.started - 1)
    record = Record(
        project=str(project.folder),
        mode="dev",
        run="0" * 32,
        started=time.time(),
        supervisor=dead,
        keeper=dead,
        services=(RecordedService("one", dead, ()),),
    )
    prepare_run_folder(str(project.folder))
    write_record(dataclasses.replace(record, **changes))  # type: ignore[arg-type]
    return record


@contextmanager
def piped_stranger(project: Project) -> Iterator[tuple[ProcessId, int]]:
    """A process in a session of its own, with no environment, that writes to a pipe; and which one."""
    with subprocess.Popen(
        ["sleep", "1000"], cwd=project.folder, env={}, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        try:
            found = system.identify(process.pid)
            assert found is not None
            assert process.stdout is not None
            yield found, system.pipe_number(process.stdout.fileno())
            assert process.poll() is None, "the stranger was ended"
        finally:
            process.kill()


def test_who_writes_to_another_pipe_stays(project: Project) -> None:
    """When orphans are looked for by the pipe that they write to."""
    project.stack({"one": child(HARDEST), "two": child("calm")})
    with piped_stranger(project):
        record = project.up_detached()
        with piped_stranger(project):
            os.kill(record.supervisor.pid, signal.SIGKILL)
            project.until_nothing_is_left(GRACE + 3)


def test_who_was_there_before_the_supervisor_stays_whatever_the_number_of_its_pipe(project: Project) -> None:
    project.stack({"one": child("calm")})
    with piped_stranger(project) as (somebody, pipe):
        later = dataclasses.replace(somebody, started=2.0**40)
        stale(project, somebody, pipes=(pipe,), supervisor=later)
        assert project.run("down").returncode == 0


@pytest.mark.parametrize("command", [("down",), ("down", "--timeout", "0"), ("up", "-d")])
def test_a_pid_that_is_used_again_is_not_signalled(project: Project, command: tuple[str, ...]) -> None:
    project.stack({"one": child("calm")})
    with stranger(project) as somebody:
        stale(project, somebody)
        assert project.run(*command).returncode == 0
        assert somebody.pid in project.living()


def test_a_record_of_an_earlier_boot_means_nothing(project: Project) -> None:
    """Even where pid and start time fit by chance."""
    project.stack({"one": child("calm")})
    with stranger(project) as somebody:
        stale(project, somebody, services=(RecordedService("one", somebody, ()),), supervisor=somebody)
        path = project.folder / ".devstack" / "record.json"
        content = json.loads(path.read_text())
        path.write_text(json.dumps({**content, "boot": "another"}))
        assert project.run("status").returncode == 5
        done = project.run("down")
        assert (done.returncode, done.stdout) == (0, f"nothing is running in {project.folder}\n")
        project.up_detached()
        assert project.run("down").returncode == 0


@pytest.mark.parametrize(
    "content",
    ["", "{", "null", "[]", "7", '{"version": 1}', '{"version": 99, "run": "x"}', "\x00" * 100, "[" * 10_000],
)
def test_a_damaged_record_never_needs_a_hand(project: Project, content: str) -> None:
    project.stack({"one": child("calm")})
    prepare_run_folder(str(project.folder))
    (project.folder / ".devstack" / "record.json").write_text(content)
    assert project.run("status").returncode == 5
    assert project.run("down").returncode == 0
    project.up_detached()
    assert project.status()["one"]["state"] == "ready"
    assert project.run("down").returncode == 0
    project.assert_nothing_is_left()
