"""Which processes belong to a stack: a process and its descendants, and those that slipped away from it.

Four marks, each enough by itself:

- the *cookie*: the variable COOKIE, unique to the run, in the environment that the process was started with.
  It survives `setsid`, double forks and the death of every parent;
- the *parent*: a descendant of a process that belongs. It survives a cleared or overwritten environment;
- the *process group* or *session* of a main process whose number is known not to have been reused;
- the *output*: a pipe of ours as stdout or stderr (Linux). It survives the loss of all the others at once,
  and is asked for only where orphans are not the supervisor's children, as after it was killed.

Who once was found to belong does so for as long as it lives: its parent, whose end we bring about, may have
been the last mark that it had.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from devstack.core.stack import COOKIE
from devstack.machine import system
from devstack.machine.system import ProcessId, ProcessRow

SERVICE = "DEVSTACK_SERVICE"


@dataclass(frozen=True, slots=True)
class Marks:
    """By what a run's processes are known.

    `groups` are process groups that are ours for certain, each with its service. `parents` are processes
    whose descendants all belong, though they themselves do not: the supervisor. `outside` never belongs:
    the keeper, whoever asks. `known` are those that were found before. `pipes` are numbers of the services'
    output pipes, which say nothing of a process that was there before `since`, the supervisor's own start.
    """

    cookie: str = ""
    groups: Mapping[int, str] = field(default_factory=dict)
    parents: tuple[ProcessId, ...] = ()
    outside: frozenset[int] = frozenset()
    known: Mapping[ProcessId, Member] = field(default_factory=dict)
    pipes: frozenset[int] = frozenset()
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class Member:
    """A living process of the run. `service` is "" where nothing tells it.

    `in_group` says that it is in the main process's group or descends from there, and did not slip away.
    """

    row: ProcessRow
    service: str
    in_group: bool


def find_members(marks: Marks, rows: Iterable[ProcessRow] | None = None) -> tuple[Member, ...]:
    """Return the living processes that belong to `marks`, zombies left out.

    `rows` is a reading of the process table, taken now where it is None.
    """
    table = list(system.read_processes() if rows is None else rows)
    insiders = [row for row in table if row.pid not in marks.outside]
    found = {row.pid: mark for row in insiders if (mark := _mark(row, marks))}
    parents = {parent.pid for parent in marks.parents if any(row.id == parent for row in table)}
    for pid in parents:
        found.pop(pid, None)
    _add_descendants(found, parents, insiders)
    return tuple(Member(row, *found[row.pid]) for row in insiders if row.pid in found and not row.is_zombie)


def _mark(row: ProcessRow, marks: Marks) -> tuple[str, bool] | None:
    """Return the service that `row` is known for by itself, and whether by its group."""
    if (before := marks.known.get(row.id)) is not None:
        return before.service, before.in_group
    for leader in (row.group, row.session):
        if leader and leader in marks.groups:
            return marks.groups[leader], True
    if row.is_zombie:
        return None
    return _mark_of_environment(row, marks.cookie) or _mark_of_output(row, marks)


def _mark_of_environment(row: ProcessRow, cookie: str) -> tuple[str, bool] | None:
    if not cookie:
        return None
    environment = b"\0" + system.environment_of(row.pid)
    if f"\0{COOKIE}={cookie}\0".encode() not in environment:
        return None
    _, found, rest = environment.partition(f"\0{SERVICE}=".encode())
    return os.fsdecode(rest[: rest.index(b"\0")]) if found else "", False


def _mark_of_output(row: ProcessRow, marks: Marks) -> tuple[str, bool] | None:
    if not marks.pipes or row.id.started < marks.since:
        return None
    return None if marks.pipes.isdisjoint(system.output_pipes_of(row.pid)) else ("", False)


def _add_descendants(
    found: dict[int, tuple[str, bool]], parents: Collection[int], rows: list[ProcessRow]
) -> None:
    """Add to `found` every process below one of it, of the same service, or below `parents`, of none."""
    children: dict[int, list[int]] = {}
    for row in rows:
        children.setdefault(row.parent, []).append(row.pid)
    waiting = [*found.items(), *((pid, ("", False)) for pid in parents)]
    while waiting:
        parent, mark = waiting.pop()
        for pid in children.get(parent, ()):
            if pid not in found:
                found[pid] = mark
                waiting.append((pid, mark))


def is_alive(process: ProcessId) -> bool:
    """Say whether exactly this process lives; a zombie does not."""
    row = system.read_process(process.pid)
    return row is not None and row.id == process and not row.is_zombie


def signal_rows(rows: Iterable[ProcessRow], number: int) -> None:
    """Send signal `number` to each process of `rows` that is still there.

    One that became another user's is passed over: nobody here can end it, and whoever looks again finds it.
    """
    for row in rows:
        try:
            system.send_signal(row.id, number)
        except PermissionError:
            continue


def ask_rows(rows: Collection[ProcessRow], number: int) -> None:
    """Ask each process of `rows` to end, with signal `number`. A suspended one is resumed to hear it."""
    signal_rows(rows, number)
    if (resume := system.signal_number("CONT")) is not None:
        signal_rows(rows, resume)


def signal_whole_groups(rows: Collection[ProcessRow], among: Collection[ProcessRow], number: int) -> None:
    """Send signal `number` to each process of `rows`, whole groups first.

    A group's signal also reaches a child that is just being forked. `among` are all processes that belong: a
    group that holds any other is not signalled as a whole.
    """
    groups = {row.group for row in rows}
    for group in groups & _whole_groups(among):
        system.send_group_signal(group, number)
    signal_rows(rows, number)


def _whole_groups(rows: Collection[ProcessRow]) -> set[int]:
    """Return the process groups of which every process is in `rows`: they hold no stranger."""
    ours = {row.pid for row in rows}
    groups = {row.group for row in rows if row.group}
    if not groups:
        return groups
    return groups - {
        row.group for row in system.read_processes() if row.pid not in ours and not row.is_zombie
    }
