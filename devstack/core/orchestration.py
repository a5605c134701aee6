"""A whole stack's lifecycle: who may start now, who may stop now, and every service's own lifecycle.

Pure like `lifecycle`: `advance_stack(services, state, event, now)` returns the new state and what is to be
done for which service. A start waits until every dependency is up; a stop waits until those that depend on
the service, and are being stopped as well, have ended. So stop order is start order reversed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from devstack.core import lifecycle
from devstack.core.lifecycle import Action, Event
from devstack.core.service import ENDED_STATES, UP_STATES, Service, ServiceState, ServiceStatus


@dataclass(frozen=True, slots=True)
class StackState:
    """Every service's status, and the wishes that still wait for others."""

    statuses: Mapping[str, ServiceStatus]
    to_start: frozenset[str] = frozenset()
    to_stop: frozenset[str] = frozenset()

    @property
    def has_ended(self) -> bool:
        """Say whether no service runs, will run again by itself, or waits to be started."""
        return not self.to_start and all(status.state in _AT_REST for status in self.statuses.values())


_AT_REST = ENDED_STATES | {ServiceState.PENDING}


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

    `now` is the seconds of a monotonic clock. Names that the stack does not have are passed over.
    """
    match event:
        case StartWanted(names):
            known = frozenset(name for name in names if name in services)
            asked = StackStep(replace(state, to_start=state.to_start | known, to_stop=state.to_stop - known))
        case StopWanted(names):
            known = frozenset(name for name in names if name in services)
            asked = StackStep(replace(state, to_start=state.to_start - known, to_stop=state.to_stop | known))
        case RestartWanted(names):
            known = frozenset(name for name in names if name in services)
            calm = replace(state, to_start=state.to_start - known, to_stop=state.to_stop - known)
            asked = _tell(services, StackStep(calm), names, lifecycle.RestartRequested(), now)
        case KillWanted():
            calm = replace(state, to_start=frozenset(), to_stop=frozenset())
            asked = _tell(services, StackStep(calm), tuple(services), lifecycle.KillRequested(), now)
        case ServiceEvent(name, inner):
            asked = _tell(services, StackStep(state), (name,), inner, now)
    return _grant(services, asked, now)


def _tell(
    services: Mapping[str, Service], step: StackStep, names: tuple[str, ...], event: Event, now: float
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
        starts = tuple(
            name for name in services if name in state.to_start and _may_start(services, state, name)
        )
        stops = tuple(name for name in services if name in state.to_stop and _may_stop(services, state, name))
        if not starts and not stops:
            return step
        waiting = replace(state, to_start=state.to_start - set(starts), to_stop=state.to_stop - set(stops))
        step = replace(step, state=waiting)
        step = _tell(services, step, starts, lifecycle.StartRequested(), now)
        step = _tell(services, step, stops, lifecycle.StopRequested(), now)
    return step


def _may_start(services: Mapping[str, Service], state: StackState, name: str) -> bool:
    needs = (need for need in services[name].depends_on if need in services)
    return all(state.statuses[need].state in UP_STATES for need in needs)


def _may_stop(services: Mapping[str, Service], state: StackState, name: str) -> bool:
    return not any(
        other in state.to_stop or state.statuses[other].state is ServiceState.STOPPING
        for other, service in services.items()
        if name in service.depends_on and state.statuses[other].state not in ENDED_STATES
    )
