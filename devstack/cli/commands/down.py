"""`devstack down`: stop this project's stack, leftovers included, and prove that nothing is left."""

from __future__ import annotations

import sys

from devstack.cli.arguments.requests import DownRequest
from devstack.cli.arguments.stack_options import project_of
from devstack.errors import DevstackError


def run(request: DownRequest) -> None:
    """Stop the stack and prove that nothing is left; exit with 3 where a port is still held."""
    from devstack.console.plain import say
    from devstack.supervisor.control.stopping import stop_project

    folder = project_of(request.start)
    outcome = stop_project(folder, request.timeout, say)
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
        sys.stderr.write("\n".join(held) + "\n")
        sys.exit(3)
    say(f"stopped {outcome.what}; nothing is left running")


def _still_held(project: str, ports: tuple[int, ...]) -> list[str]:
    """Return a line for each of the stack's ports that is not free, and who has it."""
    from devstack.console.port_owners import taken_message
    from devstack.core.port_report import any_busy
    from devstack.core.ports import PortClaim
    from devstack.machine.preflight import check_claims

    reports = check_claims([PortClaim("", port) for port in ports], project=project)
    return [f"still held after the stop: {taken_message(reports)}"] if any_busy(reports) else []
