"""`devstack start`: these services of the running stack, and what they depend on"""

from __future__ import annotations

import typer

from devstack.cli.arguments.options import NoColorOption, ProjectOption, VersionOption
from devstack.cli.service_commands import ServicesArgument, TimeoutOption, ask_for


def start(
    ctx: typer.Context,
    services: ServicesArgument,
    timeout: TimeoutOption = 60.0,
    project: ProjectOption = None,
    no_color: NoColorOption = False,
    version: VersionOption = False,
) -> None:
    """Start services of the running stack, dependencies first."""
    ask_for(ctx, "start", services, timeout)
