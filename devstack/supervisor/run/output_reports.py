"""What the output tells the supervisor: what could not be written, what was left out, nobody there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from devstack.core.events import Cause, Notice
from devstack.core.lines import LONGEST_LINE
from devstack.machine import system
from devstack.supervisor.run_folder.paths import FOLDER

if TYPE_CHECKING:
    from devstack.supervisor.run.running_stack import Stoppable

MEGABYTE = 1024 * 1024


class OutputReports:
    """Words the reports of the output, and stops a stack that has lost its screen."""

    def __init__(self, stack: Stoppable) -> None:
        self._stack = stack
        self._has_cut: set[str] = set()

    def log_failed(self, name: str, error: OSError) -> None:
        self._say(f"the log of {name} cannot be written: {error.strerror}; it is tried again")

    def log_mended(self, name: str, missing: int) -> None:
        self._say(f"the log of {name} is written again; {missing:,} bytes are missing in it")

    def lines_skipped(self, skipped: Mapping[str, int]) -> None:
        parts = ", ".join(f"{count} of {name}" for name, count in skipped.items())
        where = os.path.join(FOLDER, "logs")
        self._say(f"lines left out here, which the screen did not take: {parts}; they are in {where}")

    def line_cut(self, name: str) -> None:
        """Say, once for each service, that a line was too long to be shown whole."""
        if name not in self._has_cut:
            self._has_cut.add(name)
            longest = LONGEST_LINE // MEGABYTE
            self._say(f"a line of {name} is longer than {longest} MB: cut here, whole in its log")

    def screen_failed(self, error: OSError) -> None:
        self._say(f"the output cannot be written: {error.strerror}; it is tried again, the services go on")

    def screen_gone(self) -> None:
        self._stack.shut_down(Cause.SCREEN, exit_code=128 + system.HANGUP_SIGNAL)

    def _say(self, text: str) -> None:
        self._stack.tell(Notice(text))
