"""How a stack is to be run, and how far a run has come."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

MOST_CLIENTS = 256
"""Connections that the control socket serves at the same time."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run a stack. `timeout` is the seconds within which all must be ready.

    `screen` is the descriptor for the output, None for none.
    """

    timeout: float = 60.0
    screen: int | None = None
    detached: bool = False
    abort_on_exit: bool = False
    exit_code_from: str | None = None


class Phase(Enum):
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    ENDED = "ended"
