"""Ends what a stack left, from outside: for the guardian, for `down` after a killed supervisor, for `up`.

Synchronous and small, for the guardian runs it in an interpreter with next to nothing imported.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from devstack.machine.process_tree import Marks, find_members, kill_rows, signal_rows
from devstack.machine.system import ProcessRow

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


def end_leftovers(
    marks: Marks, grace: float, on_wait: Callable[[tuple[ProcessRow, ...]], None] | None = None
) -> Ended:
    """Ask every process of `marks` to end (SIGTERM), and after `grace` seconds kill those that live.

    `on_wait` is told once, after half a second, on whom we wait. Returns when none is found any more, or
    when those that are left withstand SIGKILL (another user's, or stuck in the kernel).
    """
    seen: dict[int, ProcessRow] = {}
    told: set[int] = set()
    started = time.monotonic()
    pause = 0.002
    quiet = 0
    while True:
        members = tuple(member.row for member in find_members(marks))
        seen.update((row.pid, row) for row in members)
        quiet = 0 if members else quiet + 1
        elapsed = time.monotonic() - started
        if quiet >= QUIET_LOOKS or elapsed > grace + KILL_FOR:
            left = {row.id for row in members}
            return Ended(tuple(row for row in seen.values() if row.id not in left), members)
        if elapsed >= grace:
            kill_rows(members)
            pause = 0.002
        else:
            signal_rows([row for row in members if row.pid not in told], signal.SIGTERM)
            told.update(row.pid for row in members)
            if on_wait and elapsed > 0.5 and members:
                on_wait(members)
                on_wait = None
        time.sleep(min(pause, max(grace - elapsed, 0.001)))
        pause = min(pause * 1.5, LONGEST_PAUSE)
