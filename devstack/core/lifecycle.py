"""Every change of a service's state: `advance(service, status, event, now) -> Step(status, actions)`.

Two rules hold it together:

1. It is total. Every event may come in every state; one that means nothing there changes nothing.
2. What is *wanted* is kept apart from what *is*. A restart is "stop while still wanted".

             StartRequested              all probes answered           (every)
    PENDING ───────────────▶ STARTING ─────────────────────▶ READY ◀──────────▶ UNREADY
    STOPPED                   ▲   │                            │                   │
    EXITED                    │   └──────────┬─────────────────┴───────────────────┘
    FAILED          TimerFired│              │ StopRequested, RestartRequested, Exited
                              │              ▼
                           BACKOFF ◀────  STOPPING ────▶ STOPPED, EXITED, FAILED, or STARTING again
                                    Cleared

A process may leave others behind in its group. `Exited` says that the main process ended; `Cleared` that
nothing of it lives any more. Nothing is spawned between a spawn and its `Cleared`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import assert_never

from devstack.core.service import (
    ExitStatus,
    ProbeKind,
    ReadinessProbe,
    Service,
    ServiceState,
    ServiceStatus,
    Stopped,
)

KILL_AGAIN_AFTER = 0.5
"""Seconds between two rounds of SIGKILL against a process that forks faster than it is killed."""


# Events: the user's, the process's, the timer's, the probe's.


@dataclass(frozen=True, slots=True)
class StartRequested:
    pass


@dataclass(frozen=True, slots=True)
class StopRequested:
    pass


@dataclass(frozen=True, slots=True)
class RestartRequested:
    pass


@dataclass(frozen=True, slots=True)
class KillRequested:
    """Stop at once, without grace."""


@dataclass(frozen=True, slots=True)
class Spawned:
    pid: int


@dataclass(frozen=True, slots=True)
class Exited:
    """The main process ended."""

    status: ExitStatus


@dataclass(frozen=True, slots=True)
class Cleared:
    """The main process and all that it started are gone."""


@dataclass(frozen=True, slots=True)
class ProbeAnswered:
    epoch: int
    ok: bool


@dataclass(frozen=True, slots=True)
class TimerFired:
    epoch: int


Event = (
    StartRequested
    | StopRequested
    | RestartRequested
    | KillRequested
    | Spawned
    | Exited
    | Cleared
    | ProbeAnswered
    | TimerFired
)


# Actions: what the runner is to do.


@dataclass(frozen=True, slots=True)
class Spawn:
    """Start the process. Answered by Spawned, or by Exited with an error and Cleared."""


@dataclass(frozen=True, slots=True)
class Terminate:
    """Send the stop policy's signal to the process and all that it started; then watch until Cleared."""


