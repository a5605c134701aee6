"""What the statuses of a stack's services mean for the whole: is it ready, has it failed, has it ended?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from devstack.core.service import UP_STATES, ServiceState, ServiceStatus, Stopped


@dataclass(frozen=True, slots=True)
class EndPolicy:
    """When the stack ends by itself. `crash_loop_ends` is the rule of `prod`."""

    crash_loop_ends: bool = False
    abort_on_exit: bool = False
    exit_code_from: str | None = None


class Verdict(StrEnum):
    GOES_ON = "goes on"
    READY = "ready"  # every service that was to start is up, for the first time
    FAILED = "failed"  # a service failed before all were ready, or in a stack that this ends
    ABORTED = "aborted"  # a service ended, and that was to end the stack
    ENDED = "ended"  # nothing runs any more


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict, and the services that led to it."""

    verdict: Verdict
    services: tuple[str, ...] = ()


def judge(
    statuses: Mapping[str, ServiceStatus], policy: EndPolicy, *, was_ready: bool, at_rest: bool
) -> Judgement:
    """Say what the statuses mean.

    `was_ready` says that READY was said before, `at_rest` that nothing runs or waits to run.
    """
    failed = tuple(name for name, status in statuses.items() if status.state is ServiceState.FAILED)
    ended = ended_first(statuses, policy)
    if ended:
        return Judgement(Verdict.ABORTED, ended)
    if failed and (not was_ready or policy.crash_loop_ends):
        return Judgement(Verdict.FAILED, failed)
    if not was_ready and not not_up(statuses):
        return Judgement(Verdict.READY)
    if was_ready and at_rest:
        return Judgement(Verdict.ENDED, failed)
    return Judgement(Verdict.GOES_ON)


def not_up(statuses: Mapping[str, ServiceStatus]) -> tuple[str, ...]:
    """Return the services for which `up` still waits. One that somebody stopped meanwhile is none of them."""
    done = UP_STATES | {ServiceState.STOPPED}
    return tuple(name for name, status in statuses.items() if status.state not in done)


def ended_first(statuses: Mapping[str, ServiceStatus], policy: EndPolicy) -> tuple[str, ...]:
    """Return the services whose end, by themselves, is to end the stack."""
    return tuple(
        name
        for name, status in statuses.items()
        if (policy.abort_on_exit or name == policy.exit_code_from) and _ended_by_itself(status)
    )


def _ended_by_itself(status: ServiceStatus) -> bool:
    return status.exit is not None and status.stopped is Stopped.EXITED


def exit_code(statuses: Mapping[str, ServiceStatus], policy: EndPolicy, judgement: Judgement) -> int:
    """Return the exit code of a stack that ended by itself with `judgement`."""
    if policy.exit_code_from is not None:
        chosen = statuses[policy.exit_code_from].exit
        return chosen.shell_code if chosen is not None else 1
    if judgement.verdict is Verdict.ABORTED:
        exits = (statuses[name].exit for name in judgement.services)
        return 0 if all(status is not None and status.is_success for status in exits) else 1
    return 1 if judgement.services else 0
