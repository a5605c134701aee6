"""Ends what services leave behind, and says when nothing of one lives any more.

After a service was told to stop, or its main process ended, this looks at the process table until none of
its processes is left: those of its group, their descendants, and those that slipped away with the run's
cookie. One look serves all services that wait for it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from devstack.machine import system
from devstack.machine.process_tree import Marks, Member, ask_rows, find_members
from devstack.machine.system import ProcessId, ProcessRow
from devstack.supervisor.cleanup.converge import Order, Progress, next_step
from devstack.supervisor.cleanup.leftovers import Leftovers, carry_out

FIRST_PAUSE = 0.002
LONGEST_PAUSE = 0.1
LAST_GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL for what slipped away: every service's own grace has passed by then."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a service is ended: `signal` goes to all that its main process, which leads `group`, started.

    `has_exited` says that the main process has ended, and only what it left is meant. `spares_daemons` says
    that what slipped away from the group may stay.
    """

    group: int
    signal: int
    has_exited: bool = False
    spares_daemons: bool = False


@dataclass(slots=True)
class _Waiting:
    """A service whose processes are being ended.

    `told` have had the signal already, `is_told` says that the group has. `known` are all that were found.
    `progress` begins anew when the main process has exited: what it left may be younger than the first look.
    """

    ending: Ending
    is_told: bool = False
    told: set[ProcessId] = field(default_factory=set)
    known: dict[ProcessId, Member] = field(default_factory=dict)
    progress: Progress = field(default_factory=Progress)


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

    def end(self, name: str, ending: Ending) -> None:
        """End all of the service `name`, in the next turn of the loop. What was asked before is replaced.

        Not at once: all that belongs is looked up first. Once its main process has ended, a process that
        cleared its environment and left the session can be told from strangers no more.
        """
        before = self._waiting.get(name)
        waiting = self._waiting[name] = _Waiting(ending)
        if before is not None:
            waiting.known = before.known
            if before.ending.signal == ending.signal:
                waiting.is_told, waiting.told = before.is_told, before.told
                waiting.progress = before.progress
        self.look_soon()

    def exited(self, name: str) -> None:
        """Take note that the main process has ended, by itself or by our signal."""
        waiting = self._waiting.get(name)
        if waiting is not None:
            waiting.ending = replace(waiting.ending, has_exited=True)
            waiting.progress = replace(waiting.progress, has_asked=False)
            self.look_soon()

    def members(self, name: str) -> tuple[ProcessRow, ...]:
        """Return the living processes of a service that is being ended."""
        waiting = self._waiting.get(name)
        if waiting is None:
            return ()
        found = self._find({waiting.ending.group: name})
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
        known = {
            known: member for waiting in self._waiting.values() for known, member in waiting.known.items()
        }
        marks = Marks(cookie=self._cookie, groups=groups, outside=self._outside(), known=known)
        return find_members(marks)

    def _look(self) -> None:
        self._timer = None
        found = self._find({waiting.ending.group: name for name, waiting in self._waiting.items()})
        for name in tuple(self._waiting):
            waiting = self._waiting[name]  # only now: the news of another's end may have replaced it
            own = [member for member in found if member.service == name]
            waiting.known.update((member.row.id, member) for member in own)
            rows = [member.row for member in own if member.in_group or not waiting.ending.spares_daemons]
            self._end(waiting, rows)
            if not rows and waiting.ending.has_exited:
                del self._waiting[name]
                self._on_clear(name)
        endings = [waiting.ending for waiting in self._waiting.values()]
        if any(ending.has_exited or ending.signal == system.KILL_SIGNAL for ending in endings):
            self._look_later()

    def _end(self, waiting: _Waiting, rows: list[ProcessRow]) -> None:
        ending = waiting.ending
        by_force = ending.signal == system.KILL_SIGNAL
        living = frozenset(row.id for row in rows)
        step = next_step(waiting.progress, living, asyncio.get_running_loop().time(), by_force=by_force)
        waiting.progress = step.progress
        if step.order is Order.ASK:
            self._ask(waiting, rows)
        else:
            # What survives SIGKILL is not given up here: the lifecycle asks for another round.
            order = Order.KILL if step.order is Order.GIVE_UP else step.order
            carry_out(order, step.processes, tuple(rows), ending.signal)

    def _ask(self, waiting: _Waiting, rows: list[ProcessRow]) -> None:
        """Send the stop signal to those of `rows` that have not had it."""
        ending = waiting.ending
        if not ending.has_exited and not waiting.is_told:
            # Those of the group get the signal with it, all at once; a second one can mean "now!" to them.
            waiting.is_told = True
            waiting.told.update(row.id for row in rows if row.group == ending.group)
            system.send_group_signal(ending.group, ending.signal)
            if (resume := system.signal_number("CONT")) is not None:
                system.send_group_signal(ending.group, resume)
        ask_rows([row for row in rows if row.id not in waiting.told], ending.signal)
        waiting.told.update(row.id for row in rows)

    def _look_later(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._pause, self._look)
            self._pause = min(self._pause * 1.5, LONGEST_PAUSE)


async def end_slipped(
    marks: Marks, reap: Callable[[], None], is_urgent: Callable[[], bool]
) -> tuple[int, ...]:
    """End what slipped away from services that ended long ago; return the pids that withstand.

    `marks` tell every process of the run. `reap` takes the children that have ended, `is_urgent` says
    whether somebody wants it done at once.
    """
    leftovers = Leftovers(marks)
    started, pause = time.monotonic(), FIRST_PAUSE
    while living := leftovers.look():
        waited = time.monotonic() - started
        if not leftovers.act(by_force=waited > LAST_GRACE or is_urgent()):
            return tuple(row.pid for row in living)
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)
        reap()
    return ()
