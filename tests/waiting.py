"""Waiting for a condition, never for a time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

DEADLINE = 60.0
PAUSE = 0.01


def at_this_load(seconds: float) -> float:
    """Return `seconds`, as many times longer as there are processes for each processor, if that is above one.

    What is promised within some seconds is promised to whom the machine gives a processor.
    """
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return seconds * max(1.0, load / (os.cpu_count() or 1))


def until(condition: Callable[[], object], what: str, deadline: float = DEADLINE) -> None:
    """Return as soon as `condition` holds; fail after `deadline` seconds, saying that `what` did not come."""
    end = time.monotonic() + deadline
    while not condition():
        assert time.monotonic() < end, f"waited {deadline:g} s in vain for: {what}"
        time.sleep(PAUSE)
