"""The contract after `up`: what the stack claims against what is, all of it in one call."""

from __future__ import annotations

from devstack.checks.exposure import check_exposure
from devstack.checks.facts import StackFacts
from devstack.checks.hmr import check_hmr
from devstack.checks.impostors import check_claims
from devstack.checks.websocket_path import check_websocket_paths
from devstack.core.findings import Finding, Level


async def check_contract(facts: StackFacts, *, exposure: Level = Level.WARNING) -> tuple[Finding, ...]:
    """Return every finding about a running stack: impostors, hot reload, WebSocket paths, exposure.

    `exposure` is the level of a listener that nobody declared: WARNING in dev, ERROR in smoke. It takes
    milliseconds, and two seconds for each connection that hangs.
    """
    return (
        *check_claims(facts),
        *await check_hmr(facts),
        *await check_websocket_paths(facts),
        *check_exposure(facts, level=exposure),
    )
