"""The one place that writes the stack's output to the screen: a terminal, a pipe or a file.

What waits for a slow reader is bounded. Beyond the bound a terminal's lines are skipped and counted; a
pipe's reader is waited for as long as it takes anything, and only after `PATIENCE` seconds without is it
skipped over too. A file that cannot be written (a full disk) is tried again every few seconds.
"""

from __future__ import annotations

import errno
import os
import select
import time
from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from devstack.core.lines import Buffer
from devstack.supervisor.output.screen_file import ScreenFile, open_screen

if TYPE_CHECKING:
    import asyncio

PIPE_HIGH_WATER = 512 * 1024
TERMINAL_HIGH_WATER = 1024 * 1024
LOW_WATER = 128 * 1024
PATIENCE = 5.0
LOOK_EVERY = 0.5
RETRY_AFTER = 5.0
MOST_BUFFERS = 512  # written at once; the system takes 1,024 (IOV_MAX)
SMALL = 4096
NO_TERMINAL = (120, 24)
_GONE = {errno.EPIPE, errno.EIO, errno.ENXIO, errno.EBADF, errno.ECONNRESET}


class Flow(Enum):
    """What the screen does with more output."""

    OPEN = "open"
    WAITING = "waiting"  # full: the services' pipes are to be read no further for now
    SKIPPING = "skipping"  # full: lines are left out and counted
    GONE = "gone"  # nobody is there any more


class ScreenOwner(Protocol):
    """Who is told what becomes of the screen, in the event loop."""

    def screen_changed(self) -> None:
        """It waits no longer: there is room again, or its reader is skipped over."""

    def screen_failed(self, error: OSError) -> None:
        """It cannot be written for now; told once until it can."""

    def screen_gone(self) -> None:
        """Nobody reads it any more, for good."""


