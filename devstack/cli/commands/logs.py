"""`devstack logs`: what the services of the running stack have printed."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from devstack.cli.arguments.options import (
    JsonOption,
    NoColorOption,
    ProjectOption,
    VersionOption,
    globals_of,
    whole_number,
)
from devstack.cli.arguments.project import run_folder_project

if TYPE_CHECKING:
    from devstack.console.log_lines import LogPrinter
    from devstack.supervisor.control.client import ControlClient
    from devstack.supervisor.output.log_reader import LogBlock, LogCursor


def logs(
    ctx: typer.Context,
    services: Annotated[
        list[str] | None, typer.Argument(metavar="[SERVICE]...", help="Only these services.")
    ] = None,
    count: Annotated[
        int, typer.Option("-n", metavar="N", parser=whole_number, help="So many last lines.")
    ] = 100,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on as more comes, until Ctrl-C.")
    ] = False,
    json: JsonOption = False,
    project: ProjectOption = None,
    no_color: NoColorOption = False,
    version: VersionOption = False,
) -> None:
    """Show the last lines of the services' output.

    Those of several services are in the order in which they came.
    """
    from devstack.console.log_lines import LogPrinter
    from devstack.supervisor.control.client import connect
    from devstack.supervisor.output.log_reader import LogCursor, last_blocks
    from devstack.supervisor.run_folder.paths import logs_folder

    folder = run_folder_project(ctx)
    with connect(folder) as client:
        known = [service["name"] for service in client.call("status")["services"]]
        chosen = _chosen(services or [], known)
        printer = LogPrinter(known, as_json=json, no_color=globals_of(ctx).no_color)
        if follow:
            client.call("subscribe", {"output": True})
        begin = count + 1 if follow else count  # a line without its end comes when it has ended
        cursors = [LogCursor(logs_folder(folder), name, begin) for name in chosen]
        _show(printer, last_blocks(cursors, count, with_rest=not follow))
        if follow:
            _follow(client, cursors, printer)


def _chosen(names: list[str], known: list[str]) -> list[str]:
    """Return the known services that `names` mean, all where none is named; `worker` means `worker.2` too."""
    for name in names:
        if not any(name in (one, one.partition(".")[0]) for one in known):
            from devstack.core.suggest import unknown_service

            raise unknown_service(name, known)
    return [one for one in known if not names or one in names or one.partition(".")[0] in names]


def _show(printer: LogPrinter, blocks: Sequence[LogBlock]) -> None:
    try:
        printer.show([(block.time_us, block.service, block.data) for block in blocks])
    except BrokenPipeError:
        _end_unheard()


def _end_unheard() -> NoReturn:
    """Nobody reads any more: end as a program does that SIGPIPE ends, without a word."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still buffered goes there
    raise typer.Exit(128 + 13)


def _follow(client: ControlClient, cursors: Sequence[LogCursor], printer: LogPrinter) -> None:
    """Print what comes, told by the supervisor when there is more, until it is gone."""
    from devstack.supervisor.output.log_reader import next_blocks, rest_blocks

    by_name = {cursor.name: cursor for cursor in cursors}
    for message in client.messages():
        if message.get("method") == "output":
            grown = [by_name[name] for name in message["params"]["services"] if name in by_name]
            for blocks in next_blocks(grown):
                _show(printer, blocks)
            _tell_missed(grown)
    for blocks in next_blocks(cursors):
        _show(printer, blocks)
    _show(printer, rest_blocks(cursors))


def _tell_missed(cursors: Sequence[LogCursor]) -> None:
    """Say that lines were rotated away before they could be read."""
    for cursor in cursors:
        if cursor.has_missed:
            cursor.has_missed = False
            typer.echo(f"left out lines of {cursor.name}: its log grows faster than this is read", err=True)
