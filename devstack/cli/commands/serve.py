"""`devstack serve NAME`: run one built-in service in this process."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated

import typer

from devstack.cli.arguments.options import NoColorOption, ProjectOption, VersionOption, globals_of
from devstack.cli.arguments.stack_options import search_start
from devstack.console.plain import print_text, printable
from devstack.core.suggest import did_you_mean
from devstack.errors import DevstackError, UsageError

SERVICES = ("frontend", "hmr", "api", "trading", "combined")
WITH_ROOT = ("frontend", "hmr", "combined")
NEEDED = {"api": ("fastapi",), "combined": ("fastapi",), "hmr": ("watchfiles",)}
"""What a service imports beyond uvicorn; all of it comes with the extra `services`."""


def serve(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="frontend, hmr, api, trading or combined.", metavar="NAME")],
    root: Annotated[
        str | None, typer.Option("--root", metavar="DIR", help="The files to serve and watch.")
    ] = None,
    project: ProjectOption = None,
    no_color: NoColorOption = False,
    version: VersionOption = False,
) -> None:
    """Run one built-in service in this process."""
    if name not in SERVICES:
        meant = did_you_mean(name, SERVICES)
        raise UsageError(f"no service is called {name!r}{meant}", hint=f"there are {', '.join(SERVICES)}")
    folder = _root(name, root, search_start(globals_of(ctx).project))
    _require_extra(name, NEEDED.get(name, ()))
    from devstack.services.settings import read_settings

    settings = read_settings(os.environ)
    if name == "frontend" and settings.owns_hmr:
        _require_extra(name, NEEDED["hmr"])
    run = import_module(f"devstack.services.apps.{name}").run
    if name in WITH_ROOT:
        run(settings, folder, _say)
    else:
        run(settings, _say)


def _say(line: str) -> None:
    """Print one line now: whoever started this service waits for it. A file's name may hold anything."""
    print_text(printable(line), sys.stdout)
    sys.stdout.flush()


def _root(name: str, root: str | None, start: str) -> str | None:
    """Return the files' folder; a relative one counts from `start`, as all paths on the command line do."""
    if root is None:
        return None
    if name not in WITH_ROOT:
        raise UsageError(f"{name} serves no files, so it takes no --root")
    folder = os.path.join(start, root)
    if not os.path.isdir(folder):
        raise UsageError(f"--root {root}: there is no such folder")
    return os.path.realpath(folder)


def _require_extra(name: str, modules: tuple[str, ...]) -> None:
    missing = [module for module in ("uvicorn", *modules) if find_spec(module) is None]
    if missing:
        raise DevstackError(
            f"`devstack serve {name}` needs {', '.join(missing)}, which is not installed",
            hint='pip install "devstack[services]"',
        )