class Screen:
    """Writes to `descriptor` (None: no screen at all) without ever blocking its caller."""

    def __init__(self, descriptor: int | None) -> None:
        self._given = -1 if descriptor is None else descriptor
        self.is_terminal = descriptor is not None and os.isatty(descriptor)
        self.high_water = TERMINAL_HIGH_WATER if self.is_terminal else PIPE_HIGH_WATER
        self.flow = Flow.GONE if descriptor is None else Flow.OPEN
        self.skipped: dict[str, int] = {}
        self.pending = 0  # bytes that wait to be written
        self._queue: list[Buffer] = []
        self._file: ScreenFile | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._owner: ScreenOwner | None = None
        self._awaits_room = False
        self._error: OSError | None = None
        self._has_told = False  # of the error, until there is none

    @property
    def is_gone(self) -> bool:
        """Say whether nobody looks at it, or ever will."""
        return self.flow is Flow.GONE

    @property
    def has_failed(self) -> bool:
        """Say whether it could not be written when that was last tried."""
        return self._error is not None

    @property
    def size(self) -> tuple[int, int]:
        """Return the terminal's columns and rows, as they are now."""
        try:
            size = os.get_terminal_size(self._given)
        except OSError:
            return NO_TERMINAL
        return size.columns or NO_TERMINAL[0], size.lines or NO_TERMINAL[1]

    def connect(self, loop: asyncio.AbstractEventLoop, owner: ScreenOwner) -> None:
        """Write from now on whenever there is room, and tell `owner` what becomes of the screen."""
        self._loop, self._owner = loop, owner
        if self._queue:
            self._flush()
            self._consider_flow()
        elif self.is_gone and self._given >= 0:
            loop.call_soon(owner.screen_gone)

    def write(self, buffers: Sequence[Buffer]) -> None:
        """Write `buffers`, or keep them until there is room: nothing is ever cut. Ask `flow` before."""
        total = sum(map(len, buffers))
        if self.is_gone or not total:
            return
        if self._queue:
            self._keep(buffers, total)
        else:
            written = self._write_some(buffers)
            if written == total or self.is_gone:
                return
            self._keep(_rest(buffers, written), total - written)
            self._go_on_soon()
        self._consider_flow()

    def skip(self, name: str, lines: int) -> None:
        """Count lines of service `name` that were not shown."""
        self.skipped[name] = self.skipped.get(name, 0) + lines

    def _keep(self, buffers: Sequence[Buffer], total: int) -> None:
        self.pending += total
        if total < SMALL:
            self._queue.append(b"".join(buffers))  # a view of each small line would take more than the line
        else:
            self._queue += buffers

    def _write_some(self, buffers: Sequence[Buffer]) -> int:
        """Write what there is room for; return how many bytes."""
        try:
            if self._file is None:
                self._file = open_screen(self._given)
            written = self._file.write(buffers)
        except BlockingIOError:
            return 0
        except OSError as error:
            self._fail(error)
            return 0
        self._error = None
        self._has_told = False
        return written

    def _go_on_soon(self) -> None:
        """Write the rest when there is room; a file says at once why it did not take it."""
        if self._file is not None and self._file.waits:
            self._await_room()
        elif self._error is None:
            self._flush()

    def _flush(self) -> None:
        """Write what waits, as far as there is room."""
        while self._queue and not self.is_gone:
            written = self._write_some(self._queue[:MOST_BUFFERS])
            if not written:
                break
            self.pending -= written
            self._queue = _rest(self._queue, written)
        if self.is_gone:
            return
        self._await_room()
        is_full = self.flow in (Flow.WAITING, Flow.SKIPPING)
        if is_full and self.pending <= LOW_WATER and self._error is None:
            self.flow = Flow.OPEN
            if self._owner is not None:
                self._owner.screen_changed()

    def _await_room(self) -> None:
        """Have the rest written when there is room, or no more wait for it."""
        if self._loop is None or self._file is None or not self._file.waits:
            return
        if self._queue and not self._awaits_room:
            self._awaits_room = True
            self._loop.add_writer(self._file.descriptor, self._flush)
        elif not self._queue and self._awaits_room:
            self._awaits_room = False
            self._loop.remove_writer(self._file.descriptor)

    def _consider_flow(self) -> None:
        """Take in less when too much waits."""
        if self.flow is not Flow.OPEN or self.pending <= self.high_water or self._loop is None:
            return
        if self.is_terminal:
            self.flow = Flow.SKIPPING
        elif self._file is not None:
            self.flow = Flow.WAITING
            self._loop.call_later(LOOK_EVERY, self._look, self._file.taken(), self._loop.time())

    def _look(self, before: tuple[int, ...], since: float) -> None:
        """Skip over a reader that has taken nothing since `since`."""
        if self.flow is not Flow.WAITING or self._loop is None or self._file is None or self._owner is None:
            return
        taken, now = self._file.taken(), self._loop.time()
        if taken != before:
            since = now
        if now - since >= PATIENCE:
            self.flow = Flow.SKIPPING
            self._owner.screen_changed()
        else:
            self._loop.call_later(LOOK_EVERY, self._look, taken, since)

    def _fail(self, error: OSError) -> None:
        """Nobody reads any more, or the file cannot be written for now."""
        self._error = error
        if error.errno in _GONE:
            self._let_go()
        else:
            self.flow = Flow.SKIPPING
        if self._loop is None or self._owner is None:
            return
        if self.is_gone:
            self._loop.call_soon(self._owner.screen_gone)
            return
        self._loop.call_later(RETRY_AFTER, self._flush)
        if not self._has_told:
            self._has_told = True
            self._loop.call_soon(self._owner.screen_failed, error)

    def _let_go(self) -> None:
        self.flow = Flow.GONE
        self._queue.clear()
        self.pending = 0
        self._await_room()

    def close(self, patience: float) -> bool:
        """Write what still waits, for as long as the reader goes on taking it; say whether all went out.

        `patience` is the seconds that it may take nothing before the rest is given up.
        """
        if self._file is None or self.is_gone:
            return not self._queue
        if self._awaits_room and self._loop is not None:
            self._loop.remove_writer(self._file.descriptor)
        self._loop = None
        if self._file.waits:
            self._write_rest(self._file, patience)
        else:
            self._flush()
        is_all_out = self._file.finish(patience) and not self._queue
        self._let_go()
        return is_all_out

    def _write_rest(self, file: ScreenFile, patience: float) -> None:
        poll = select.poll()
        poll.register(file.descriptor, select.POLLOUT)
        seen, deadline = file.taken(), time.monotonic() + patience
        while self._queue and time.monotonic() < deadline:
            if poll.poll(LOOK_EVERY * 1000):
                self._flush()
            if self._queue and file.taken() != seen:
                seen, deadline = file.taken(), time.monotonic() + patience


def _rest(buffers: Sequence[Buffer], written: int) -> list[Buffer]:
    """Return what is left of `buffers` after so many bytes."""
    for number, buffer in enumerate(buffers):
        if written < len(buffer):
            return [memoryview(buffer)[written:], *buffers[number + 1 :]]
        written -= len(buffer)
    return []
