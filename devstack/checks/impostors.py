"""Does the service that claims a port listen on it? Or another one, or a stranger?

A port that answers proves nothing: Vite slides to the next port when its own is taken, and then sits on a
sibling's; a stranger may have been faster. What counts is whose process holds the listener.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from devstack.checks.facts import StackFacts, is_vite
from devstack.core.findings import Finding, Level
from devstack.core.port_report import BusyReason
from devstack.core.ports import PortClaim
from devstack.machine.listeners import Listener

CHECK = "impostors"


def find_impostors(facts: StackFacts) -> tuple[Finding, ...]:
    """Return an error for each claimed port on which somebody else listens.

    It is a warning where this user may not see who listens, or where it is a container's: a service that runs
    one, or runs as another user, looks just so. A port on which nobody listens yet is none: this can be asked
    again and again while a stack starts.
    """
    return tuple(finding for claim in facts.stack.claims if (finding := _impostor(claim, facts)))


def check_claims(facts: StackFacts) -> tuple[Finding, ...]:
    """Return one finding for each claim of a stack that is up: held by its service, or by whom instead."""
    return tuple(_impostor(claim, facts) or _held(claim, facts) for claim in facts.stack.claims)


def as_warnings(findings: Iterable[Finding], facts: StackFacts) -> tuple[Finding, ...]:
    """Return the findings as a stack that is up is told of them: an impostor alone is an error."""
    impostors = find_impostors(facts)
    return tuple(
        replace(one, level=Level.WARNING) if one.level is Level.ERROR and one not in impostors else one
        for one in findings
    )


def _impostor(claim: PortClaim, facts: StackFacts) -> Finding | None:
    """Return the error if a client of the claim's port could meet somebody else than its service."""
    listeners = facts.listeners_on(claim.port)
    # Processes share a socket: an address is the service's own where one of them is.
    own = {one.address for one in listeners if facts.service_of(one) in (claim.service, "")}
    for listener in listeners:
        if listener.address not in own:
            sibling = facts.service_of(listener)
            if sibling is not None:
                return _sibling(claim, listener, sibling, facts)
            return _stranger(claim, listener, facts, beside=bool(own))
    return None


def _sibling(claim: PortClaim, listener: Listener, sibling: str, facts: StackFacts) -> Finding:
    """Another service of the stack holds the port."""
    what = f"{sibling} listens on {claim.port}, which {claim.service} claims: {facts.name(listener)}"
    hint = f"make {sibling} listen on its own port alone, or claim {claim.port} for it in devstack.toml"
    missed = _missed_claim(sibling, facts)
    slides = is_vite(facts.command_of(listener))
    strict = "set `server: { strictPort: true }` in vite.config: then Vite stops instead of sliding"
    if missed is None and slides:
        hint = (
            f"{strict} here from a port that is taken; and let `ports` in devstack.toml claim that port for "
        )
        hint += f"{sibling}, so that `devstack up` says who holds it"
    elif missed is not None:
        holder = next(iter(facts.listeners_on(missed.port)), None)
        what += f"; its own port {missed.port} is " + (
            f"held by {facts.name(holder)}" if holder else "not used by anybody"
        )
        hint = f"free port {missed.port} (`devstack check-ports` says who holds it)"
        hint += f", and {strict}" if slides else ""
    return Finding(
        CHECK,
        Level.ERROR,
        what,
        f"{claim.service} cannot listen there, and its clients meet {sibling}",
        hint,
        claim.service,
        claim.port,
    )


def _missed_claim(service: str, facts: StackFacts) -> PortClaim | None:
    """Return the first claim of `service` on which it does not listen."""
    ports = {one.port for one in facts.listeners_of(service)}
    claims = (claim for claim in facts.stack.claims if claim.service == service)
    return next((claim for claim in claims if claim.port not in ports), None)


def _stranger(claim: PortClaim, listener: Listener, facts: StackFacts, *, beside: bool) -> Finding:
    """A process that is not the stack's holds the port, alone or beside the service."""
    owner = facts.owners.get(listener.pid) if listener.pid is not None else None
    may_be_its_own = listener.pid is None or (owner is not None and owner.reason is BusyReason.CONTAINER)
    place = f"{listener.address}:{claim.port}"
    what = f"{facts.name(listener)}, not a process of this stack, listens on {place}, which {claim.service} "
    what += "listens on too" if beside else "claims"
    return Finding(
        CHECK,
        Level.WARNING if may_be_its_own else Level.ERROR,
        what,
        f"who opens localhost:{claim.port} may meet it instead of {claim.service}",
        "end that process, or let `devstack up --ports auto` move this stack to free ports",
        claim.service,
        claim.port,
    )


def _held(claim: PortClaim, facts: StackFacts) -> Finding:
    """Nobody else holds the port: either the service does, or nobody."""
    addresses = sorted({one.address for one in facts.listeners_on(claim.port)})
    if addresses:
        places = " and ".join(f"{address}:{claim.port}" for address in addresses)
        return Finding(
            CHECK, Level.OK, f"{claim.service} listens on {places}", "", "", claim.service, claim.port
        )
    claimed = {other.port for other in facts.stack.claims}
    others = sorted({one.port for one in facts.listeners_of(claim.service)} - claimed)
    instead = f"; it listens on {', '.join(map(str, others))} instead" if others else ""
    variable = f"read its port from {claim.variable}" if claim.variable else f"listen on {claim.port}"
    return Finding(
        CHECK,
        Level.ERROR,
        f"{claim.service} claims {claim.port} and does not listen there{instead}",
        f"nothing answers on localhost:{claim.port}",
        f"make {claim.service} {variable}"
        + (f", or claim {others[0]} for it in devstack.toml" if others else ""),
        claim.service,
        claim.port,
    )
