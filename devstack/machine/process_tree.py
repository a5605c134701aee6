"""Which processes belong to a stack: a process and its descendants, and those that slipped away from it.

Three marks, each enough by itself:

- the *cookie*: the variable COOKIE, unique to the run, in the environment that the process was started with.
  It survives `setsid`, double forks and the death of every parent;
- the *parent*: a descendant of a process that belongs. It survives a cleared or overwritten environment;
- the *process group* of a main process of which we know that its number has not been used again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from devstack.machine import system
from devstack.machine.system import ProcessId, ProcessRow

COOKIE = "DEVSTACK_RUN"
"""The variable whose value is unique to one run of one stack."""


@dataclass(frozen=True, slots=True)
class Marks:
    """By what a stack's processes are known.

    `roots` are processes whose descendants all belong (a root belongs too if it is not in `outside`).
    `groups` are numbers of process groups that are ours for certain. `outside` never belongs, nor what
    only descends from it: the supervisor, the guardian, whoever asks.
    """

    cookie: str = ""
    service: str | None = None
    roots: tuple[ProcessId, ...] = ()
    groups: frozenset[int] = frozenset()
    outside: frozenset[int] = frozenset()


def find_members(marks: Marks, rows: Iterable[ProcessRow] | None = None) -> tuple[ProcessRow, ...]:
    """Return the living processes that belong to `marks`, zombies left out.

    `rows` is a reading of the process table, taken now where it is None.
    """
    table = list(system.read_processes() if rows is None else rows)
    living = [row for row in table if row.pid not in marks.outside]
    found = {row.pid for row in living if _is_marked(row, marks)}
    roots = {root.pid for root in marks.roots if any(row.id == root for row in table)}
    _add_descendants(found, roots, living)
    return tuple(row for row in living if row.pid in found and not row.is_zombie)


def _is_marked(row: ProcessRow, marks: Marks) -> bool:
    if row.group in marks.groups and row.group:
        return True
    if row.id in marks.roots:
        return True
    return bool(marks.cookie) and not row.is_zombie and _carries(row.pid, marks)


def _carries(pid: int, marks: Marks) -> bool:
    if not system.has_variable(pid, f"{COOKIE}={marks.cookie}".encode()):
        return False
    return marks.service is None or system.has_variable(pid, f"DEVSTACK_SERVICE={marks.service}".encode())


def _add_descendants(found: set[int], roots: Collection[int], rows: list[ProcessRow]) -> None:
    """Add to `found` every process below one of it, or below `roots`."""
    children: dict[int, list[int]] = {}
    for row in rows:
        children.setdefault(row.parent, []).append(row.pid)
    waiting = [*found, *roots]
    while waiting:
        for pid in children.get(waiting.pop(), ()):
            if pid not in found:
                found.add(pid)
                waiting.append(pid)


def is_alive(process: ProcessId) -> bool:
    """Say whether exactly this process lives; a zombie does not."""
    row = system.read_process(process.pid)
    return row is not None and row.id == process and not row.is_zombie


def signal_members(members: Collection[ProcessRow], number: int) -> int:
    """Send signal `number` to each of `members`; return how many were still there.

    One that cannot be signalled (it became another user's) is passed over: nobody here can end it.
    """
    sent = 0
    for row in members:
        try:
            sent += system.send_signal(row.id, number)
        except PermissionError:
            continue
    return sent
