"""Ends what services leave behind, and says when nothing of one lives any more.

After a service was told to stop, or its main process ended, this looks at the process table until none of
its processes is left: those of its group, their descendants, and those that slipped away with the run's
cookie. One look serves all services that wait for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from devstack.machine import system
from devstack.machine.process_tree import Marks, Member, find_members, kill_rows, signal_rows
from devstack.machine.system import ProcessId, ProcessRow

FIRST_PAUSE = 0.002
LONGEST_PAUSE = 0.1


@dataclass(slots=True)
class _Waiting:
    """A service whose processes are being ended. `told` have had `signal` already."""

    group: int
    signal: int
    has_exited: bool = False
    spares_slipped: bool = False  # it ended well by itself: what daemonised itself may stay until `down`
    told: set[int] = field(default_factory=set)


class CleanUp:
    """Watches over the services that are being ended.

    `cookie` is the run's; `outside` are pids that are never touched. `on_clear` is called with a service's
    name when its main process has exited and nothing of it lives.
    """

    def __init__(
        self, cookie: str, outside: Callable[[], frozenset[int]], on_clear: Callable[[str], None]
    ) -> None:
        self._cookie = cookie
        self._outside = outside
        self._on_clear = on_clear
        self._waiting: dict[str, _Waiting] = {}
        self._pause = FIRST_PAUSE
        self._timer: asyncio.TimerHandle | asyncio.Handle | None = None

    def terminate(self, name: str, group: int, number: int, *, has_exited: bool) -> None:
        """Send signal `number` to all of the service `name`, whose main process leads `group`.

        `has_exited` says that the main process has ended, and only what it left is meant.
        """
        waiting = self._waiting.setdefault(name, _Waiting(group, number, has_exited))
        if waiting.signal != number:
            waiting.told.clear()
        waiting.signal = number
        if not waiting.has_exited:
            system.send_group_signal(group, number)
        self.look_soon()

    def exited(self, name: str, group: int, number: int, *, spares_slipped: bool) -> None:
        """The main process has ended by itself or by our signal; `number` is for what it left."""
        waiting = self._waiting.setdefault(name, _Waiting(group, number, spares_slipped=spares_slipped))
        waiting.has_exited = True
        self.look_soon()

    def members(self, name: str) -> tuple[ProcessRow, ...]:
        """Return the living processes of a service that is being ended."""
        waiting = self._waiting.get(name)
        if waiting is None:
            return ()
        found = self._find({waiting.group: name})
        return tuple(member.row for member in found if member.service == name)

    def look_soon(self) -> None:
        """Look as soon as the events at hand are through: many services often end together."""
        if not self._waiting:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._pause = FIRST_PAUSE
        self._timer = asyncio.get_running_loop().call_soon(self._look)

    def _find(self, groups: dict[int, str]) -> tuple[Member, ...]:
        return find_members(Marks(cookie=self._cookie, groups=groups, outside=self._outside()))

    def _look(self) -> None:
        self._timer = None
        found = self._find({waiting.group: name for name, waiting in self._waiting.items()})
        for name, waiting in tuple(self._waiting.items()):
            rows = [
                member.row
                for member in found
                if member.service == name and (member.in_group or not waiting.spares_slipped)
            ]
            self._end(waiting, rows)
            if not rows and waiting.has_exited:
                del self._waiting[name]
                self._on_clear(name)
        if any(
            waiting.has_exited or waiting.signal == system.KILL_SIGNAL for waiting in self._waiting.values()
        ):
            self._look_later()

    def _end(self, waiting: _Waiting, rows: list[ProcessRow]) -> None:
        if waiting.signal == system.KILL_SIGNAL:
            kill_rows(rows)
            return
        # Those of the group have had the signal with it, all at once; a second one can mean "now!" to them.
        fresh = [row for row in rows if row.pid not in waiting.told]
        has_had_it = {row.pid for row in fresh if row.group == waiting.group and not waiting.has_exited}
        signal_rows([row for row in fresh if row.pid not in has_had_it], waiting.signal)
        waiting.told.update(row.pid for row in fresh)

    def _look_later(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._pause, self._look)
            self._pause = min(self._pause * 1.5, LONGEST_PAUSE)


def run_members(cookie: str, supervisor: ProcessId, outside: frozenset[int]) -> tuple[ProcessRow, ...]:
    """Return every living process of the run, orphans that became the supervisor's children included."""
    marks = Marks(cookie=cookie, parents=(supervisor,), outside=outside)
    return tuple(member.row for member in find_members(marks))
