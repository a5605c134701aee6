"""An error of devstack's own leaves nothing running, wherever it comes from, and is not hidden."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from devstack.supervisor.cleanup.keeping import GRACE
from tests.stack import Project, child

RUN = """
import asyncio, os, sys
from devstack.config.options import StackOptions
from devstack.config.stack import load_stack
from devstack.core.events import ServiceChanged, StackReady, StackStopping
from devstack.supervisor.run.first_spawn import start_first
from devstack.supervisor.run_folder.lock import acquire_lock
from devstack.supervisor.run_folder.paths import prepare_run_folder
from devstack.supervisor.run.options import RunOptions
from devstack.supervisor.cleanup.keeper import fork_supervisor
from devstack.supervisor.run.early_output import open_output
from devstack.supervisor.run.supervisor import Supervisor
from devstack.supervisor.wiring import run_stack

project, broken = os.getcwd(), sys.argv[1]

class Listener:
    def heard(self, event):
        print(type(event).__name__, flush=True)
        if type(event).__name__ == broken:
            raise ZeroDivisionError("broken on purpose")
        if broken == "loop" and isinstance(event, StackReady):
            asyncio.get_running_loop().call_later(0.1, boom)
        if broken == "task" and isinstance(event, StackReady):
            tasks.append(asyncio.get_running_loop().create_task(boom_later()))

tasks = []

def boom():
    raise ZeroDivisionError("broken on purpose")

async def boom_later():
    await asyncio.sleep(0.1)
    tasks.clear()
    boom()

prepare_run_folder(project)
lock = acquire_lock(project)
stack = load_stack(StackOptions(project=project, environ=dict(os.environ))).stack
first = start_first(stack, fork_supervisor(project), color=False)
output = open_output(stack, first, None, {})
supervisor = Supervisor(stack, RunOptions(), Listener(), first, output)
if broken == "first event":
    supervisor.tell = lambda event: boom()
supervisor.launch()
if broken == "begin":
    supervisor.output.connect = boom
asyncio.run(run_stack(supervisor))
"""


def run_broken(project: Project, broken: str) -> subprocess.CompletedProcess[str]:
    (project.folder / "run.py").write_text(RUN)
    return subprocess.run(
        [project.python, "run.py", broken],
        cwd=project.folder,
        env=project.environment(PYTHONPATH=os.pathsep.join(filter(None, sys.path))),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("broken", ["ServiceChanged", "StackReady", "loop", "task", "first event", "begin"])
def test_nothing_is_left_and_the_error_comes_out(project: Project, broken: str) -> None:
    project.stack(
        {
            "calm": child("calm"),
            "deaf": child("deaf"),
            "session": child("session"),
            "crashes": 'echo up; sleep 0.3; test -n "$X"',
        }
    )
    with open(project.folder / "devstack.toml", "a") as settings:
        settings.write('\nrestart = { mode = "always", max = 100 }\n')
    done = run_broken(project, broken)
    project.assert_nothing_is_left()
    assert done.returncode == 1, done.stdout
    assert "broken on purpose" in done.stderr or "takes 0 positional" in done.stderr
    assert not (project.folder / ".devstack" / "record.json").exists()


def test_an_error_at_the_very_end_comes_out_too(project: Project) -> None:
    project.stack({"one": "echo up", "daemon": child("daemon")})
    done = run_broken(project, "StackStopped")
    project.assert_nothing_is_left()
    assert "broken on purpose" in done.stderr


def test_a_broken_stop_stops_all_the_same(project: Project) -> None:
    """The listener breaks when it hears of the stop, as one did whose terminal was closed."""
    project.stack({"calm": child("calm"), "fails": "echo up; exec /does/not/exist"})
    done = run_broken(project, "StackStopping")
    project.until_nothing_is_left(GRACE)
    assert "broken on purpose" in done.stderr


@pytest.mark.parametrize("arguments", [("up",), ("up", "-d")])
def test_a_module_that_cannot_be_imported_any_more_leaves_nothing(
    project: Project, arguments: tuple[str, ...]
) -> None:
    """Services run before the event loop is imported; `python -m` finds the project's own module first."""
    project.stack({"calm": child("calm"), "deaf": child("deaf"), "session": child("session")})
    (project.folder / "asyncio.py").write_text("raise RuntimeError('broken on purpose')\n")
    done = project.run(*arguments)
    project.assert_nothing_is_left()
    assert done.returncode == 1
    assert "broken on purpose" in done.stderr


def test_too_few_descriptors_are_said_before_anything_starts(project: Project) -> None:
    project.stack({f"s{number}": "touch started; sleep 1000" for number in range(12)})
    for arguments in ("up", "up -d"):
        limited = f'ulimit -n 60; exec "{project.python}" -m devstack {arguments}'
        done = subprocess.run(
            ["/bin/sh", "-c", limited],
            cwd=project.folder,
            env=project.environment(),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 1
        assert "12 services need 124 open files, and 60 are allowed here" in done.stderr
        assert "ulimit -n 124" in done.stderr
        assert not (project.folder / "started").exists()
        project.assert_nothing_is_left()


def test_a_low_limit_that_may_be_raised_is_raised(project: Project) -> None:
    project.stack({f"s{number}": child("calm") for number in range(12)})
    limited = f'ulimit -S -n 60; exec "{project.python}" -m devstack up -d'
    done = subprocess.run(
        ["/bin/sh", "-c", limited],
        cwd=project.folder,
        env=project.environment(),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert project.run("down").returncode == 0
