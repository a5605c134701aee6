"""Waiting for a condition, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable

DEADLINE = 60.0
PAUSE = 0.01


def until(condition: Callable[[], object], what: str, deadline: float = DEADLINE) -> None:
    """Return as soon as `condition` holds; fail after `deadline` seconds, saying that `what` did not come."""
    end = time.monotonic() + deadline
    while not condition():
        assert time.monotonic() < end, f"waited {deadline:g} s in vain for: {what}"
        time.sleep(PAUSE)
