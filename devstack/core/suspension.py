"""That a process is suspended. Apart from `service`, which every start loads before anything runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Suspension:
    """A process that a signal has stopped: which signal, and since when (Unix time in seconds)."""

    signal: int
    since: float
