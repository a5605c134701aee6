"""`devstack serve NAME`: run one built-in service in this process."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

from devstack.cli.options import NoColorOption, ProjectOption
from devstack.errors import DevstackError, UsageError

if TYPE_CHECKING:
    from devstack.services.asgi import App
    from devstack.services.server import Place
    from devstack.services.settings import Settings

SERVICES = ("frontend", "hmr", "api", "trading", "combined")
WITH_ROOT = ("frontend", "hmr", "combined")
NEEDED = {"api": ("fastapi",), "combined": ("fastapi",), "hmr": ("watchfiles",)}
"""What a service imports beyond uvicorn; all of it comes with the extra `services`."""


def serve(
    name: Annotated[str, typer.Argument(help="frontend, hmr, api, trading or combined.", metavar="NAME")],
    root: Annotated[
        str | None, typer.Option("--root", metavar="DIR", help="The files to serve and watch.")
    ] = None,
    project: ProjectOption = None,
    no_color: NoColorOption = False,
) -> None:
    """Run one built-in service in this process."""
    if name not in SERVICES:
        raise UsageError(f"no service is called {name!r}", hint=f"there are {', '.join(SERVICES)}")
    folder = _root(name, root)
    _require_extra(name)
    from devstack.services.server import run_app
    from devstack.services.settings import read_settings

    settings = read_settings(os.environ)
    app, place = _build(name, settings, folder)
    run_app(app, place, _say)


def _say(line: str) -> None:
    """Print one line now: whoever started this service waits for it."""
    typer.echo(line)
    sys.stdout.flush()


def _root(name: str, root: str | None) -> str | None:
    if root is None:
        return None
    if name not in WITH_ROOT:
        raise UsageError(f"{name} serves no files, so it takes no --root")
    if not os.path.isdir(root):
        raise UsageError(f"--root {root}: there is no such folder")
    return os.path.realpath(root)


def _require_extra(name: str) -> None:
    missing = [module for module in ("uvicorn", *NEEDED.get(name, ())) if find_spec(module) is None]
    if missing:
        raise DevstackError(
            f"`devstack serve {name}` needs {', '.join(missing)}, which is not installed",
            hint='pip install "devstack[services]"',
        )


def _build(name: str, settings: Settings, root: str | None) -> tuple[App, Place]:
    """Return the application of service `name` and where it listens."""
    from devstack.services.server import Place

    builders: dict[str, Callable[[], tuple[App, Place]]] = {
        "frontend": lambda: (_frontend(settings, root), Place(name, settings.host, settings.frontend_port)),
        "hmr": lambda: (_hmr(settings, root), Place(name, settings.host, settings.hmr_port, "ws")),
    }
    return builders[name]()


def _frontend(settings: Settings, root: str | None) -> App:
    from devstack.services.frontend import frontend_app

    return frontend_app(settings, root, _say)


def _hmr(settings: Settings, root: str | None) -> App:
    from devstack.services.frontend import WEB_ROOT
    from devstack.services.hmr import hmr_app

    return hmr_app(settings, root or WEB_ROOT, _say)
