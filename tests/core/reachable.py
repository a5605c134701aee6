"""Every state that a service can reach, and every event that it can hear there.

Numbers that only grow (epochs, processes, times) are folded, so that there are finitely many states.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from devstack.core.lifecycle import advance
from devstack.core.service import (
    ExitStatus,
    ProbeKind,
    ReadinessProbe,
    RestartMode,
    RestartPolicy,
    Service,
    ServiceStatus,
)
from devstack.core.service_events import (
    Cleared,
    Event,
    Exited,
    KillRequested,
    ProbeAnswered,
    Spawned,
    StartDelayed,
    StartRequested,
    StopRequested,
    TimerFired,
)

SERVICES = [
    Service("web", "run", "/", probes=probes, restart=RestartPolicy(mode, max=2))
    for mode in RestartMode
    for probes in ((ReadinessProbe(ProbeKind.ALIVE),), (ReadinessProbe(ProbeKind.TCP, 80, every=5.0),))
]
SERVICES += [
    replace(service, restart=replace(service.restart, unready=30.0))
    for service in SERVICES
    if service.probes[0].is_repeated
]
WISHES = (StartRequested(), StartDelayed(), StopRequested(), KillRequested())
EXITS = (
    ExitStatus(code=0),
    ExitStatus(code=1),
    ExitStatus(code=127),
    ExitStatus(signal=9),
    ExitStatus(error="no such folder"),
)


def events_about(status: ServiceStatus) -> Iterator[Event]:
    """Yield every event, of now, of the past and of a future that cannot be."""
    yield from WISHES
    for difference in (-1, 0, 1):
        process, epoch = status.processes + difference, status.epoch + difference
        yield Spawned(process, 7)
        yield Cleared(epoch)
        yield TimerFired(epoch)
        for ok in (True, False):
            yield ProbeAnswered(epoch, ok)
        for exit_status in EXITS:
            yield Exited(process, exit_status)


def fold(status: ServiceStatus) -> ServiceStatus:
    """Return the status with the numbers folded that have no end."""
    return replace(
        status,
        epoch=5,
        processes=min(status.processes, 2),
        failures=min(status.failures, 3),
        restart_times=(0.0,) * len(status.restart_times),
    )


def reachable(service: Service) -> frozenset[ServiceStatus]:
    """Return every status, folded, to which any order of events leads `service`, one of SERVICES."""
    return _reachable(SERVICES.index(service))


@cache
def _reachable(number: int) -> frozenset[ServiceStatus]:
    service = SERVICES[number]
    found: set[ServiceStatus] = set()
    waiting = {fold(ServiceStatus())}
    while waiting:
        status = waiting.pop()
        found.add(status)
        for event in events_about(status):
            steps = (advance(service, status, event, now) for now in (0.0, 1000.0))
            waiting |= {fold(step.status) for step in steps} - found
    return frozenset(found)
