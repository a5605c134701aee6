"""Turns what services were seen to listen on into the claims to propose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from devstack.config.proposal.proposed import ProposedPort, ProposedService, table_ports

PORT, OWN_PORT = "PORT", 5000


@dataclass(frozen=True, slots=True)
class SeenService:
    """What one service did when it was tried.

    `handed` are the ports that it was handed, by variable, and `ports` those that it listened on, each with
    whether HTTP was spoken there. `trouble` says in lines why it did not run: its ports are then unknown.
    """

    name: str
    handed: Mapping[str, int] = field(default_factory=dict)
    ports: Mapping[int, bool] = field(default_factory=dict)
    trouble: tuple[str, ...] = ()


def with_seen(
    services: Iterable[ProposedService], seen: Mapping[str, SeenService]
) -> tuple[ProposedService, ...]:
    """Return the services with the claims that were seen; one that was not tried, or failed, as it was."""
    return tuple(
        _with_seen(one, seen[one.name]) if one.name in seen and not seen[one.name].trouble else one
        for one in services
    )


def _with_seen(service: ProposedService, seen: SeenService) -> ProposedService:
    proposed = table_ports(service.name) if service.ports is None else service.ports
    claims, explained = [], set()
    for claim in proposed:
        number = seen.handed.get(claim.env, claim.default)
        if number in seen.ports:
            claims.append(_spoken(claim, is_http=seen.ports[number]))
            explained.add(number)
    handed = seen.handed.get(PORT)
    if handed is not None and handed in seen.ports and handed not in explained:
        claims.append(_spoken(ProposedPort(OWN_PORT, PORT), is_http=seen.ports[handed]))
        explained.add(handed)
    others = sorted(set(seen.ports) - explained)
    claims += [_spoken(ProposedPort(number), is_http=seen.ports[number]) for number in others]
    return service if tuple(claims) == service.ports else replace(service, ports=tuple(claims))


def _spoken(claim: ProposedPort, *, is_http: bool) -> ProposedPort:
    """Return the claim with the protocol that was spoken; a WebSocket's stays what it is."""
    return claim if claim.protocol == "ws" else replace(claim, protocol="http" if is_http else "tcp")
