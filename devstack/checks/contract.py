"""The contract after `up`: what the stack claims against what is, all of it in one call."""

from __future__ import annotations

from devstack.checks.exposure import check_exposure
from devstack.checks.facts import StackFacts
from devstack.checks.impostors import check_claims
from devstack.checks.vite.hmr import check_hmr
from devstack.checks.websocket.path import check_websocket_paths
from devstack.core.check_result import CheckResult
from devstack.core.findings import Finding, Level


async def check_contract(
    facts: StackFacts, *, exposure: Level = Level.WARNING, foreign_pages: bool = True
) -> tuple[Finding, ...]:
    """Return every finding about a running stack: impostors, hot reload, WebSocket paths, exposure.

    `exposure` is the level of a listener that nobody declared: WARNING in dev, ERROR in smoke.
    `foreign_pages` tries whether another site's page gets into a WebSocket, which its service may well log.
    It takes milliseconds, and three seconds for each connection that hangs.
    """
    return (
        *check_claims(facts),
        *await check_hmr(facts),
        *await check_websocket_paths(facts, foreign_pages=foreign_pages),
        *check_exposure(facts, level=exposure),
    )


def result_of(finding: Finding, mode: str, seconds: float = 0.0) -> CheckResult:
    """Return a finding as smoke's table, JUnit and annotations take it; a warning is no failure."""
    name = f"{finding.check} {finding.port}" if finding.port is not None else finding.check
    lines = [finding.what]
    if finding.level is not Level.OK:
        lines += [line for line in (finding.why, finding.what_to_do) if line]
    classname = f"devstack.{mode}.{finding.service or 'stack'}"
    return CheckResult(
        name,
        classname,
        ok=finding.level is not Level.ERROR,
        detail="\n".join(lines),
        seconds=round(seconds, 3),
        is_warning=finding.level is Level.WARNING,
    )
