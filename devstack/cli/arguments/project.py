"""From typer's context to the project's folder and the stack's options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from devstack.cli.arguments.options import globals_of
from devstack.cli.arguments.stack_options import options_from, project_of

if TYPE_CHECKING:
    from devstack.config.options import StackOptions


def stack_options(
    ctx: typer.Context,
    *,
    mode: str | None = None,
    procfile: str | None = None,
    env_file: str | None = None,
    services: Sequence[str] = (),
    scale: Sequence[str] = (),
) -> StackOptions:
    """Return the options of load_stack for this call. `scale` holds texts such as `worker=2`."""
    return options_from(
        globals_of(ctx).project,
        mode=mode,
        procfile=procfile,
        env_file=env_file,
        services=services,
        scale=scale,
    )


def run_folder_project(ctx: typer.Context) -> str:
    """Return the project's folder for a command that reads the record alone."""
    return project_of(globals_of(ctx).project)
