"""Every change of a service's state: `advance(service, status, event, now) -> Step(status, actions)`.

Three rules hold it together:

1. It is total. Every event may come in every state; one that means nothing there changes nothing.
2. What is *wanted* is kept apart from what *is*. A restart is "stop while still wanted".
3. The world says of what it speaks: `Spawned` and `Exited` name the process by its number, `Cleared`,
   `ProbeAnswered` and `TimerFired` the epoch. What is said of the past changes nothing.

             StartRequested              all probes answered           (every)
    PENDING ───────────────▶ STARTING ─────────────────────▶ READY ◀──────────▶ UNREADY
    STOPPED                   ▲   │                            │                   │
    FAILED                    │   └──────────┬─────────────────┴───────────────────┘
                    TimerFired│              │ StopRequested, KillRequested, Exited
                              │              ▼
                           BACKOFF ◀────  STOPPING ────▶ STOPPED, EXITED, FAILED, or STARTING again
                                    Cleared

    EXITED  ───▶ STOPPING (StartRequested, StopRequested: what it left as a daemon is ended first)
    BACKOFF ───▶ STOPPED (StopRequested), STARTING (StartRequested: at once)
    STARTING ──▶ FAILED (Exited with an error: there never was a process)
    STOPPED, FAILED ───▶ PENDING (StartDelayed: a dependency is not up)
    UNREADY ───▶ STOPPING (TimerFired: unready for too long, which counts as a crash)

A process may leave others behind in its group. `Exited` says that the main process ended; `Cleared` that
nothing of it lives any more. Nothing is spawned in between.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import assert_never

from devstack.core.service import (
    OCCUPIED_STATES,
    ExitStatus,
    RestartMode,
    Service,
    ServiceState,
    ServiceStatus,
    Stopped,
)
from devstack.core.service_events import (
    Action,
    Cleared,
    Event,
    Exited,
    Kill,
    KillRequested,
    News,
    ProbeAnswered,
    SetTimer,
    Spawn,
    Spawned,
    StartDelayed,
    StartProbe,
    StartRequested,
    StopRequested,
    Terminate,
    TimerFired,
    Wish,
)

KILL_AGAIN_AFTER = 0.5
"""Seconds between two rounds of SIGKILL against a process that forks faster than it is killed."""


@dataclass(frozen=True, slots=True)
class Step:
    """What an event leads to."""

    status: ServiceStatus
    actions: tuple[Action, ...] = ()


def advance(service: Service, status: ServiceStatus, event: Event, now: float) -> Step:
    """Return the status after `event`, and what is to be done.

    `now` is the seconds of a monotonic clock; it may stand still or jump. Never raises.
    """
    if isinstance(event, Wish):
        return _wished(service, status, event)
    if _is_stale(status, event):
        return Step(status)
    return _heard(service, status, event, now)


# What is wanted.


def _wished(service: Service, status: ServiceStatus, wish: Wish) -> Step:
    match wish:
        case StartRequested():
            return _start(service, status)
        case StartDelayed():
            return _delay(service, status)
        case StopRequested():
            return _stop(service, replace(status, wanted=False))
        case KillRequested():
            return _kill(service, replace(status, wanted=False))
        case _:
            assert_never(wish)


def _start(service: Service, status: ServiceStatus) -> Step:
    # A new wish begins a new count; one that was fulfilled already does not.
    afresh = replace(status, wanted=True, failures=0, restart_times=())
    match status.state:
        case ServiceState.PENDING | ServiceState.STOPPED | ServiceState.FAILED | ServiceState.BACKOFF:
            return _spawn(afresh)
        case ServiceState.EXITED:
            return _stopping(service, afresh, Stopped.LEFT)
        case ServiceState.STOPPING:
            return Step(status if status.wanted else afresh)
        case ServiceState.STARTING | ServiceState.READY | ServiceState.UNREADY:
            return Step(status)
        case _:
            assert_never(status.state)


def _delay(service: Service, status: ServiceStatus) -> Step:
    match status.state:
        case ServiceState.STOPPED | ServiceState.FAILED:
            return Step(replace(_enter(status, ServiceState.PENDING), wanted=False))
        case ServiceState.EXITED:
            return _stopping(service, replace(status, wanted=False), Stopped.LEFT)
        case _:
            return Step(status)


def _stop(service: Service, status: ServiceStatus) -> Step:
    match status.state:
        case ServiceState.STARTING | ServiceState.READY | ServiceState.UNREADY:
            return _stopping(service, status, Stopped.ASKED)
        case ServiceState.STOPPING if status.stopped is Stopped.EXITED:
            # It ended by itself, and what it left is being ended: now we are asked, and spare nothing.
            return _stopping(service, status, Stopped.ASKED)
        case ServiceState.STOPPING if status.stopped is Stopped.UNREADY:
            # It has had the stop signal already; only the wish behind it changes.
            return Step(replace(status, stopped=Stopped.ASKED))
        case ServiceState.STOPPING:
            return Step(status)
        case ServiceState.EXITED:
            # It ended well, and what it set up as a daemon may live on: that is ended with it now.
            return _stopping(service, status, Stopped.LEFT)
        case ServiceState.PENDING | ServiceState.BACKOFF:
            return Step(_enter(status, ServiceState.STOPPED))
        case ServiceState.STOPPED | ServiceState.FAILED:
            return Step(status)
        case _:
            assert_never(status.state)


def _kill(service: Service, status: ServiceStatus) -> Step:
    if status.state in OCCUPIED_STATES or status.state is ServiceState.EXITED:
        return _stopping(service, status, Stopped.KILLED)
    return _stop(service, status)


# What is.


def _is_stale(status: ServiceStatus, news: News) -> bool:
    match news:
        case Spawned(process) | Exited(process):
            return process != status.processes
        case Cleared(epoch) | ProbeAnswered(epoch) | TimerFired(epoch):
            return epoch != status.epoch
        case _:
            assert_never(news)


def _heard(service: Service, status: ServiceStatus, news: News, now: float) -> Step:
    match news:
        case Spawned(pid=pid):
            return _spawned(service, status, pid)
        case Exited(status=exit_status):
            return _exited(service, status, exit_status, now)
        case Cleared():
            return _cleared(service, status, now)
        case ProbeAnswered(ok=ok):
            return _probe_answered(service, status, ok)
        case TimerFired():
            return _timer_fired(service, status)
        case _:
            assert_never(news)


def _spawned(service: Service, status: ServiceStatus, pid: int) -> Step:
    if not status.awaits_process:
        return Step(status)
    known = replace(status, pid=pid)
    if status.state is ServiceState.STOPPING:
        return _end(service, known)  # the stop came before the process was there
    return Step(known, (StartProbe(status.epoch),))


def _exited(service: Service, status: ServiceStatus, exit_status: ExitStatus, now: float) -> Step:
    if status.state not in OCCUPIED_STATES or status.exit is not None:
        return Step(status)
    if exit_status.error and not status.awaits_process:
        return Step(status)
    ended = replace(status, pid=None, exit=exit_status)
    if status.state is not ServiceState.STOPPING:
        ended = replace(ended, stopped=Stopped.EXITED)
    if exit_status.error:
        return _gone(service, ended, exit_status, now)
    if status.state is ServiceState.STOPPING:
        return Step(ended)
    return _stopping(service, ended, Stopped.EXITED)


def _cleared(service: Service, status: ServiceStatus, now: float) -> Step:
    if status.state is not ServiceState.STOPPING or status.exit is None:
        return Step(status)
    return _gone(service, status, status.exit, now)


def _gone(service: Service, status: ServiceStatus, exit_status: ExitStatus, now: float) -> Step:
    """Nothing of the process lives: what now?"""
    if not status.wanted:
        return Step(_enter(status, ServiceState.STOPPED))
    policy = service.restart
    match status.stopped:
        case Stopped.EXITED:
            if not policy.wants_restart(exit_status):
                ended = ServiceState.EXITED if exit_status.is_success else ServiceState.FAILED
                return Step(_enter(status, ended))
        case Stopped.UNREADY:
            if policy.mode is RestartMode.NEVER:
                return Step(_enter(status, ServiceState.FAILED))
        case _:
            return _spawn(status)
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
            limit = service.restart.unready
            timer = () if limit is None else (SetTimer(limit, unready.epoch),)
            return Step(unready, (*timer, StartProbe(unready.epoch)))
        case _:
            return Step(status)


def _ready(service: Service, status: ServiceStatus) -> Step:
    ready = _enter(status, ServiceState.READY)
    probe = (StartProbe(ready.epoch),) if any(probe.is_repeated for probe in service.probes) else ()
    # Reset on ready alone, a service without a probe would crash for ever at the first delay.
    return Step(ready, (SetTimer(service.restart.stable_after, ready.epoch), *probe))


def _timer_fired(service: Service, status: ServiceStatus) -> Step:
    match status.state:
        case ServiceState.BACKOFF:
            return _spawn(status)
        case ServiceState.READY:
            return Step(replace(status, failures=0))
        case ServiceState.UNREADY if service.restart.unready is not None:
            return _stopping(service, status, Stopped.UNREADY)
        case ServiceState.STOPPING:
            return _end_by_force(service, status)
        case _:
            return Step(status)


# The ways into a state.


def _enter(status: ServiceStatus, state: ServiceState) -> ServiceStatus:
    """Enter a state. The new epoch makes the timer and the probe of the old one stale."""
    return replace(status, state=state, epoch=status.epoch + 1)


def _spawn(status: ServiceStatus) -> Step:
    number = status.processes + 1
    entered = replace(_enter(status, ServiceState.STARTING), processes=number, exit=None)
    return Step(entered, (Spawn(number),))


def _stopping(service: Service, status: ServiceStatus, stopped: Stopped) -> Step:
    return _end(service, replace(_enter(status, ServiceState.STOPPING), stopped=stopped))


def _end(service: Service, status: ServiceStatus) -> Step:
    """End the process and what it left. One that is not there yet gets the signal when it is."""
    if status.stopped is Stopped.KILLED:
        return _end_by_force(service, status)
    timer = SetTimer(service.stop.grace, status.epoch)
    if status.awaits_process:
        return Step(status, (timer,))
    return Step(status, (Terminate(status.epoch, _spares_daemons(service, status)), timer))


def _end_by_force(service: Service, status: ServiceStatus) -> Step:
    timer = SetTimer(KILL_AGAIN_AFTER, status.epoch)
    if status.awaits_process:
        return Step(status, (timer,))
    return Step(status, (Kill(status.epoch, _spares_daemons(service, status)), timer))


def _spares_daemons(service: Service, status: ServiceStatus) -> bool:
    """Say whether the process has done its work, and what it set up as a daemon may stay."""
    return (
        status.stopped is Stopped.EXITED
        and status.exit is not None
        and status.exit.is_success
        and not service.restart.wants_restart(status.exit)
    )
