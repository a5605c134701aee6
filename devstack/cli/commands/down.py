"""`devstack down`: stop this project's stack, leftovers included, and prove that nothing is left."""

from __future__ import annotations

from typing import Annotated

import typer

from devstack.cli.arguments.options import NoColorOption, ProjectOption, VersionOption, seconds
from devstack.cli.arguments.project import run_folder_project
from devstack.errors import DevstackError


def down(
    ctx: typer.Context,
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout", metavar="S", parser=seconds, help="Seconds until what still runs is killed."
        ),
    ] = None,
    project: ProjectOption = None,
    no_color: NoColorOption = False,
    version: VersionOption = False,
) -> None:
    """Stop the running stack. Nothing running is no error."""
    from devstack.console.plain import say
    from devstack.supervisor.control.stopping import stop_project

    folder = run_folder_project(ctx)
    outcome = stop_project(folder, timeout, say)
    if outcome is None:
        say(f"nothing is running in {folder}")
        return
    held = _still_held(folder, outcome.ports)
    if outcome.left:
        pids = ", ".join(map(str, outcome.left))
        raise DevstackError(
            f"could not end these processes: {pids}", hint="another user's, or stuck in the kernel"
        )
    if held:
        typer.echo("\n".join(held), err=True)
        raise typer.Exit(3)
    say(f"stopped {outcome.what}; nothing is left running")


def _still_held(project: str, ports: tuple[int, ...]) -> list[str]:
    """Return a line for each of the stack's ports that is not free, and who has it."""
    from devstack.console.port_owners import taken_message
    from devstack.core.port_report import any_busy
    from devstack.core.ports import PortClaim
    from devstack.machine.preflight import check_claims

    reports = check_claims([PortClaim("", port) for port in ports], project=project)
    return [f"still held after the stop: {taken_message(reports)}"] if any_busy(reports) else []
