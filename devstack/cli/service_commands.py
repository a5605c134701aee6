"""What `restart`, `stop` and `start` share: ask the supervisor, and say what became of each service."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from devstack.cli.arguments.options import seconds
from devstack.cli.arguments.project import run_folder_project
from devstack.errors import ServiceError

ServicesArgument = Annotated[list[str], typer.Argument(metavar="SERVICE...", help="The services' names.")]
TimeoutOption = Annotated[
    float, typer.Option("--timeout", metavar="S", parser=seconds, help="Seconds to wait.")
]


def ask_for(ctx: typer.Context, method: str, services: list[str], timeout: float) -> None:
    """Have the supervisor do `method` with `services`; return when it is done.

    Raises NotRunningError, UsageError for a name that the stack does not have, ServiceError when a service
    did not come up or end in time.
    """
    from devstack.console.wording import trouble_lines
    from devstack.supervisor.control.client import ANSWER_WITHIN, connect
    from devstack.supervisor.control.messages import decode_trouble

    began = time.monotonic()
    with connect(run_folder_project(ctx)) as client:
        answer = client.call(
            method, {"services": services, "timeout": timeout}, within=timeout + ANSWER_WITHIN
        )
    for service in answer["services"]:
        runs = service["pid"] is not None
        ports = " ".join(f":{port}" for port in service["ports"] if runs)
        pid = f"pid {service['pid']}" if runs else ""
        typer.echo(" ".join(filter(None, (service["name"], service["state"], ports, pid))))
    if answer["troubles"]:
        elapsed = min(time.monotonic() - began, timeout)
        lines = [line for one in answer["troubles"] for line in trouble_lines(decode_trouble(one), elapsed)]
        raise ServiceError(lines[0], hint="\n".join(lines[1:]))
