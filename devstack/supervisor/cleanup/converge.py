"""The order in which processes are ended so that it comes to an end, whatever they do. No I/O, no clock.

1. Ask once: those that the first look finds get the stop signal. Nobody is asked twice, nor anybody who
   appears later: a process that forks when it is asked would otherwise multiply with every look.
2. At the end of the grace, freeze (SIGSTOP) all that each look finds, until two looks in a row find nobody
   new: what is frozen cannot fork.
3. Kill (SIGKILL) all of them.
4. Give up on those that survive SIGKILL for some seconds: another user's, or stuck in the kernel.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from devstack.machine.system import ProcessId

QUIET_LOOKS = 2
"""Looks in a row that must find nobody new: a process may be forking while it is being frozen."""

KILL_FOR = 3.0
"""Seconds without any change after which processes that survive SIGKILL are given up."""


class Order(Enum):
    """What to do with the processes of a look."""

    WAIT = "wait"
    ASK = "ask"
    FREEZE = "freeze"
    KILL = "kill"
    GIVE_UP = "give up"


@dataclass(frozen=True, slots=True)
class Progress:
    """What is known from the looks so far.

    `quiet` counts the looks in a row that found nobody new; `changed_at` is the time, in seconds, of the last
    look under force that differed from the one before.
    """

    has_asked: bool = False
    frozen: frozenset[ProcessId] = frozenset()
    living: frozenset[ProcessId] = frozenset()
    quiet: int = 0
    changed_at: float | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """The progress after a look, what to do now, and to which processes."""

    progress: Progress
    order: Order
    processes: frozenset[ProcessId] = frozenset()


def next_step(progress: Progress, living: frozenset[ProcessId], now: float, *, by_force: bool) -> Step:
    """Return what to do after a look that found `living` at `now` (monotonic seconds).

    `by_force` says that the grace is over.
    """
    if not by_force:
        if progress.has_asked or not living:
            return Step(progress, Order.WAIT)
        return Step(replace(progress, has_asked=True), Order.ASK, living)
    has_changed = progress.changed_at is None or living != progress.living
    changed_at = now if has_changed or progress.changed_at is None else progress.changed_at
    progress = replace(progress, has_asked=True, living=living, changed_at=changed_at)
    new = living - progress.frozen
    if new:
        return Step(replace(progress, frozen=progress.frozen | new, quiet=0), Order.FREEZE, new)
    progress = replace(progress, quiet=progress.quiet + 1)
    if not living or progress.quiet < QUIET_LOOKS:
        return Step(progress, Order.WAIT)
    if now - changed_at > KILL_FOR:
        return Step(progress, Order.GIVE_UP, living)
    return Step(progress, Order.KILL, living)
