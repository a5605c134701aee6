"""The ports of the further instances of scaled services. Imported only where a service is scaled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from devstack.config.ports.claims import PlannedClaim, Ports
from devstack.config.selection import Selection
from devstack.core.ports import PortClaim, is_port
from devstack.errors import ConfigError, UsageError


def all_instances(selection: Selection, plain: Mapping[str, Ports]) -> dict[str, Ports]:
    """Add the further instances of scaled services: +1 each from the first's numbers, past what is taken."""
    taken = {claim.port for ports in plain.values() for claim in ports.claims}
    taken |= {ports.foreman for ports in plain.values() if ports.foreman is not None}
    found = {}
    for line in selection.lines:
        last = plain[line.name]
        for instance in selection.instances(line.name):
            found[instance] = last = last if instance == line.name else _next(instance, last, taken)
    return found


def _next(instance: str, last: Ports, taken: set[int]) -> Ports:
    for claim in last.claims:
        if claim.variable is None:
            raise UsageError(
                f"--scale: {instance} cannot get a port of its own, for no variable sets port {claim.port}",
                hint=f"give that claim of {instance.partition('.')[0]} an `env` in devstack.toml",
            )
    moved = {}
    numbers = [claim.port for claim in last.claims]
    if last.foreman is not None and last.foreman not in numbers:
        numbers.append(last.foreman)
    for number in numbers:
        moved[number] = _step(instance, number, taken)
        taken.add(moved[number])
    planned = tuple(
        PlannedClaim(
            moved_claim(planned.claim, moved[planned.claim.port], instance), planned.source, planned.line
        )
        for planned in last.planned
    )
    return Ports(planned, None if last.foreman is None else moved[last.foreman])


def _step(instance: str, number: int, taken: set[int]) -> int:
    following = number + 1
    while following in taken:
        following += 1
    if not is_port(following):
        raise ConfigError(
            f"no port is left for {instance} above {number}", hint="scale it less, or lower its port"
        )
    return following


def moved_claim(claim: PortClaim, port: int, service: str) -> PortClaim:
    """Return the claim for the instance `service`, on another port."""
    return replace(claim, port=port, service=service)