@dataclass(frozen=True, slots=True)
class Kill:
    """Send SIGKILL to the process and all that it started; then watch until Cleared."""


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Send TimerFired(epoch) after so many seconds. A new timer replaces the old one."""

    seconds: float
    epoch: int


@dataclass(frozen=True, slots=True)
class StartProbe:
    """Ask until the service is ready, then send ProbeAnswered(epoch); stop when the epoch has passed."""

    epoch: int


Action = Spawn | Terminate | Kill | SetTimer | StartProbe


@dataclass(frozen=True, slots=True)
class Step:
    """What an event leads to."""

    status: ServiceStatus
    actions: tuple[Action, ...] = ()


def advance(service: Service, status: ServiceStatus, event: Event, now: float) -> Step:
    """Return the status after `event`, and what is to be done.

    `now` is the seconds of a monotonic clock; it may stand still or jump. Never raises.
    """
    match event:
        case StartRequested():
            return _start(service, status)
        case StopRequested():
            return _stop(service, replace(status, wanted=False))
        case RestartRequested():
            return _restart(service, status)
        case KillRequested():
            return _kill(replace(status, wanted=False))
        case Spawned(pid):
            return _spawned(service, status, pid)
        case Exited(exit_status):
            return _exited(service, status, exit_status)
        case Cleared():
            return _cleared(service, status, now)
        case ProbeAnswered(epoch, ok):
            return _probe_answered(service, status, ok) if epoch == status.epoch else Step(status)
        case TimerFired(epoch):
            return _timer_fired(status) if epoch == status.epoch else Step(status)
        case _:
            assert_never(event)


def _enter(status: ServiceStatus, state: ServiceState) -> ServiceStatus:
    """Enter a state. The new epoch makes the timer and the probe of the old one stale."""
    return replace(status, state=state, epoch=status.epoch + 1)


def _start(service: Service, status: ServiceStatus) -> Step:
    match status.state:
        case ServiceState.PENDING | ServiceState.STOPPED | ServiceState.FAILED:
            return _spawn(replace(status, wanted=True, failures=0, restart_times=()))
        case ServiceState.EXITED:
            return _restart(service, status)
        case ServiceState.STOPPING | ServiceState.BACKOFF:
            return Step(replace(status, wanted=True))
        case ServiceState.STARTING | ServiceState.READY | ServiceState.UNREADY:
            return Step(replace(status, wanted=True))
        case _:
            assert_never(status.state)


def _spawn(status: ServiceStatus) -> Step:
    entered = _enter(status, ServiceState.STARTING)
    return Step(replace(entered, occupied=True, pid=None, exit=None), (Spawn(),))


def _spawn_again(status: ServiceStatus) -> Step:
    return _spawn(replace(status, restarts=status.restarts + 1))


def _stop(service: Service, status: ServiceStatus) -> Step:
    """End what runs, whether or not it is still wanted."""
    match status.state:
        case ServiceState.STARTING | ServiceState.READY | ServiceState.UNREADY:
            stopping = replace(_enter(status, ServiceState.STOPPING), stopped=Stopped.ASKED)
            return Step(stopping, (Terminate(), SetTimer(service.stop.grace, stopping.epoch)))
        case ServiceState.STOPPING:
            # Its main process may have ended by itself, and what it left is being ended: now we are asked.
            asked = Stopped.ASKED if status.stopped is Stopped.EXITED else status.stopped
            return Step(replace(status, stopped=asked))
        case ServiceState.EXITED:
            # It ended well, and what it set up as a daemon may live on: that is ended with it now.
            left = replace(_enter(status, ServiceState.STOPPING), stopped=Stopped.LEFT, occupied=True)
            return Step(left, (Terminate(), SetTimer(service.stop.grace, left.epoch)))
        case ServiceState.PENDING | ServiceState.BACKOFF:
            return Step(_enter(status, ServiceState.STOPPED))
        case ServiceState.STOPPED | ServiceState.FAILED:
            return Step(status)
        case _:
            assert_never(status.state)


def _restart(service: Service, status: ServiceStatus) -> Step:
    match status.state:
        case (
            ServiceState.STARTING
            | ServiceState.READY
            | ServiceState.UNREADY
            | ServiceState.STOPPING
            | ServiceState.EXITED
        ):
            return _stop(service, replace(status, wanted=True, failures=0, restart_times=()))
        case ServiceState.BACKOFF | ServiceState.STOPPED | ServiceState.FAILED:
            return _spawn_again(replace(status, wanted=True, failures=0, restart_times=()))
        case ServiceState.PENDING:
            return _start(service, status)
        case _:
            assert_never(status.state)


def _kill(status: ServiceStatus) -> Step:
    if status.state in _AT_REST:
        return Step(status)
    if not status.occupied and status.state is not ServiceState.EXITED:
        return Step(_enter(status, ServiceState.STOPPED))
    stopping = replace(_enter(status, ServiceState.STOPPING), stopped=Stopped.KILLED, occupied=True)
    return Step(stopping, (Kill(), SetTimer(KILL_AGAIN_AFTER, stopping.epoch)))


_AT_REST = (ServiceState.STOPPED, ServiceState.FAILED)


def _spawned(service: Service, status: ServiceStatus, pid: int) -> Step:
    if status.state is ServiceState.STARTING and status.pid is None and status.occupied:
        return Step(replace(status, pid=pid), (StartProbe(status.epoch),))
    if status.state is ServiceState.STOPPING and status.pid is None and status.exit is None:
        # The stop came before the process was there: it must be repeated now.
        known = replace(status, pid=pid)
        if status.stopped is Stopped.KILLED:
            return Step(known, (Kill(), SetTimer(KILL_AGAIN_AFTER, status.epoch)))
        return Step(known, (Terminate(), SetTimer(service.stop.grace, status.epoch)))
    return Step(status)


def _exited(service: Service, status: ServiceStatus, exit_status: ExitStatus) -> Step:
    if not status.occupied or status.exit is not None:
        return Step(status)
    ended = replace(status, pid=None, exit=exit_status)
    if status.state is ServiceState.STOPPING:
        return Step(ended)
    stopping = replace(_enter(ended, ServiceState.STOPPING), stopped=Stopped.EXITED)
    return Step(stopping, (Terminate(), SetTimer(service.stop.grace, stopping.epoch)))


def _cleared(service: Service, status: ServiceStatus, now: float) -> Step:
    if status.state is not ServiceState.STOPPING or status.exit is None:
        return Step(status)
    free = replace(status, occupied=False, pid=None)
    if not status.wanted:
        return Step(_enter(free, ServiceState.STOPPED))
    match status.stopped:
        case Stopped.ASKED | Stopped.KILLED | Stopped.LEFT:
            return _spawn_again(free)
        case Stopped.EXITED:
            return _ended_by_itself(service, free, status.exit, now)
        case _:
            assert_never(status.stopped)


def _ended_by_itself(service: Service, status: ServiceStatus, exit_status: ExitStatus, now: float) -> Step:
    policy = service.restart
    if not policy.wants_restart(exit_status):
        return Step(_enter(status, ServiceState.EXITED if exit_status.is_success else ServiceState.FAILED))
    if not policy.allows_restart(status.restart_times, now):
        return Step(_enter(status, ServiceState.FAILED))
    failures = status.failures + 1
    waiting = replace(
        _enter(status, ServiceState.BACKOFF),
        failures=failures,
        restart_times=(*policy.recent(status.restart_times, now), now),
    )
    return Step(waiting, (SetTimer(policy.delay(failures), waiting.epoch),))


def _probe_answered(service: Service, status: ServiceStatus, ok: bool) -> Step:
    match status.state:
        case ServiceState.STARTING | ServiceState.UNREADY if ok and status.pid is not None:
            return _ready(service, status)
        case ServiceState.READY if not ok:
            unready = _enter(status, ServiceState.UNREADY)
            return Step(unready, (StartProbe(unready.epoch),))
        case _:
            return Step(status)


def _ready(service: Service, status: ServiceStatus) -> Step:
    ready = _enter(status, ServiceState.READY)
    probe = (StartProbe(ready.epoch),) if any(map(is_repeated, service.probes)) else ()
    # Reset on ready alone, a service without a probe would crash for ever at the first delay.
    return Step(ready, (SetTimer(service.restart.stable_after, ready.epoch), *probe))


def is_repeated(probe: ReadinessProbe) -> bool:
    """Say whether `probe` is asked again after ready; a line that came and a second that passed stay so."""
    return probe.every is not None and probe.kind not in (ProbeKind.ALIVE, ProbeKind.LOG)


def _timer_fired(status: ServiceStatus) -> Step:
    match status.state:
        case ServiceState.BACKOFF:
            return _spawn_again(status) if status.wanted else Step(_enter(status, ServiceState.STOPPED))
        case ServiceState.READY:
            return Step(replace(status, failures=0))
        case ServiceState.STOPPING:
            return Step(status, (Kill(), SetTimer(KILL_AGAIN_AFTER, status.epoch)))
        case _:
            return Step(status)
