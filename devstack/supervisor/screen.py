"""The one place that writes the stack's output to the screen: a terminal, a pipe or a file.

A thread does the blocking writes, so that a stopped terminal or a full pipe stops nobody else. What waits
for it is bounded. Beyond the bound a terminal's lines are skipped and counted; a pipe's or file's reader is
waited for as long as it takes anything, and only after `PATIENCE` seconds without is it skipped over too.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from collections import deque
from collections.abc import Callable
from enum import Enum

from devstack.machine import system

HIGH_WATER = 4 * 1024 * 1024
LOW_WATER = 1024 * 1024
PATIENCE = 5.0
LARGE_PIECE = 256 * 1024
SMALL_PIECE = 4096
SLOW_WRITE = 0.05


class Flow(Enum):
    """What the screen does with more output."""

    OPEN = "open"
    WAITING = "waiting"  # full: the services' pipes are to be read no further for now
    SKIPPING = "skipping"  # full: lines are left out and counted
    GONE = "gone"  # nobody is there any more


class Screen:
    """Writes to `descriptor` (None: no screen at all) without ever blocking its caller.

    `on_change` is called, from the writing thread, when there is room again or the screen is gone; it hands
    the matter to the event loop, where `settle` belongs.
    """

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = -1 if descriptor is None else descriptor
        self.is_terminal = descriptor is not None and os.isatty(descriptor)
        self.flow = Flow.GONE if descriptor is None else Flow.OPEN
        self.skipped: dict[str, int] = {}
        self.on_change: Callable[[], None] = lambda: None
        self._is_pipe = descriptor is not None and stat.S_ISFIFO(os.fstat(descriptor).st_mode)
        self._queue: deque[bytes] = deque()
        self._wake = threading.Semaphore(0)
        self._put = 0  # bytes queued, counted by the loop alone
        self._taken = 0  # bytes written, counted by the thread alone
        self._closing = False
        self._broken = False
        self._watched = False
        self._piece = LARGE_PIECE
        self._thread: threading.Thread | None = None

    @property
    def pending(self) -> int:
        """Return the bytes that wait to be written."""
        return self._put - self._taken

    def write(self, data: bytes) -> None:
        """Queue `data`. What is written is never cut; ask `flow` before."""
        if self.flow is Flow.GONE or not data:
            return
        if self._write_at_once(data):
            return
        self._put += len(data)
        self._queue.append(data)
        self._start_thread()
        self._wake.release()
        if self.flow is Flow.OPEN and self.pending > HIGH_WATER:
            self._watched = True
            self.flow = Flow.SKIPPING if self.is_terminal else Flow.WAITING

    def _write_at_once(self, data: bytes) -> bool:
        """Write a little to an idle pipe without the thread: a pipe with room takes PIPE_BUF bytes whole."""
        if not self._is_pipe or self.pending or not system.pipe_takes(self._descriptor, len(data)):
            return False
        try:
            os.write(self._descriptor, data)
        except OSError:
            return False
        return True

    def skip(self, name: str, lines: int) -> None:
        """Count lines of service `name` that were not shown."""
        self.skipped[name] = self.skipped.get(name, 0) + lines

    def give_up_waiting(self) -> None:
        """Go on without a reader that has taken nothing for too long."""
        if self.flow is Flow.WAITING:
            self.flow = Flow.SKIPPING

    def settle(self) -> bool:
        """Open again if there is room now; say whether it did. For the event loop, after `on_change`."""
        if self._broken:
            self.flow = Flow.GONE
            return False
        if self.flow in (Flow.WAITING, Flow.SKIPPING) and self.pending <= LOW_WATER:
            self.flow = Flow.OPEN
            return True
        return False

    def _start_thread(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="screen", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while True:
            self._wake.acquire()
            if self._queue:
                try:
                    self._write_some()
                except OSError:  # the terminal was closed, or the pipe's reader ended
                    self._broken = True
                    self._queue.clear()
                    self._taken = self._put
                    self.on_change()
                    return
                if self._watched and self.pending <= LOW_WATER:
                    self._watched = False
                    self.on_change()
            elif self._closing:
                return

    def _write_some(self) -> None:
        """Write what is queued until the queue is empty.

        A slow reader gets small pieces: a blocked write tells nothing of what it has taken meanwhile.
        """
        while self._queue:
            view = memoryview(self._next_piece())
            while view:
                begun = time.monotonic()
                written = os.write(self._descriptor, view[: self._piece])
                self._taken += written
                view = view[written:]
                is_slow = time.monotonic() - begun > SLOW_WRITE
                self._piece = SMALL_PIECE if is_slow else min(self._piece * 2, LARGE_PIECE)

    def _next_piece(self) -> bytes:
        """Take a buffer off the queue, or several small ones joined: one system call for many lines."""
        first = self._queue.popleft()
        if not self._queue or len(first) >= SMALL_PIECE:
            return first
        buffers, size = [first], len(first)
        while self._queue and size < LARGE_PIECE:
            buffers.append(self._queue.popleft())
            size += len(buffers[-1])
        return b"".join(buffers)

    def progress(self) -> tuple[int, int]:
        """Return a pair that changes whenever the reader takes anything: bytes written, bytes in the pipe."""
        return self._taken, system.unread_bytes(self._descriptor) if self._is_pipe else 0

    def close(self, patience: float) -> bool:
        """Write what still waits, for as long as the screen goes on taking it; say whether all went out.

        `patience` is the seconds that it may take nothing before the rest is given up.
        """
        if self._thread is None:
            return True
        self._closing = True
        self._wake.release()
        seen, deadline = self.progress(), time.monotonic() + patience
        while self._thread.is_alive() and time.monotonic() < deadline:
            self._thread.join(0.05)
            if self.progress() != seen:
                seen, deadline = self.progress(), time.monotonic() + patience
        return not self._thread.is_alive() and not self._broken
