"""`devstack logs`: what the services of the running stack have printed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from devstack.cli.options import (
    JsonOption,
    NoColorOption,
    ProjectOption,
    VersionOption,
    globals_of,
    whole_number,
)
from devstack.cli.project import run_folder_project
from devstack.errors import UsageError

if TYPE_CHECKING:
    from devstack.console.log_lines import LogPrinter
    from devstack.supervisor.control_client import ControlClient
    from devstack.supervisor.log_reader import Follower, LogLine


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
    from devstack.supervisor.control_client import connect
    from devstack.supervisor.log_reader import Follower, last_lines
    from devstack.supervisor.record import logs_folder

    folder = run_folder_project(ctx)
    with connect(folder) as client:
        known = [service["name"] for service in client.call("status")["services"]]
        chosen = _chosen(services or [], known)
        printer = LogPrinter(known, as_json=json, no_color=globals_of(ctx).no_color)
        if follow:
            client.call("subscribe", {"output": True})
        followers = [Follower(logs_folder(folder), name) for name in chosen] if follow else []
        printer.show(map(_plain, last_lines(logs_folder(folder), chosen, count)))
        if follow:
            _follow(client, followers, printer)


def _chosen(names: list[str], known: list[str]) -> list[str]:
    """Return the known services that `names` mean, all where none is named; `worker` means `worker.2` too."""
    for name in names:
        if not any(name in (one, one.partition(".")[0]) for one in known):
            raise UsageError(f"no service {name} in this stack", hint=f"it has {', '.join(known)}")
    return [one for one in known if not names or one in names or one.partition(".")[0] in names]


def _plain(line: LogLine) -> tuple[int, str, bytes]:
    return line.time_us, line.service, line.text


def _follow(client: ControlClient, followers: list[Follower], printer: LogPrinter) -> None:
    """Print what comes, told by the supervisor when there is more, until it is gone."""
    for message in client.messages():
        if message.get("method") == "output":
            now = time.time_ns() // 1000
            printer.show(_plain(line) for follower in followers for line in follower.read(now))
    now = time.time_ns() // 1000
    for follower in followers:
        printer.show(map(_plain, [*follower.read(now), *follower.rest(now)]))
