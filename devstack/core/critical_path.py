"""On whom the start of a stack waited: the chain of dependencies that took longest, service by service."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from devstack.core.events import Event, ServiceChanged, StackStopping
from devstack.core.findings import Finding
from devstack.core.service import UP_STATES, ServiceState

_CRASHED = (ServiceState.BACKOFF, ServiceState.FAILED)


@dataclass(frozen=True, slots=True)
class Wait:
    """How long one service was waited for, in seconds after the start of the stack.

    `until` is when it was up, and where it never was, when the wait was given up; `is_up` tells them apart.
    """

    service: str
    since: float
    until: float
    is_up: bool

    @property
    def seconds(self) -> float:
        return self.until - self.since


def critical_path(events: Iterable[Event], needs: Mapping[str, tuple[str, ...]]) -> tuple[Wait, ...]:
    """Return the waits that made the start as long as it was, the first one first.

    It ends with the service that was up last, or with the first of those that never were; before each stands
    the one of those that it needs that was up last. `needs` has every service and what it depends on.
    """
    waits = _waits(list(events), needs)
    if not waits:
        return ()
    missing = [wait for wait in waits.values() if not wait.is_up]
    wait = missing[0] if missing else max(waits.values(), key=lambda one: one.until)
    path = [wait]
    while before := [waits[need] for need in needs[path[0].service] if need in waits]:
        path.insert(0, max(before, key=lambda one: (not one.is_up, one.until)))
    return tuple(path)


def _waits(events: list[Event], needs: Mapping[str, tuple[str, ...]]) -> dict[str, Wait]:
    """Return the wait for each service that was started, in the order of their starts."""
    since: dict[str, float] = {}
    until: dict[str, float] = {}
    end = max((_seconds(event) for event in events), default=0.0)
    for event in events:
        if isinstance(event, ServiceChanged) and event.name in needs:
            if event.status.state is ServiceState.STARTING:
                since.setdefault(event.name, event.seconds)
            elif event.status.state in UP_STATES and event.name in since:
                until.setdefault(event.name, event.seconds)
        elif isinstance(event, StackStopping):
            end = event.seconds
            break
    return {name: Wait(name, at, until.get(name, end), name in until) for name, at in since.items()}


def _seconds(event: Event) -> float:
    return event.seconds if isinstance(event, ServiceChanged | StackStopping) else 0.0


def impostor_of(events: Iterable[Event]) -> Finding | None:
    """Return the first finding for which the stack was stopped, None where it was for none."""
    stops = (event for event in events if isinstance(event, StackStopping))
    return next((finding for stop in stops for finding in stop.findings), None)


def first_in_trouble(events: Iterable[Event]) -> str | None:
    """Return the service that crashed first, else the first one that the stop names; None where all is well.

    One that was not ready only because it waited for another is passed over. Where somebody else had a port,
    that came first: who should have had it crashed for it.
    """
    events = list(events)
    if (found := impostor_of(events)) and found.service:
        return found.service
    for event in events:
        if isinstance(event, ServiceChanged) and event.status.state in _CRASHED:
            return event.name
        if isinstance(event, StackStopping):
            named = [trouble.name for trouble in event.troubles if not trouble.waits_for]
            return next(iter([*named, *(trouble.name for trouble in event.troubles)]), None)
    return None
