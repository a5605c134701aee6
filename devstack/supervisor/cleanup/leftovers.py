"""Ends what a stack left: for the guardian, for `down` after a killed supervisor, for `up`.

Synchronous and small, for the guardian runs it in an interpreter with next to nothing imported.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from devstack.machine.process_tree import Marks, Member, find_members, kill_rows, signal_rows
from devstack.machine.system import ProcessId, ProcessRow

FIRST_PAUSE = 0.002
LONGEST_PAUSE = 0.05
KILL_FOR = 3.0
"""Seconds for which SIGKILL is repeated against processes that go on forking."""

QUIET_LOOKS = 2
"""So many looks in a row must find nobody: a dying shell may just have forked."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of leftovers: those that were ended, and those that nobody could end."""

    ended: tuple[ProcessRow, ...]
    left: tuple[ProcessRow, ...]


class Leftovers:
    """The processes of `marks`, from look to look, and how they are ended."""

    def __init__(self, marks: Marks) -> None:
        self._marks = marks
        self._seen: dict[ProcessId, Member] = {}
        self._told: set[ProcessId] = set()
        self._living: tuple[ProcessRow, ...] = ()

    def look(self) -> tuple[ProcessRow, ...]:
        """Return those that live now."""
        found = find_members(replace(self._marks, known=self._seen))
        self._seen.update((member.row.id, member) for member in found)
        self._living = tuple(member.row for member in found)
        return self._living

    def ask(self) -> None:
        """Send SIGTERM to those of the last look that have not had it."""
        signal_rows([row for row in self._living if row.id not in self._told], signal.SIGTERM)
        self._told.update(row.id for row in self._living)

    def kill(self) -> None:
        """Send SIGKILL to those of the last look."""
        kill_rows(self._living)

    def outcome(self) -> Ended:
        """Return what became of them, by the last look."""
        left = {row.id for row in self._living}
        ended = (member.row for known, member in self._seen.items() if known not in left)
        return Ended(tuple(ended), self._living)


def end_leftovers(
    marks: Marks, grace: float, on_wait: Callable[[tuple[ProcessRow, ...]], None] | None = None
) -> Ended:
    """Ask every process of `marks` to end (SIGTERM), and after `grace` seconds kill those that live.

    `on_wait` is told once, after half a second, on whom we wait. Returns when none is found any more, or
    when those that are left withstand SIGKILL (another user's, or stuck in the kernel).
    """
    leftovers = Leftovers(marks)
    started = time.monotonic()
    pause = FIRST_PAUSE
    quiet = 0
    while True:
        living = leftovers.look()
        quiet = 0 if living else quiet + 1
        elapsed = time.monotonic() - started
        if quiet >= QUIET_LOOKS or elapsed > grace + KILL_FOR:
            return leftovers.outcome()
        if elapsed >= grace:
            leftovers.kill()
            pause = FIRST_PAUSE
        else:
            leftovers.ask()
            if on_wait and elapsed > 0.5 and living:
                on_wait(living)
                on_wait = None
        time.sleep(min(pause, max(grace - elapsed, 0.001)))
        pause = min(pause * 1.5, LONGEST_PAUSE)
