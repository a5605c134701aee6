"""Does hot reload reach the page? Connects as the browser would, with what Vite told the page.

Vite says "ready" whether or not it got its hot-reload port: when 3002 is taken it logs one line, and when
another checkout's Vite has it, the page is refused by a stranger. Either way hot reload is silently dead.
"""

from __future__ import annotations

from devstack.checks.attempts import Attempt, Outcome, Target, try_handshake
from devstack.checks.facts import StackFacts, is_vite, look_at_ports
from devstack.checks.vite.client import SUBPROTOCOL, ViteClient, read_vite_client
from devstack.checks.vite.config import find_vite_config
from devstack.core.findings import Finding, Level
from devstack.core.ports import PortClaim, Protocol
from devstack.machine.listeners import Listener

CHECK = "hmr"
WHY_DEAD = "hot reload is dead: a change shows only when the page is loaded again by hand"
NUMERIC = {"127.0.0.1": "127.0.0.1", "[::1]": "::1", "::1": "::1"}


async def check_hmr(facts: StackFacts) -> tuple[Finding, ...]:
    """Return a finding for every Vite dev server among the stack's HTTP claims."""
    pages = [claim for claim in facts.stack.claims if claim.protocol is Protocol.HTTP]
    clients = [(claim, await read_vite_client(claim.port)) for claim in pages]
    claimed = {claim.port for claim in facts.stack.claims}
    seen = look_at_ports(facts, {client.port for _, client in clients if client} - claimed)
    return tuple([await _check_client(claim, client, seen) for claim, client in clients if client])


async def _check_client(claim: PortClaim, client: ViteClient, facts: StackFacts) -> Finding:
    def finding(level: Level, what: str, why: str = "", what_to_do: str = "") -> Finding:
        return Finding(CHECK, level, what, why, what_to_do, claim.service, client.port)

    if client.protocol == "wss" or (client.host and client.host not in {"localhost", *NUMERIC}):
        url = f"{client.protocol}://{client.host or 'localhost'}:{client.port}{client.base}"
        return finding(Level.OK, f"hot reload goes through {url}, which is not this machine's: not tried")
    attempt = await try_handshake(_target(client), listen=True)
    stranger = _stranger(claim, client, facts)
    if stranger is not None:
        return finding(Level.ERROR, *_taken(claim, client, stranger, attempt, facts))
    if not attempt.is_open:
        return finding(Level.ERROR, *_dead(claim, client, attempt))
    if "connected" not in attempt.message:
        what = f"what upgrades on {client.port} does not speak as Vite does"
        return finding(
            Level.ERROR, what, WHY_DEAD, f"look at who listens: devstack check-ports, {client.port}"
        )
    return finding(*_alive(claim, client, facts))


def _target(client: ViteClient) -> Target:
    origin = f"http://localhost:{client.page_port}"
    if client.host in NUMERIC:
        return Target(client.port, client.path, origin, SUBPROTOCOL, (NUMERIC[client.host],))
    return Target(client.port, client.path, origin, SUBPROTOCOL)


def _stranger(claim: PortClaim, client: ViteClient, facts: StackFacts) -> Listener | None:
    """Return who listens on the hot-reload port instead of the service that should.

    That is the one that serves the page or, as with the built-in services, the one that claims the port.
    """
    claimed = facts.claim_on(client.port)
    rightful = {claim.service, claimed.service if claimed and claimed.subprotocol == SUBPROTOCOL else ""}
    listeners = facts.listeners_on(client.port)
    if any(facts.service_of(one) in rightful for one in listeners):
        return None
    return next(iter(listeners), None)


def _taken(
    claim: PortClaim, client: ViteClient, stranger: Listener, attempt: Attempt, facts: StackFacts
) -> tuple[str, str, str]:
    who = facts.name(stranger)
    if is_vite(facts.command_of(stranger)) or (attempt.status == 400 and client.token):
        what = f"{client.port} is the hot-reload port of another Vite: {who}"
        refused = f"HTTP {attempt.status}" if attempt.status else attempt.detail
        why = f"{claim.service}'s page asks there and is answered by a stranger ({refused}): {WHY_DEAD}"
    else:
        what = f"{client.port}, where {claim.service}'s page looks for hot reload, is held by {who}"
        why = f"Vite logs one line, says ready and goes on without: {WHY_DEAD}"
    if facts.claim_on(client.port) is None:
        todo = f"give {claim.service} another hot-reload port, and claim it in devstack.toml: "
        return what, why, f"{todo}then `devstack up` sees beforehand who has it"
    return what, why, "end that process and `devstack restart` the frontend, or `devstack up --ports auto`"


def _dead(claim: PortClaim, client: ViteClient, attempt: Attempt) -> tuple[str, str, str]:
    # Without its socket, Vite answers the handshake with the page, or not at all.
    if client.port == client.page_port and attempt.status != 400:
        return (
            f"{claim.service}'s Vite answers no hot-reload socket: it is switched off (`server.ws: false`)",
            WHY_DEAD,
            "take `ws: false` out of vite.config's `server`",
        )
    if attempt.outcome is Outcome.ABSENT:
        what = f"nobody listens on {client.port}, where {claim.service}'s page looks for hot reload"
        return (
            what,
            WHY_DEAD,
            f"devstack logs {claim.service} says why; then devstack restart {claim.service}",
        )
    what = f"the hot-reload socket on {client.port} does not take {claim.service}'s page: {attempt.detail}"
    return what, WHY_DEAD, f"devstack restart {claim.service}, and load the page again"


def _alive(claim: PortClaim, client: ViteClient, facts: StackFacts) -> tuple[Level, str, str, str]:
    """It works; say so, or that nothing comes over it, or that it works elsewhere than claimed."""
    wanted = [
        other.port
        for other in facts.stack.claims
        if other.service == claim.service and other.subprotocol == SUBPROTOCOL
    ]
    config = find_vite_config(*_place_and_command(claim.service, facts))
    off = config.get("server", "hmr") if config else None
    if config and off and off.value is False:
        level = Level.ERROR if wanted else Level.WARNING
        what = (
            f"hot reload of {claim.service}'s page is switched off: {config.name}:{off.line} has `hmr: false`"
        )
        return level, what, WHY_DEAD, "take `hmr: false` out of vite.config's `server`"
    if wanted and client.port not in wanted:
        return (
            Level.WARNING,
            f"hot reload runs on {client.port}, and {claim.service} claims {wanted[0]} for it",
            "vite.config does not set that port, and who waits for it waits in vain",
            f"vite.config, `server`: ws: {{ port: {wanted[0]}, host: '127.0.0.1' }} (before Vite 8.1: hmr)",
        )
    return Level.OK, f"{claim.service}'s page gets hot reload from {client.port}", "", ""


def _place_and_command(service: str, facts: StackFacts) -> tuple[str, str]:
    """Return the folder and the command of a service."""
    found = next((one for one in facts.stack.services if one.name == service), None)
    return (found.cwd, found.command) if found else (facts.stack.project, "")
