"""What services print is passed on while the supervisor is being imported, before any event loop runs."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.stack import Project

SCRIPT = """
import os, sys, time
from importlib import import_module
from devstack.config.options import StackOptions
from devstack.config.stack import load_stack
from devstack.supervisor.cleanup.keeper import fork_supervisor
from devstack.supervisor.run.early_output import open_output
from devstack.supervisor.run.first_spawn import start_first
from devstack.supervisor.run_folder.lock import acquire_lock
from devstack.supervisor.run_folder.paths import prepare_run_folder

project = os.getcwd()
prepare_run_folder(project)
lock = acquire_lock(project)
stack = load_stack(StackOptions(project=project, environ=dict(os.environ))).stack
first = start_first(stack, fork_supervisor(project), color=False)
ours, theirs = os.pipe()
output = open_output(stack, first, theirs, {"web": b"web | "})
os.set_blocking(ours, False)
shown, deadline = b"", time.monotonic() + 20
while shown.count(b"\\n") < 2 and time.monotonic() < deadline:
    sys.modules.pop("colorsys", None)
    import_module("colorsys")
    try:
        shown += os.read(ours, 4096)
    except BlockingIOError:
        continue
print(shown.decode(), "asyncio" in sys.modules)
first.abandon()
"""


def test_every_import_reads_the_first_lines(project: Project) -> None:
    project.stack({"web": "echo one; echo two; sleep 600"}, "[services.web]\nports = []\n")
    (project.folder / "early.py").write_text(SCRIPT)
    done = subprocess.run(
        [project.python, "early.py"],
        cwd=project.folder,
        env=project.environment(PYTHONPATH=os.pathsep.join(filter(None, sys.path))),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "web | one\nweb | two\n False\n"
    assert project.log("web") == "one\ntwo\n"
    project.assert_nothing_is_left()
