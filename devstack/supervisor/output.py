"""The services' output: from their pipes to the screen and to their log files, whole lines, in batches.

A service's bytes go to its log as they come. To the screen go whole lines behind the service's prefix. A
piece without an end (a prompt, a progress bar) is shown after a short silence; when somebody else's line has
come in between, it is shown again, whole, once it has ended.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from devstack.core.lines import LineBuffer, count_lines, for_terminal, prefixed
from devstack.supervisor.log_file import LogFile
from devstack.supervisor.screen import PATIENCE, Flow, Screen

if TYPE_CHECKING:
    import asyncio

READ_SIZE = 256 * 1024
PIPE_SIZE = 256 * 1024
PREVIEW_AFTER = 0.25
PROGRESS_EVERY = 0.1
LONGEST_PREVIEW = 16 * 1024
RETRY_LOG_AFTER = 5.0


class Reports(Protocol):
    """What the output tells upward."""

    def log_failed(self, name: str, error: OSError) -> None: ...

    def lines_skipped(self, skipped: Mapping[str, int]) -> None: ...

    def screen_gone(self) -> None: ...


class Output:
    """The screen, the logs, and every open pipe of a service."""

    def __init__(self, screen: Screen, folder: str, log_limit: int, prefixes: Mapping[str, bytes]) -> None:
        self.screen = screen
        self._folder = folder
        self._log_limit = log_limit
        self._prefixes = prefixes
        self._logs: dict[str, LogFile] = {}
        self._retry_at: dict[str, float] = {}
        self._pipes: set[ServicePipe] = set()
        self._open_line: ServicePipe | None = None
        self._footer = b""
        self._erase = b""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reports: Reports | None = None
        self.growth_listeners: set[Callable[[str], None]] = set()

    def open_logs(self, names: tuple[str, ...]) -> None:
        """Open the log of every service. Raises OSError."""
        for name in names:
            self._logs[name] = LogFile(self._folder, name, self._log_limit)

    def connect(self, loop: asyncio.AbstractEventLoop, reports: Reports) -> None:
        """Read every pipe from now on, those added before included."""
        self._loop = loop
        self._reports = reports
        self.screen.on_change = lambda: _call_soon(loop, lambda: self._settle(loop))
        for pipe in self._pipes:
            pipe.resume(loop)

    def add(self, name: str, descriptor: int, watch: Callable[[bytes], None] | None = None) -> ServicePipe:
        """Read the output of service `name` from `descriptor`, which is ours from now on.

        `watch` sees every chunk before the log does.
        """
        os.set_blocking(descriptor, False)
        pipe = ServicePipe(self, name, descriptor, watch)
        self._pipes.add(pipe)
        if self._loop is not None and self.screen.flow is not Flow.WAITING:
            pipe.resume(self._loop)
        return pipe

    def write_log(self, name: str, chunk: bytes) -> None:
        """Append to the service's log. A full disk is said once, and tried again every few seconds."""
        now = self._loop.time() if self._loop else 0.0
        if self._retry_at.get(name, 0.0) > now:
            return
        try:
            self._logs[name].write(chunk)
            self._retry_at.pop(name, None)
            for grew in self.growth_listeners:
                grew(name)
        except OSError as error:
            is_first = name not in self._retry_at
            self._retry_at[name] = now + RETRY_LOG_AFTER
            if is_first and self._reports:
                self._reports.log_failed(name, error)

    # To the screen.

    @property
    def shows(self) -> bool:
        """Say whether anybody looks at a screen."""
        return self.screen.flow is not Flow.GONE

    def show(self, pipe: ServicePipe, block: bytes) -> None:
        """Show the lines of `block` (last newline left out) as the service's."""
        if self.screen.flow is Flow.SKIPPING:
            self.screen.skip(pipe.name, count_lines(block))
            return
        prefix = self._prefixes.get(pipe.name, b"")
        if self.screen.is_terminal:
            block = for_terminal(block, prefix)
        if self._open_line is pipe:
            self._open_line = None
            self._emit(prefixed(block, prefix)[len(prefix) + pipe.shown :])
        else:
            self._emit(self._ended_open_line() + prefixed(block, prefix))
        pipe.shown = 0

    def preview(self, pipe: ServicePipe, piece: bytes) -> None:
        """Show a line that has not ended yet."""
        if self.screen.flow is not Flow.OPEN or len(piece) > LONGEST_PREVIEW:
            return
        prefix = self._prefixes.get(pipe.name, b"")
        if self.screen.is_terminal:
            piece = for_terminal(piece, prefix)
        if self._footer:
            self._emit(prefix + piece + b"\n")
        elif self._open_line is pipe:
            self._emit(piece[pipe.shown :])
            pipe.shown = len(piece)
        else:
            self._emit(self._ended_open_line() + prefix + piece)
            self._open_line, pipe.shown = pipe, len(piece)

    def note(self, text: bytes) -> None:
        """Show lines of devstack's own; `text` ends with a newline."""
        self._emit(self._ended_open_line() + text)

    def set_footer(self, text: bytes) -> None:
        """Keep `text` (whole lines) below everything else on a terminal; b"" takes it away."""
        lines = text.count(b"\n")
        self.screen.write(self._ended_open_line() + self._erase + text)
        self._footer = text
        self._erase = b"\r\x1b[%dA\x1b[J" % lines if lines else b""

    def _ended_open_line(self) -> bytes:
        """Return what ends a line that was shown in part; it will be shown again, whole."""
        if self._open_line is None:
            return b""
        self._open_line.shown = 0
        self._open_line = None
        return b"\n"

    def _emit(self, data: bytes) -> None:
        self.screen.write(self._erase + data + self._footer if self._footer else data)
        if self.screen.flow is Flow.WAITING and self._loop is not None:
            self._pause(self._loop)

    def _pause(self, loop: asyncio.AbstractEventLoop) -> None:
        for pipe in self._pipes:
            pipe.pause(loop)
        loop.call_later(PATIENCE, self._look_for_progress, loop, self.screen.progress())

    def _look_for_progress(self, loop: asyncio.AbstractEventLoop, before: tuple[int, int]) -> None:
        if self.screen.flow is not Flow.WAITING:
            return
        progress = self.screen.progress()
        if progress != before:
            loop.call_later(PATIENCE, self._look_for_progress, loop, progress)
            return
        self.screen.give_up_waiting()
        self._resume(loop)

    def _resume(self, loop: asyncio.AbstractEventLoop) -> None:
        for pipe in self._pipes:
            pipe.resume(loop)

    def _settle(self, loop: asyncio.AbstractEventLoop) -> None:
        """Go on after the screen has room again, or is gone."""
        if self.screen.settle():
            self._tell_skipped()
            self._resume(loop)
        elif self.screen.flow is Flow.GONE:
            self._resume(loop)
            if self._reports:
                self._reports.screen_gone()

    def _tell_skipped(self) -> None:
        if self.screen.skipped and self._reports:
            skipped, self.screen.skipped = self.screen.skipped, {}
            self._reports.lines_skipped(skipped)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> bool:
        """Have `callback` called; False while there is no event loop yet."""
        if self._loop is None:
            return False
        self._loop.call_later(seconds, callback)
        return True

    def time(self) -> float:
        """Return the event loop's seconds."""
        return self._loop.time() if self._loop else 0.0

    def forget(self, pipe: ServicePipe) -> None:
        """Close `pipe`, which has ended."""
        if pipe not in self._pipes:
            return
        if self._loop is not None:
            pipe.pause(self._loop)
        self._pipes.remove(pipe)
        os.close(pipe.descriptor)

    def close_pipes(self) -> None:
        """Take what the pipes still hold, and close them."""
        for pipe in tuple(self._pipes):
            pipe.drain()
            pipe.end()
        self._tell_skipped()

    def close(self) -> None:
        """Close the logs, and let the screen finish."""
        if self._open_line is not None:
            self.screen.write(self._ended_open_line())
        for log in self._logs.values():
            log.close()
        self._logs.clear()
        self.screen.close(PATIENCE)


