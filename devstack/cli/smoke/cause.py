"""What a smoke run says of its first failure: gathered here, worded by console."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from devstack.errors import DevstackError, PortTakenError

if TYPE_CHECKING:
    from devstack.config.options import StackOptions
    from devstack.core.check_result import CheckResult
    from devstack.core.events import Event, StackStopping
    from devstack.core.port_report import PortReport
    from devstack.core.stack import Stack

LAST_LINES = 30


def cause_of_preflight(options: StackOptions, error: DevstackError) -> str:
    """Return the lines about a start that was refused: with the ports where one of them was the reason."""
    from devstack.config.stack import load_stack
    from devstack.console.first_cause import FirstCause, first_cause_text
    from devstack.machine.preflight import check_claims

    if not isinstance(error, PortTakenError):
        return first_cause_text(FirstCause(error.message))
    stack = load_stack(options).stack
    return first_cause_text(
        FirstCause(error.message, ports=check_claims(stack.claims, project=stack.project))
    )


def ports_now(stack: Stack) -> tuple[PortReport, ...]:
    """Return the claims of a stack as they are at this moment, its own processes known."""
    from devstack.machine.preflight import check_claims
    from devstack.supervisor.run_folder.record import running_record

    record = running_record(stack.project)
    cookie, processes = (record.run, record.processes) if record else ("", ())
    return check_claims(stack.claims, processes, cookie=cookie, project=stack.project)


def ports_at_stop(stack: Stack, stop: StackStopping) -> tuple[PortReport, ...]:
    """Return the claims as they were when `stop` began: who listened then may be gone by now."""
    from devstack.core.port_report import Owner, PortState

    pids = dict(stop.listening)
    return tuple(
        replace(report, state=PortState.OURS, owners=(Owner(pid=pids[report.claim.port]),))
        if report.state is PortState.FREE and report.claim.port in pids
        else report
        for report in ports_now(stack)
    )


def cause_of_failure(
    stack: Stack, events: Sequence[Event], failed: CheckResult, ports: tuple[PortReport, ...]
) -> str:
    """Return the lines about the first failure: who failed first, its last lines, ports, critical path.

    `events` are those of the start, `failed` is the first result that is not ok, `ports` are the claims as
    they were then.
    """
    from devstack.console.first_cause import FirstCause, first_cause_text
    from devstack.core.critical_path import critical_path, first_in_trouble
    from devstack.supervisor.run.troubles import last_lines

    names = {service.name for service in stack.services}
    service = first_in_trouble(events)
    if service not in names:
        own = failed.classname.rpartition(f"devstack.{stack.mode}.")[2]
        service = own if own in names else None
    return first_cause_text(
        FirstCause(
            what=_what(events, service) or f"{failed.name}: {failed.detail.partition(chr(10))[0]}",
            service=service,
            last_lines=last_lines(stack.project, service, LAST_LINES) if service else (),
            ports=ports,
            path=critical_path(events, {one.name: one.depends_on for one in stack.services}),
        )
    )


def _what(events: Sequence[Event], service: str | None) -> str:
    """Return how the service failed at the start, in a few words; nothing where it did not."""
    from devstack.console.wording import exit_words, place_lines
    from devstack.core.critical_path import impostor_of
    from devstack.core.events import ServiceChanged, StackStopping
    from devstack.core.service import ServiceState

    if (found := impostor_of(events)) is not None:
        return found.what
    for event in events:
        if isinstance(event, ServiceChanged) and event.name == service and event.status.exit:
            if event.status.state in (ServiceState.BACKOFF, ServiceState.FAILED):
                return f"{exit_words(event.status.exit)}, {event.seconds:.1f} s after the start"
        elif isinstance(event, StackStopping):
            for trouble in event.troubles:
                if trouble.name == service:
                    answer = f": {trouble.answer}" if trouble.answer else ""
                    within = f"not ready within {round(event.seconds, 1):g} s{answer}"
                    return "; ".join((within, *place_lines(trouble)))
    return ""
