"""A whole stack's lifecycle: who may start now, who may stop now, and every service's own lifecycle.

Pure like `lifecycle`: `advance_stack(services, state, event, now)` returns the new state and what is to be
done for which service. Three rules:

1. A start waits until all that the service needs, directly or not, are up and not about to be stopped.
2. A stop waits until all that need the service, directly or not, and are being stopped as well, have ended.
   So stop order is start order reversed.
3. A restart is a stop with a start right behind it. The start of what ran waits only for those that are
   restarted with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import assert_never

from devstack.core import lifecycle
from devstack.core.graph import with_dependencies
from devstack.core.service import (
    ENDED_STATES,
    RUNNING_STATES,
    UP_STATES,
    Service,
    ServiceState,
    ServiceStatus,
    Stopped,
)
from devstack.core.service_events import (
    Action,
    Event,
    KillRequested,
    StartDelayed,
    StartRequested,
    StopRequested,
)

_AT_REST = ENDED_STATES | {ServiceState.PENDING}


@dataclass(frozen=True, slots=True)
class StackState:
    """Every service's status, and the wishes that still wait for others.

    `to_start` has for each service that is to be started those that it waits for.
    """

    statuses: Mapping[str, ServiceStatus]
    to_start: Mapping[str, frozenset[str]] = field(default_factory=dict)
    to_stop: frozenset[str] = frozenset()

    @property
    def has_ended(self) -> bool:
        """Say whether nothing runs, or will by itself.

        A start that still waits then waits for a dependency that nobody is about to bring up.
        """
        return all(status.state in _AT_REST for status in self.statuses.values())


@dataclass(frozen=True, slots=True)
class StartWanted:
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StopWanted:
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RestartWanted:
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KillWanted:
    """Every service is to end at once, in no order."""


@dataclass(frozen=True, slots=True)
class ServiceEvent:
    """What the world says of one service."""

    name: str
    event: Event


StackEvent = StartWanted | StopWanted | RestartWanted | KillWanted | ServiceEvent


@dataclass(frozen=True, slots=True)
class StackStep:
    state: StackState
    actions: tuple[tuple[str, Action], ...] = ()


def initial_state(services: Mapping[str, Service]) -> StackState:
    """Return the state before anything was asked for."""
    return StackState({name: ServiceStatus() for name in services})


def advance_stack(
    services: Mapping[str, Service], state: StackState, event: StackEvent, now: float
) -> StackStep:
    """Return the stack's state after `event` and the actions by service, in order. Never raises.

    `now` is the seconds of a monotonic clock. Every dependency is one of `services`, and there is no circle.
    Names that the stack does not have are passed over.
    """
    match event:
        case StartWanted(names):
            step = StackStep(_want_start(services, state, names))
        case StopWanted(names):
            step = StackStep(_want_stop(services, state, names))
        case RestartWanted(names):
            step = StackStep(_want_restart(services, state, names))
        case KillWanted():
            step = _tell(services, StackStep(StackState(state.statuses)), services, KillRequested(), now)
        case ServiceEvent(name, inner):
            step = _tell(services, StackStep(state), (name,), inner, now)
        case _:
            assert_never(event)
    return _grant(services, step, now)


def _want_start(services: Mapping[str, Service], state: StackState, names: Iterable[str]) -> StackState:
    # Who waits to be started already, perhaps with a restart's stop before it, goes on doing so.
    fresh = frozenset(services).intersection(names).difference(state.to_start)
    needs = _needs(services)
    waits = {name: with_dependencies(needs[name], needs) for name in fresh}
    return replace(state, to_start={**state.to_start, **waits}, to_stop=state.to_stop - fresh)


def _want_stop(services: Mapping[str, Service], state: StackState, names: Iterable[str]) -> StackState:
    known = frozenset(services).intersection(names)
    to_start = {name: waits for name, waits in state.to_start.items() if name not in known}
    return replace(state, to_start=to_start, to_stop=state.to_stop | known)


def _want_restart(services: Mapping[str, Service], state: StackState, names: Iterable[str]) -> StackState:
    known = frozenset(services).intersection(names)
    fresh = known.difference(state.to_start)
    needs = _needs(services)
    waits = {name: with_dependencies(needs[name], needs) for name in fresh}
    for name in fresh:
        if state.statuses[name].state not in _AT_REST:
            waits[name] &= known
    return replace(state, to_start={**state.to_start, **waits}, to_stop=state.to_stop | fresh)


def _tell(
    services: Mapping[str, Service], step: StackStep, names: Iterable[str], event: Event, now: float
) -> StackStep:
    """Let each service of `names` advance by `event`."""
    statuses = dict(step.state.statuses)
    actions = list(step.actions)
    for name in names:
        if name in services:
            advanced = lifecycle.advance(services[name], statuses[name], event, now)
            statuses[name] = advanced.status
            actions.extend((name, action) for action in advanced.actions)
    return StackStep(replace(step.state, statuses=statuses), tuple(actions))


def _grant(services: Mapping[str, Service], step: StackStep, now: float) -> StackStep:
    """Grant every waiting wish whose turn has come, until none is left that could be."""
    while step.state.to_start or step.state.to_stop:
        state = step.state
        starts = tuple(name for name in services if name in state.to_start and _may_start(state, name))
        stops = _next_stops(services, state)
        if not starts and not stops:
            delayed = (name for name in services if name in state.to_start and name not in state.to_stop)
            return _tell(services, step, delayed, StartDelayed(), now)
        granted = frozenset(starts)
        waiting = {name: waits for name, waits in state.to_start.items() if name not in granted}
        step = replace(step, state=replace(state, to_start=waiting, to_stop=state.to_stop.difference(stops)))
        step = _tell(services, step, starts, StartRequested(), now)
        step = _tell(services, step, stops, StopRequested(), now)
    return step


def _may_start(state: StackState, name: str) -> bool:
    if name in state.to_stop:
        return False
    if state.statuses[name].state in RUNNING_STATES:
        return True  # the wish is fulfilled
    return all(_is_up(state, need) for need in state.to_start[name])


def _is_up(state: StackState, name: str) -> bool:
    """Say whether the service is up and is to stay as it is."""
    if name in state.to_start or name in state.to_stop:
        return False
    return state.statuses[name].state in UP_STATES


def _next_stops(services: Mapping[str, Service], state: StackState) -> tuple[str, ...]:
    """Return those that are to be stopped and that nobody needs who is still to end."""
    if not state.to_stop:
        return ()
    stopping = (n for n, status in state.statuses.items() if status.state is ServiceState.STOPPING)
    needs = _needs(services)
    needed = with_dependencies((need for name in (*state.to_stop, *stopping) for need in needs[name]), needs)
    return tuple(
        name
        for name in services
        if name in state.to_stop and (name not in needed or not _has_to_end(state.statuses[name]))
    )


def _has_to_end(status: ServiceStatus) -> bool:
    """Say whether a stop would end what nobody has begun to end: a process, or a daemon that it left."""
    if status.state is ServiceState.STOPPING:
        return status.stopped is Stopped.EXITED
    return status.state in RUNNING_STATES or status.state is ServiceState.EXITED


def _needs(services: Mapping[str, Service]) -> dict[str, tuple[str, ...]]:
    return {name: service.depends_on for name, service in services.items()}
