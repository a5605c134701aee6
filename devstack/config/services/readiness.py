"""Which questions decide that a service is ready: by its claims' protocols, or as devstack.toml says."""

from __future__ import annotations

from devstack.config.settings.types import ReadySetting, ServiceSettings
from devstack.core.ports import PortClaim, Protocol
from devstack.core.service import ProbeKind, ReadinessProbe
from devstack.errors import ConfigError

ALIVE, ONE_SHOT = ReadinessProbe(ProbeKind.ALIVE), ReadinessProbe(ProbeKind.EXIT)
ON_A_PORT = frozenset({ProbeKind.TCP, ProbeKind.HTTP, ProbeKind.WS})


def readiness_probes(
    name: str, settings: ServiceSettings, claims: tuple[PortClaim, ...], source: str
) -> tuple[ReadinessProbe, ...]:
    """Return the probes of the service `name`; all of them must answer.

    What `settings` (of the file `source`) says replaces what the claims would give. Without either, being
    alive counts.
    """
    if settings.oneshot:
        return (ONE_SHOT,)
    if settings.ready is not None:
        return (_given(name, settings.ready, claims, source),)
    return tuple(probe for claim in claims for probe in _of_claim(claim)) or (ALIVE,)


def _of_claim(claim: PortClaim) -> tuple[ReadinessProbe, ...]:
    socket = ReadinessProbe(ProbeKind.WS, claim.port, claim.path or "/", subprotocol=claim.subprotocol)
    if claim.is_inferred:  # what it answers to GET / is not known; that it listens says enough
        return (ReadinessProbe(ProbeKind.TCP, claim.port),)
    match claim.protocol:
        case Protocol.TCP:
            return (ReadinessProbe(ProbeKind.TCP, claim.port),)
        case Protocol.WS:
            return (socket,)
        case Protocol.HTTP:
            page = ReadinessProbe(ProbeKind.HTTP, claim.port, "/")
            return (page, socket) if claim.also_ws else (page,)


def _given(name: str, ready: ReadySetting, claims: tuple[PortClaim, ...], source: str) -> ReadinessProbe:
    claim = _probed_claim(name, ready, claims, source)
    port = ready.port if isinstance(ready.port, int) else claim.port if claim else None
    if ready.kind in ON_A_PORT and port is None:
        raise ConfigError(
            f"services.{name}.ready: asks on a port, and the service claims none",
            source=source,
            line=ready.line,
            hint="add `port = 5000` to `ready`, or give the service its `ports`",
        )
    return ReadinessProbe(
        kind=ready.kind,
        port=port if ready.kind in ON_A_PORT else None,
        target=ready.target,
        every=ready.every,
        subprotocol=ready.subprotocol
        or (claim.subprotocol if claim and ready.kind is ProbeKind.WS else None),
        status=ready.status,
        body=ready.body,
        first_message=ready.first_message,
    )


def _probed_claim(
    name: str, ready: ReadySetting, claims: tuple[PortClaim, ...], source: str
) -> PortClaim | None:
    if isinstance(ready.port, int):
        return None
    if ready.port is None:
        return claims[0] if claims else None
    for claim in claims:
        if claim.variable == ready.port:
            return claim
    raise ConfigError(
        f"services.{name}.ready: the service has no claim that {ready.port} sets",
        source=source,
        line=ready.line,
    )
