"""`devstack logs`: what the services of the running stack have printed."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from devstack.cli.arguments.requests import LogsRequest
from devstack.cli.arguments.stack_options import project_of

if TYPE_CHECKING:
    from devstack.console.log_lines import LogPrinter
    from devstack.supervisor.control.client import ControlClient
    from devstack.supervisor.output.log_reader import LogBlock, LogCursor


def run(request: LogsRequest) -> None:
    """Show the last lines of the services' output, in the order in which they came."""
    from devstack.console.log_lines import LogPrinter
    from devstack.supervisor.control.client import connect
    from devstack.supervisor.output.log_reader import LogCursor, last_blocks
    from devstack.supervisor.run_folder.paths import logs_folder

    folder = project_of(request.start)
    with connect(folder) as client:
        known = [service["name"] for service in client.call("status")["services"]]
        chosen = _chosen(request.services, known)
        printer = LogPrinter(known, as_json=request.json, no_color=request.no_color)
        if request.follow:
            client.call("subscribe", {"output": True})
        # One more to follow: a line without its end comes when it has ended.
        begin = request.lines + 1 if request.follow else request.lines
        cursors = [LogCursor(logs_folder(folder), name, begin) for name in chosen]
        _show(printer, last_blocks(cursors, request.lines, with_rest=not request.follow))
        if request.follow:
            _follow(client, cursors, printer)


def _chosen(names: Sequence[str], known: list[str]) -> list[str]:
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
    sys.exit(128 + 13)


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
            sys.stderr.write(f"skipped lines of {cursor.name}: its log grows faster than it is read\n")
