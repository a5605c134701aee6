"""Preflight: every port claim against what the machine has, before anything starts.

The fast path asks the kernel alone: a port that can be bound on loopback and on the wildcard of both
families is free. Only where a bind fails does psutil say who listens, on which address, and whether a
client of `localhost` could meet it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache

from devstack.core.port_report import BusyReason, Owner, PortReport, PortState
from devstack.core.ports import PortClaim
from devstack.machine import system
from devstack.machine.binding import (
    LOOPBACK,
    Binding,
    answering_address,
    find_free_port,
    next_free_port,
    try_binding,
)
from devstack.machine.containers import Container, published_ports
from devstack.machine.system import ProcessId

__all__ = [
    "BusyReason",
    "Owner",
    "PortReport",
    "PortState",
    "check_claims",
    "find_free_port",
    "free_ports",
]


Containers = Callable[[], Mapping[int, Container]]


def check_claims(
    claims: Sequence[PortClaim],
    ours: Collection[ProcessId] = (),
    *,
    cookie: str = "",
    project: str | None = None,
) -> tuple[PortReport, ...]:
    """Return a report for each claim, in their order.

    `ours` are the processes of this project's running stack; their descendants count too, and so does
    whatever carries the run's `cookie`. `project` is this project's folder: what its dead stack left is
    told from other projects by it.
    """
    bindings = {port: try_binding(port) for port in {claim.port for claim in claims}}
    suspects = {port for port, binding in bindings.items() if binding is not Binding.FREE}
    owners = _find_owners(suspects, tuple(ours), cookie, project) if suspects else {}
    taken = {claim.port for claim in claims}
    containers = cache(published_ports)  # asleep, an engine costs seconds: it is asked once for all ports
    return tuple(
        _report(claim, owners, taken, containers)
        if claim.port in suspects
        else PortReport(claim, PortState.FREE)
        for claim in claims
    )


def free_ports(claims: Iterable[PortClaim]) -> dict[tuple[str, str], int]:
    """Return a free port for each claim (`--ports auto`), by the claim's service and variable.

    No two are the same, and none is a port that is claimed now. A claim without a variable is left out:
    nothing could hand the new number to its service.
    """
    claimed = list(claims)
    taken = {claim.port for claim in claimed}
    free: dict[tuple[str, str], int] = {}
    for claim in claimed:
        if claim.variable is not None:
            free[claim.service, claim.variable] = find_free_port(taken)
            taken.add(free[claim.service, claim.variable])
    return free


def _find_owners(
    ports: Collection[int], ours: tuple[ProcessId, ...], cookie: str, project: str | None
) -> Mapping[int, tuple[Owner, ...]]:
    from devstack.machine.listeners import concerns, find_listeners
    from devstack.machine.owners import OurStack, describe_owners

    listeners = [one for one in find_listeners(ports) if concerns(one.address)]
    return describe_owners(listeners, OurStack(project, ours, cookie))


def _report(
    claim: PortClaim, owners: Mapping[int, tuple[Owner, ...]], taken: set[int], containers: Containers
) -> PortReport:
    found = owners.get(claim.port, ())
    strangers = tuple(owner for owner in found if owner.reason is not None)
    if strangers:
        return _busy(claim, strangers, taken)
    if found:
        return PortReport(claim, PortState.OURS, found)
    return _report_unowned(claim, taken, containers)


def _report_unowned(claim: PortClaim, taken: set[int], containers: Containers) -> PortReport:
    """Judge a port that could not be bound although no listener in sight concerns us."""
    from devstack.machine.listeners import find_connected_ports
    from devstack.machine.owners import unseen_owner

    port = claim.port
    binding = try_binding(port, LOOPBACK)
    if binding is Binding.FREE:  # another interface's listener, or an owner that has just ended
        return PortReport(claim, PortState.FREE)
    address = answering_address(port)
    if address is None:
        if binding is Binding.FORBIDDEN:
            return PortReport(claim, PortState.FREE, may_bind=False)
        if try_binding(port, LOOPBACK, past_time_wait=True) is Binding.FREE or find_connected_ports({port}):
            return PortReport(claim, PortState.FREE)
    owner = unseen_owner(port, address, containers)
    return _busy(claim, (owner,) if owner else (), taken)


def _busy(claim: PortClaim, owners: tuple[Owner, ...], taken: set[int]) -> PortReport:
    """Return the report of a busy port; its alternative joins `taken`, lest two claims get the same."""
    strangers = [one for one in owners if one.reason is BusyReason.STRANGER]
    ends = [*(one.pid for one in strangers), *(one.end_pid for one in owners)]
    pids = tuple(dict.fromkeys(pid for pid in ends if pid is not None))
    look = system.inspect_command if owners else system.unowned_command
    alternative = next_free_port(claim.port, taken)
    if alternative is not None:
        taken.add(alternative)
    return PortReport(
        claim,
        PortState.BUSY,
        owners,
        alternative=alternative,
        end_command=system.end_command(pids) if pids else "",
        inspect_command=look(claim.port),
    )
