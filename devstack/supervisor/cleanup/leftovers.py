"""Ends what a stack left: for the keeper, for `down` after a killed supervisor, for `up`.

Synchronous and small: the keeper runs it in an interpreter with next to nothing imported. `converge`
decides in which order.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from devstack.machine.process_tree import Marks, Member, ask_rows, find_members, signal_whole_groups
from devstack.machine.system import KILL_SIGNAL, STOP_SIGNAL, ProcessId, ProcessRow
from devstack.supervisor.cleanup.converge import QUIET_LOOKS, Order, Progress, next_step

FIRST_PAUSE = 0.002
LONGEST_PAUSE = 0.05


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
        self._living: tuple[ProcessRow, ...] = ()
        self._progress = Progress()

    def look(self) -> tuple[ProcessRow, ...]:
        """Return those that live now."""
        found = find_members(replace(self._marks, known=self._seen))
        self._seen.update((member.row.id, member) for member in found)
        self._living = tuple(member.row for member in found)
        return self._living

    def act(self, *, by_force: bool) -> bool:
        """Do to those of the last look what comes next; return False when they are to be given up.

        `by_force` says that the grace is over.
        """
        living = frozenset(row.id for row in self._living)
        step = next_step(self._progress, living, time.monotonic(), by_force=by_force)
        self._progress = step.progress
        carry_out(step.order, step.processes, self._living, signal.SIGTERM)
        return step.order is not Order.GIVE_UP

    def outcome(self) -> Ended:
        """Return what became of them, by the last look."""
        left = {row.id for row in self._living}
        ended = (member.row for known, member in self._seen.items() if known not in left)
        return Ended(tuple(ended), self._living)


def carry_out(
    order: Order, processes: frozenset[ProcessId], living: tuple[ProcessRow, ...], stop_signal: int
) -> None:
    """Do `order` to `processes`, which are among `living`, all that belong. `stop_signal` asks to end."""
    rows = [row for row in living if row.id in processes]
    match order:
        case Order.ASK:
            ask_rows(rows, stop_signal)
        case Order.FREEZE:
            signal_whole_groups(rows, living, STOP_SIGNAL)
        case Order.KILL:
            signal_whole_groups(rows, living, KILL_SIGNAL)
        case Order.WAIT | Order.GIVE_UP:
            return


def end_leftovers(
    marks: Marks, grace: float, on_wait: Callable[[tuple[ProcessRow, ...]], None] | None = None
) -> Ended:
    """Ask every process of `marks` to end (SIGTERM), and after `grace` seconds kill those that live.

    `on_wait` is called once, after half a second, with those that still live. Returns when none is found, or
    when those that are left survive SIGKILL (another user's, or stuck in the kernel).
    """
    leftovers = Leftovers(marks)
    started = time.monotonic()
    pause = FIRST_PAUSE
    quiet = 0
    is_by_force = False
    while True:
        living = leftovers.look()
        quiet = 0 if living else quiet + 1
        elapsed = time.monotonic() - started
        if quiet >= QUIET_LOOKS:
            return leftovers.outcome()
        if elapsed >= grace and not is_by_force:
            is_by_force, pause = True, FIRST_PAUSE
        if not leftovers.act(by_force=is_by_force):
            return leftovers.outcome()
        if on_wait and elapsed > 0.5 and living:
            on_wait(living)
            on_wait = None
        time.sleep(pause if is_by_force else min(pause, max(grace - elapsed, 0.001)))
        pause = min(pause * 1.5, LONGEST_PAUSE)