class ServicePipe:
    """The read end of one process's output."""

    def __init__(
        self, output: Output, name: str, descriptor: int, watch: Callable[[bytes], None] | None
    ) -> None:
        self.name = name
        self.descriptor = descriptor
        self.shown = 0  # bytes of the unfinished line that are on the screen
        self._output = output
        self._watch = watch
        self._lines = LineBuffer()
        self._reading = False
        self._timed = False
        self._changed_at = 0.0

    def resume(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._reading:
            self._reading = True
            loop.add_reader(self.descriptor, self._read)

    def pause(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._reading:
            self._reading = False
            loop.remove_reader(self.descriptor)

    def drain(self) -> None:
        """Take all that is there now, without waiting."""
        while self._read():
            pass

    def end(self) -> None:
        """The output has ended: its last line may lack a newline."""
        piece = self._lines.take()
        if piece and self._output.shows:
            self._output.show(self, piece)
        self._output.forget(self)

    def _read(self) -> bool:
        """Take one chunk; say whether there may be more at once."""
        try:
            chunk = os.read(self.descriptor, READ_SIZE)
        except BlockingIOError:
            return False
        except OSError:  # EIO: the other end of a pseudo-terminal has closed (pty(7))
            chunk = b""
        if not chunk:
            self.end()
            return False
        self._take(chunk)
        return True

    def _take(self, chunk: bytes) -> None:
        self._output.write_log(self.name, chunk)
        if self._watch is not None:
            self._watch(chunk)
        if not self._output.shows:
            return
        block = self._lines.feed(chunk)
        if block is not None:
            self._output.show(self, block)
        if self._lines.held:
            self._changed_at = self._output.time()
            self._await_silence(PREVIEW_AFTER)

    def _await_silence(self, seconds: float) -> None:
        if not self._timed:
            self._timed = self._output.call_later(seconds, self._maybe_preview)

    def _maybe_preview(self) -> None:
        """Show the unfinished line after a silence; a progress bar, never silent, is shown now and then."""
        self._timed = False
        if not self._lines.held:
            return
        piece = self._lines.peek()
        silent_for = self._output.time() - self._changed_at
        if b"\r" not in piece and silent_for < PREVIEW_AFTER and self._reading:
            self._await_silence(PREVIEW_AFTER - silent_for)
        elif self._reading:
            self._output.preview(self, piece)
            if b"\r" in piece and silent_for < PREVIEW_AFTER:
                self._await_silence(PROGRESS_EVERY)


def _call_soon(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    """Call from another thread; a loop that has closed meanwhile needs it no more."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(callback)
