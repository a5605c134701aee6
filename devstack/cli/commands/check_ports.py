"""`devstack check-ports`: every claim, free, busy (and who), or ours."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from devstack.cli.arguments.requests import StackRequest
from devstack.cli.arguments.stack_options import options_of
from devstack.errors import PortTakenError

if TYPE_CHECKING:
    from devstack.core.port_report import PortReport
    from devstack.core.stack import Stack


def run(request: StackRequest) -> None:
    """Show every claimed port: free, or held by whom."""
    from devstack.config.stack import load_stack

    stack = load_stack(options_of(request)).stack
    reports = check_stack_ports(stack)
    if request.json:
        _answer_script(stack.mode, reports)
    else:
        _answer_person(reports, no_color=request.no_color)


def _answer_script(mode: str, reports: tuple[PortReport, ...]) -> None:
    from devstack.console.ports_json import show_ports_json
    from devstack.core.port_report import any_busy

    show_ports_json(mode, reports)
    if any_busy(reports):
        from devstack.console.port_owners import taken_message

        raise PortTakenError(taken_message(reports), hint="`devstack check-ports` says what to do next")


def _answer_person(reports: tuple[PortReport, ...], *, no_color: bool) -> None:
    from devstack.console.ports import show_ports
    from devstack.core.port_report import any_busy

    show_ports(reports, no_color=no_color)
    if any_busy(reports):
        sys.exit(PortTakenError.exit_code)


def check_stack_ports(stack: Stack) -> tuple[PortReport, ...]:
    """Return a report for every claim of `stack`; what its own running stack holds is ours."""
    from devstack.machine.preflight import check_claims
    from devstack.supervisor.run_folder.record import running_record

    record = running_record(stack.project)
    if record is None:
        return check_claims(stack.claims, project=stack.project)
    ours = (record.supervisor, *record.processes)
    return check_claims(stack.claims, ours, cookie=record.run, project=stack.project)
