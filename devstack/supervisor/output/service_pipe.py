"""The read end of one process's output: its chunks go to the log, its lines to the screen."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from devstack.core.lines import LineBuffer
from devstack.machine import system

if TYPE_CHECKING:
    import asyncio

    from devstack.supervisor.output.display import Display

READ_SIZE = 64 * 1024
"""Bytes taken at once from a service that writes little: such a block costs nothing to allocate."""

LARGE_READ = 256 * 1024
"""The same for one that floods."""

SILENCE = 0.2
"""Seconds after which the beginning of a line is shown, unless more of it comes."""

LONG_SILENCE = 2.0
"""The same after a large piece: whoever writes much is cut anywhere, and goes on in a moment."""

LONGEST_WAIT = 1.0
"""Seconds after which the beginning of a line is shown although more of it comes all the time."""

UPDATE_EVERY = 0.1
"""Seconds between two looks at a line that is shown and grows, or at a progress bar."""

MOST_IN_TRANSIT = 128 * 1024
"""Bytes on their way through a pseudo-terminal, which tells of 4 KB alone (FIONREAD) and holds 64 KB more."""

LARGE_PIECE = 4096
LONG_PROGRESS = 4096


class Taker(Protocol):
    """What takes the output of pipes: their chunks, and the end of each."""

    @property
    def display(self) -> Display: ...

    def time(self) -> float:
        """Return the event loop's seconds, 0 before it runs."""
        ...

    def expect_floods(self) -> None:
        """A service writes much."""
        ...

    def take(self, pipe: ServicePipe, held: LineBuffer, chunk: bytes) -> bool:
        """Take `chunk`; return whether it completes a line."""
        ...

    def cut(self, pipe: ServicePipe, piece: bytes) -> None:
        """Take the first part of a line that is too long to be held."""
        ...

    def ended(self, pipe: ServicePipe, held: LineBuffer) -> None:
        """Nothing more comes from `pipe`."""
        ...


class ServicePipe:
    """What one process of service `name` writes, from `descriptor`, which is ours from now on.

    `watch` sees every chunk before the log does. With `keeps`, a `watch` that comes later sees them all.
    """

    def __init__(
        self,
        output: Taker,
        name: str,
        descriptor: int,
        watch: Callable[[bytes], None] | None,
        *,
        keeps: bool = False,
    ) -> None:
        self.name = name
        self.descriptor = descriptor
        self.has_ended = False
        self._output = output
        self._kept: list[bytes] = []
        self._watch = self._kept.append if keeps else watch
        self._lines = LineBuffer()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_reading = False
        self._read_size = READ_SIZE
        self._timer: asyncio.TimerHandle | None = None
        self._begun_at = 0.0
        self._changed_at = 0.0
        self._quiet = SILENCE

    def resume(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read whenever there is something."""
        if self._is_reading or self.has_ended:
            return
        self._loop = loop
        self._is_reading = True
        loop.add_reader(self.descriptor, self.take_one)
        if self._lines.held:
            self._look_in(SILENCE)

    def set_watch(self, watch: Callable[[bytes], None] | None) -> None:
        """Have `watch` see every chunk from now on, those kept so far first."""
        kept, self._kept = self._kept, []
        self._watch = watch
        if watch is not None:
            for chunk in kept:
                watch(chunk)

    def pause(self) -> None:
        """Read no further for now."""
        if self._is_reading and self._loop is not None:
            self._is_reading = False
            self._loop.remove_reader(self.descriptor)

    def drain(self) -> None:
        """Take all that is there now, without waiting; what is still being written may wait its turn.

        The process has ended: its unfinished line is shown at once, even if somebody else holds the pipe.
        """
        left = 0 if self.has_ended else system.unread_bytes(self.descriptor) + MOST_IN_TRANSIT
        while left > 0:
            taken = self.take_one()
            left -= taken
            if not taken:
                if self._lines.held and self._quiet == SILENCE:
                    self._show_beginning()
                return

    def end(self) -> None:
        """The output has ended: its last line may lack a newline."""
        if self.has_ended:
            return
        self.pause()
        self.has_ended = True
        if self._timer is not None:
            self._timer.cancel()
        self._output.ended(self, self._lines)
        os.close(self.descriptor)

    def set_window(self, rows: int, columns: int) -> None:
        """Give the service's pseudo-terminal another size, if it has one."""
        if os.isatty(self.descriptor):
            import termios

            termios.tcsetwinsize(self.descriptor, (rows, columns))

    def take_one(self) -> int:
        """Take one chunk; return its size, 0 when there is none now or never again."""
        try:
            chunk = os.read(self.descriptor, self._read_size)
        except BlockingIOError:
            return 0
        except OSError:  # EIO: the other end of a pseudo-terminal has closed (pty(7))
            chunk = b""
        if not chunk:
            self.end()
            return 0
        if self._watch is not None:
            self._watch(chunk)
        self._fit_read_size(len(chunk))
        has_line = self._output.take(self, self._lines, chunk)
        if self._lines.is_full:
            self._output.cut(self, self._lines.take())
        elif self._lines.held:
            self._wait_for_end(len(chunk), is_new=has_line or self._lines.held == len(chunk))
        return len(chunk)

    def _fit_read_size(self, taken: int) -> None:
        """Take more at once from who floods, and less again from who does so no more."""
        if taken < READ_SIZE:
            self._read_size = READ_SIZE
        elif self._read_size == READ_SIZE:
            self._read_size = LARGE_READ
            self._output.expect_floods()

    def _wait_for_end(self, size: int, *, is_new: bool) -> None:
        """Wait for the rest of a line whose last piece came in a chunk of `size` bytes."""
        self._changed_at = self._output.time()
        if is_new:
            self._begun_at = self._changed_at
        self._quiet = SILENCE if size < LARGE_PIECE else LONG_SILENCE
        self._look_in(UPDATE_EVERY if self._output.display.is_open(self) else SILENCE)

    def _look_in(self, seconds: float) -> None:
        if self._timer is None and self._loop is not None:
            self._timer = self._loop.call_later(seconds, self._look)

    def _look(self) -> None:
        """Show the beginning of a line if its end has been waited for long enough."""
        self._timer = None
        if not self._lines.held or not self._is_reading:
            return
        left = self._due_at() - self._output.time()
        if left > 0:
            self._look_in(left)
        else:
            self._show_beginning()

    def _due_at(self) -> float:
        if self._output.display.is_open(self):
            return 0.0
        if self._quiet == LONG_SILENCE:
            return self._changed_at + LONG_SILENCE
        return min(self._changed_at + SILENCE, self._begun_at + LONGEST_WAIT)

    def _show_beginning(self) -> None:
        display = self._output.display
        if display.screen.is_terminal and self._lines.held > LONG_PROGRESS:
            self._lines.forget_overwritten()
            display.overwritten(self)
        display.show_beginning(self, self.name, self._lines.peek())
