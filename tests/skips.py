"""What a test run has skipped, in one line: a run without a browser must not look like a whole one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

TOOLS = ("Chromium", "Node.js", "redis-server", "redis-py", "nc", "git", "IPv6", "Linux", "/proc")
"""What tests need beside Python, as their skip reasons name it."""


def summary(reasons: Iterable[str]) -> str:
    """Return how many tests were skipped and for want of what, from their skip reasons."""
    counts = Counter(map(_wanted, reasons))
    if not counts:
        return "skipped tests: none"
    parts = ", ".join(f"{what}: {count}" for what, count in counts.most_common())
    return f"skipped tests: {counts.total()} ({parts})"


def _wanted(reason: str) -> str:
    """Return the missing tool that `reason` names, else the reason itself."""
    text = reason.removeprefix("Skipped: ")
    words = text.replace(",", " ").replace("(", " ").split()
    if not text.startswith(("no ", "there is no", *TOOLS)):
        return text
    return next((f"needs {tool}" for tool in TOOLS if tool in words), text)
