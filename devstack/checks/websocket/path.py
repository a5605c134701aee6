"""Does the trading socket answer, on every way that a page may take to it? Names the hop that fails.

In development the page goes to the socket's own port, or through Vite's proxy; in production to the one
port of the stack. And a page of another site must not get in by any of them.
"""

from __future__ import annotations

from devstack.checks.attempts import Attempt, Outcome, Target, try_handshake
from devstack.checks.facts import StackFacts
from devstack.checks.vite.client import SUBPROTOCOL, ViteClient, read_vite_client
from devstack.core.findings import Finding, Level
from devstack.core.ports import PortClaim, Protocol

CHECK = "websocket-path"
ORIGIN_CHECK = "websocket-origin"
EVIL_ORIGIN = "http://evil.example"
OTHER_PATHS = ("/", "/ws", "/api/ws", "/socket")


async def check_websocket_paths(facts: StackFacts, *, foreign_pages: bool = True) -> tuple[Finding, ...]:
    """Return a finding for each hop, and one for each socket that says whether a foreign page gets in.

    That last one is left out where `foreign_pages` is False.
    """
    clients = [(claim, await _client_of(claim)) for claim in facts.stack.claims]
    pages = [claim for claim, client in clients if client is not None]
    # The built-in frontend hands no WebSocket on: its page goes to the socket's own port.
    proxies = [claim for claim, client in clients if client is not None and not client.is_built_in]
    findings: list[Finding] = []
    for claim in facts.stack.claims:
        if not _is_socket(claim):
            continue
        page = claim if claim.also_ws or not pages else pages[0]
        origin = f"http://localhost:{page.port}"
        direct = await try_handshake(Target(claim.port, claim.path or "/", origin))
        findings.append(await _judge_direct(claim, direct, origin))
        if direct.is_open and foreign_pages:
            findings.append(await _judge_foreign(claim))
        findings += [await _judge_proxy(claim, page, direct, facts) for page in proxies]
    return tuple(findings)


def _is_socket(claim: PortClaim) -> bool:
    is_ws = claim.also_ws or claim.protocol is Protocol.WS
    return is_ws and claim.subprotocol != SUBPROTOCOL


async def _client_of(claim: PortClaim) -> ViteClient | None:
    """Return what the dev server with hot reload that answers there tells its page; None: it is none."""
    return await read_vite_client(claim.port) if claim.protocol is Protocol.HTTP else None


async def _judge_direct(claim: PortClaim, attempt: Attempt, origin: str) -> Finding:
    path = claim.path or "/"

    def error(what: str, what_to_do: str) -> Finding:
        why = f"no page gets {claim.service}'s messages"
        return Finding(CHECK, Level.ERROR, what, why, what_to_do, claim.service, claim.port)

    if attempt.is_open:
        what = f"{claim.service} answers directly on {claim.port}, {path}"
        return Finding(CHECK, Level.OK, what, "", "", claim.service, claim.port)
    if attempt.outcome is Outcome.ABSENT:
        return error(
            f"nobody listens on {claim.port}, {claim.service}'s port", f"devstack logs {claim.service}"
        )
    if attempt.outcome is not Outcome.REFUSED:
        what = f"{claim.service} takes the connection on {claim.port} and does not answer at {path}"
        return error(f"{what}: {attempt.detail}", f"devstack logs {claim.service}")
    if (await try_handshake(Target(claim.port, path))).is_open:
        what = f"{claim.service} refuses the page's Origin {origin} on {claim.port}: HTTP {attempt.status}"
        return error(what, f"let {claim.service} take connections from {origin}")
    for other in OTHER_PATHS:
        if other != path and (await try_handshake(Target(claim.port, other, origin))).is_open:
            what = f"{claim.service} has its WebSocket on {claim.port} at {other}, not at {path}"
            return error(
                f"{what} (HTTP {attempt.status})", f"move it to {path}, or set the claim's `path` to {other}"
            )
    what = f"{claim.service} has no WebSocket at {path} on {claim.port}: HTTP {attempt.status}"
    return error(what, f"is {path} the path that {claim.service} serves? devstack logs {claim.service}")


async def _judge_foreign(claim: PortClaim) -> Finding:
    """Say whether a page of another site may open the socket."""
    attempt = await try_handshake(Target(claim.port, claim.path or "/", EVIL_ORIGIN))
    if not attempt.is_open:
        what = f"{claim.service} refuses pages of other sites on {claim.port}"
        return Finding(ORIGIN_CHECK, Level.OK, what, "", "", claim.service, claim.port)
    return Finding(
        ORIGIN_CHECK,
        Level.WARNING,
        f"{claim.service} takes a connection with Origin {EVIL_ORIGIN} on {claim.port}",
        "browsers let a page of any site open a WebSocket to this machine: it could read and send everything",
        f"compare the handshake's Origin with the page's in {claim.service}, and answer 403 to all others",
        claim.service,
        claim.port,
    )


async def _judge_proxy(claim: PortClaim, page: PortClaim, direct: Attempt, facts: StackFacts) -> Finding:
    """Judge the way through Vite's proxy."""
    path = claim.path or "/"
    origin = f"http://localhost:{page.port}"
    attempt = await try_handshake(Target(page.port, path, origin))
    hop = f"{path} through {page.service} on {page.port}"

    def finding(level: Level, what: str, why: str = "", what_to_do: str = "") -> Finding:
        return Finding(CHECK, level, what, why, what_to_do, page.service, page.port)

    if attempt.is_open:
        return finding(Level.OK, f"{hop} reaches {claim.service}")
    rule = f"'{path}': {{ target: 'ws://127.0.0.1:{claim.port}', ws: true }}"
    if attempt.outcome is Outcome.SILENT:
        return finding(
            Level.WARNING,
            f"{hop} hangs: vite.config's `server.proxy` has no rule with `ws: true` for it",
            f"a page that asks its own origin waits for ever; one that asks {claim.port} directly does not",
            f"add to `server.proxy`: {rule}",
        )
    wrong = await _same_answer(attempt, path, origin, facts, but=(claim, page))
    if wrong is not None:
        return finding(
            Level.ERROR,
            f"{hop} goes to {wrong.service} on {wrong.port} instead of {claim.service}: wrong proxy order",
            "Vite takes the first rule whose path fits, and a shorter one stands before it",
            f"put this before it in `server.proxy`: {rule}",
        )
    if direct.is_open and attempt.outcome is Outcome.REFUSED:
        what = f"{hop} is refused with HTTP {attempt.status}, directly on {claim.port} it is not"
        return finding(Level.ERROR, what, attempt.body[:200], f"rule in `server.proxy`: {rule}")
    what = f"{hop} ends without an answer: the proxy's target does not take it"
    return finding(Level.ERROR, what, attempt.detail, f"rule in `server.proxy`: {rule}")


async def _same_answer(
    attempt: Attempt, path: str, origin: str, facts: StackFacts, *, but: tuple[PortClaim, ...]
) -> PortClaim | None:
    """Return the HTTP claim that itself answers as the proxy did: there the proxy has gone."""
    for other in facts.stack.claims:
        if other.protocol is Protocol.HTTP and other not in but:
            answer = await try_handshake(Target(other.port, path, origin))
            if attempt.outcome is Outcome.REFUSED and (answer.status, answer.body) == (
                attempt.status,
                attempt.body,
            ):
                return other
            if attempt.outcome is Outcome.CLOSED and answer.outcome is Outcome.CLOSED:
                return other
    return None
