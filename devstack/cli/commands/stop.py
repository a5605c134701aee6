"""`devstack stop`: these services of the running stack; the others are untouched"""

from __future__ import annotations

import typer

from devstack.cli.arguments.options import NoColorOption, ProjectOption, VersionOption
from devstack.cli.service_commands import ServicesArgument, TimeoutOption, ask_for


def stop(
    ctx: typer.Context,
    services: ServicesArgument,
    timeout: TimeoutOption = 60.0,
    project: ProjectOption = None,
    no_color: NoColorOption = False,
    version: VersionOption = False,
) -> None:
    """Stop services of the running stack; others go on."""
    ask_for(ctx, "stop", services, timeout)
