"""Is a process of the stack suspended? It runs, holds its ports, and does nothing."""

from __future__ import annotations

from devstack.checks.facts import StackFacts
from devstack.core.findings import Finding, Level


def check_suspended(facts: StackFacts) -> tuple[Finding, ...]:
    """Return a warning for each process of the stack that a signal has stopped."""
    return tuple(
        Finding(
            "suspended",
            Level.WARNING,
            f"{facts.services.get(pid) or 'a process of the stack'} is suspended (pid {pid})",
            "A signal has stopped it (Ctrl-Z, kill -STOP): it runs, holds its ports, and does nothing.",
            f"Run kill -CONT {pid}, or devstack restart {facts.services.get(pid) or 'SERVICE'}",
            service=facts.services.get(pid) or None,
        )
        for pid in facts.suspended
    )
