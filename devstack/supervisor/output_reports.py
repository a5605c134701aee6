"""What the output tells the supervisor: a log that cannot be written, lines left out, nobody there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from devstack.core.events import Cause, Notice
from devstack.machine import system
from devstack.supervisor.record import FOLDER

if TYPE_CHECKING:
    from devstack.supervisor.supervisor import Supervisor


class OutputReports:
    """Words the reports of the output, and stops a stack that has lost its screen."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor

    def log_failed(self, name: str, error: OSError) -> None:
        text = f"the log of {name} cannot be written: {error.strerror}; it is tried again"
        self._supervisor.tell(Notice(text))

    def lines_skipped(self, skipped: Mapping[str, int]) -> None:
        parts = ", ".join(f"{count} of {name}" for name, count in skipped.items())
        where = os.path.join(FOLDER, "logs")
        text = f"lines left out here because the screen was too slow: {parts}; they are in {where}"
        self._supervisor.tell(Notice(text))

    def screen_gone(self) -> None:
        self._supervisor.shut_down(Cause.SCREEN, exit_code=128 + system.HANGUP_SIGNAL)
