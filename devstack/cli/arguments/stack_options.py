"""From plain values to what config reads: the project's folder and the stack's options. Without typer."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from devstack.config.project.locate import procfile_project, project_folder, recorded_project, starting_folder
from devstack.errors import UsageError

if TYPE_CHECKING:
    from devstack.cli.arguments.requests import StackRequest
    from devstack.config.options import StackOptions


MOST_INSTANCES = 1000


def options_from(
    folder: str | None,
    *,
    mode: str | None = None,
    procfile: str | None = None,
    env_file: str | None = None,
    services: Sequence[str] = (),
    scale: Sequence[str] = (),
    exit_code_from: str | None = None,
) -> StackOptions:
    """Return the options of load_stack for a call in `folder` (-C), None for the current one.

    `scale` holds texts such as `worker=2`.

    Relative paths count from the folder where the search begins: -C, else the current one. With -f the
    project may be that folder itself, whatever it holds.
    """
    from devstack.config.options import StackOptions

    start = search_start(folder)
    if procfile is None:
        project = project_folder(None, start, home=_home(), user_id=_user_id())
    else:
        project = procfile_project(start, home=_home(), user_id=_user_id())
    return StackOptions(
        project=project,
        environ=dict(os.environ),
        mode=mode,
        procfile=_absolute(procfile, start),
        env_file=_absolute(env_file, start),
        services=tuple(services),
        scale=dict(_instances(text) for text in scale),
        tool_folder=_tool_folder(),
        exit_code_from=exit_code_from,
    )


def options_of(request: StackRequest) -> StackOptions:
    """Return the options of load_stack for a command that looks at a stack."""
    return options_from(
        request.start, mode=request.mode, procfile=request.procfile, env_file=request.env_file
    )


def options_in(folder: str | None) -> StackOptions:
    """Return the options of load_stack for the folder itself (-C, else the current one)."""
    from devstack.config.options import StackOptions

    return StackOptions(project=search_start(folder), environ=dict(os.environ), tool_folder=_tool_folder())


def project_of(folder: str | None) -> str:
    """Return the project's folder for a command that reads the record alone.

    Where there is no project the folder itself is returned: nothing runs there, which is what such a
    command has to say.
    """
    start = search_start(folder)
    return recorded_project(start, home=_home(), user_id=_user_id())


def search_start(folder: str | None) -> str:
    """Return where the search begins: `folder` (-C), else the current one.

    UsageError where that is no folder, or has been removed.
    """
    if folder is not None and os.path.isabs(folder):
        return starting_folder(folder, "")
    return starting_folder(folder, current_folder())


def current_folder() -> str:
    """Return the folder in which the command runs. UsageError: it has been removed."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        raise UsageError("the current folder no longer exists", hint="cd into the project") from None


def _home() -> str:
    return os.path.expanduser("~")


def _user_id() -> int | None:
    return os.geteuid() if hasattr(os, "geteuid") else None


def _absolute(path: str | None, start: str) -> str | None:
    return None if path is None else os.path.normpath(os.path.join(start, path))


def _instances(text: str) -> tuple[str, int]:
    name, equals, count = text.partition("=")
    if not (name and equals and count.removeprefix("-").isdecimal() and count.isascii()):
        raise UsageError(f"--scale {text}: expected NAME=N", hint="for example --scale worker=2")
    if len(count) > len(str(MOST_INSTANCES)) or int(count) > MOST_INSTANCES:
        raise UsageError(f"--scale {text}: expected at most {MOST_INSTANCES}")
    return name, int(count)


def _tool_folder() -> str | None:
    """Return the folder of devstack's own executable: the one that was called, else Python's neighbour."""
    called = sys.argv[0]
    if os.path.basename(called).lower() in ("devstack", "devstack.exe") and os.path.isfile(called):
        return os.path.dirname(os.path.abspath(called))
    folder = os.path.dirname(sys.executable)
    names = (os.path.join(folder, name) for name in ("devstack", "devstack.exe"))
    return folder if any(map(os.path.isfile, names)) else None
