"""The services' output: from their pipes to the screen and to their log files, whole lines, in batches.

    pipe ──chunk──▶ ServicePipe ──▶ ServiceLog ──▶ LogFile     as it came
                         └──lines──▶ Display ───▶ Screen       behind its prefix

Nothing here waits: what the screen cannot take is kept up to a bound (screen.py). When that is reached and a
pipe's reader is slow, those services that write much are read no further until it has caught up; those that
write little go on.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from devstack.core.lines import LineBuffer
from devstack.core.terminal_text import columns_of
from devstack.machine import system
from devstack.supervisor.output.display import Display
from devstack.supervisor.output.log_file import LogClock, LogFile
from devstack.supervisor.output.reports import HeldReports, Reports
from devstack.supervisor.output.screen import PATIENCE, Flow, Screen
from devstack.supervisor.output.service_log import ServiceLog
from devstack.supervisor.output.service_pipe import ServicePipe

if TYPE_CHECKING:
    import asyncio

PIPE_SIZE = 256 * 1024
MANY_PIPES = 32
"""Services beyond which their pipes stay as small as they come: a user's pipes may hold 64 MB (pipe(7))."""

SHARE_WHILE_WAITING = 32 * 1024
"""Bytes that a service may add to a screen that is full, and go on."""

MOST_WHILE_WAITING = 4 * 1024 * 1024

MOST_FREED_MEMORY = 4 * 1024 * 1024

SMALLEST_WINDOW = 20


class Output:
    """The screen, the logs, and every open pipe of a service.

    `on_end` is called with the descriptor of a pipe that has ended, before it is closed.
    """

    def __init__(self, screen: Screen, folder: str, log_limit: int, prefixes: Mapping[str, bytes]) -> None:
        self.display = Display(screen, prefixes)
        self.growth_listeners: set[Callable[[str], None]] = set()
        self.on_end: Callable[[int], None] = lambda _: None
        self._screen = screen
        self._prefixes = prefixes
        self._folder = folder
        self._log_limit = log_limit
        self._logs: dict[str, ServiceLog] = {}
        self._pipes: dict[ServicePipe, None] = {}  # in the order in which they were opened
        self._pipes_of: Counter[str] = Counter()
        self._added: Counter[ServicePipe] = Counter()  # bytes added to the screen while it was full
        self._loop: asyncio.AbstractEventLoop | None = None
        self._held = HeldReports()
        self._reports: Reports = self._held
        self._keeps_memory = False

    def open_logs(self, names: tuple[str, ...]) -> None:
        """Open the log of every service. Raises OSError."""
        clock = LogClock()
        for name in names:
            file = LogFile(self._folder, name, self._log_limit, clock)
            self._logs[name] = ServiceLog(
                file, partial(self._log_failed, name), partial(self._log_mended, name)
            )

    def connect(self, loop: asyncio.AbstractEventLoop, reports: Reports) -> None:
        """Read every pipe from now on, those added before included."""
        self._loop = loop
        self._reports = reports
        self._held.tell(reports)
        self._screen.connect(loop, self)
        for pipe in self._pipes:
            pipe.resume(loop)

    def add(
        self,
        name: str,
        descriptor: int,
        watch: Callable[[bytes], None] | None = None,
        *,
        keeps: bool = False,
    ) -> ServicePipe:
        """Read the output of service `name` from `descriptor`, which is ours from now on.

        `watch` sees every chunk; with `keeps` one that is set later sees them all.
        """
        os.set_blocking(descriptor, False)
        if len(self._logs) <= MANY_PIPES:
            system.enlarge_pipe(descriptor, PIPE_SIZE)
        pipe = ServicePipe(self, name, descriptor, watch, keeps=keeps)
        self._pipes[pipe] = None
        self._pipes_of[name] += 1
        if self._loop is not None:
            pipe.resume(self._loop)
        return pipe

    def expect_floods(self) -> None:
        """Somebody writes much: from now on memory is kept for large blocks."""
        if not self._keeps_memory:
            self._keeps_memory = True
            system.keep_freed_memory(MOST_FREED_MEMORY)

    def window(self, name: str) -> tuple[int, int]:
        """Return rows and columns for a pseudo-terminal of service `name`: the screen's, less its prefix."""
        columns, rows = self._screen.size
        return rows, max(columns - columns_of(self._prefixes.get(name, b"")), SMALLEST_WINDOW)

    def resized(self) -> None:
        """The terminal has another size: tell those services that have a pseudo-terminal."""
        for pipe in self._pipes:
            pipe.set_window(*self.window(pipe.name))

    def time(self) -> float:
        """Return the event loop's seconds, 0 before it runs."""
        return self._loop.time() if self._loop else 0.0

    @property
    def is_shown(self) -> bool:
        """Say whether the screen is there and can be written."""
        return not self._screen.is_gone and not self._screen.has_failed

    def note(self, text: bytes) -> None:
        """Show lines of devstack's own; `text` ends with a newline."""
        self.display.note(text)

    def set_footer(self, text: bytes) -> None:
        """Keep `text` (whole lines) below everything else on a terminal; b"" takes it away."""
        self.display.set_footer(text)

    # From the pipes.

    def take(self, pipe: ServicePipe, held: LineBuffer, chunk: bytes) -> bool:
        """Log `chunk` of `pipe`, show the lines that are whole with it; say whether there are any."""
        name = pipe.name
        lines = self._logs[name].write(pipe, held, chunk, is_alone=self._pipes_of[name] == 1, now=self.time())
        for grew in self.growth_listeners:
            grew(name)
        if lines is None:
            return False
        if self.display.is_shown:
            self.display.show(pipe, name, lines)
            if self._screen.flow is Flow.WAITING:
                self._hold_back(pipe, len(chunk))
        return True

    def cut(self, pipe: ServicePipe, piece: bytes) -> None:
        """Show the first part of a line that is too long to be held."""
        if self.display.is_shown:
            self.display.show_last(pipe, pipe.name, piece)
            self._reports.line_cut(pipe.name)

    def ended(self, pipe: ServicePipe, held: LineBuffer) -> None:
        """Take note that nothing more comes from `pipe`."""
        self._logs[pipe.name].end(pipe, held, self.time())
        if held.held and self.display.is_shown:
            self.display.show_last(pipe, pipe.name, held.take())
        self._pipes.pop(pipe, None)
        self._pipes_of[pipe.name] -= 1
        self.on_end(pipe.descriptor)

    def _hold_back(self, pipe: ServicePipe, size: int) -> None:
        """Let those wait who fill a screen that is full."""
        self._added[pipe] += size
        if self._added[pipe] > SHARE_WHILE_WAITING:
            pipe.pause()
        if self._added.total() > MOST_WHILE_WAITING:
            for each in self._pipes:
                each.pause()

    # From the screen.

    def screen_changed(self) -> None:
        """Read on; after lines were left out, say so."""
        self._added.clear()
        if self._screen.flow is Flow.OPEN:
            self._tell_skipped()
        if self._loop is not None:
            for pipe in self._pipes:
                pipe.resume(self._loop)

    def screen_failed(self, error: OSError) -> None:
        """Say that the screen cannot be written for now."""
        self.screen_changed()
        self._reports.screen_failed(error)

    def screen_gone(self) -> None:
        """Read on for the logs alone."""
        self.screen_changed()
        self._reports.screen_gone()

    def _tell_skipped(self) -> None:
        if self._screen.skipped:
            skipped, self._screen.skipped = self._screen.skipped, {}
            self._reports.lines_skipped(skipped)

    # From the logs.

    def _log_failed(self, name: str, error: OSError) -> None:
        self._reports.log_failed(name, error)

    def _log_mended(self, name: str, missing: int) -> None:
        self._reports.log_mended(name, missing)

    # The end.

    def close_pipes(self) -> None:
        """Take what the pipes still hold, and close them."""
        for pipe in tuple(self._pipes):
            pipe.drain()
            pipe.end()
        self._tell_skipped()

    def close(self) -> None:
        """Close the logs, and let the screen finish."""
        self.display.finish()
        for log in self._logs.values():
            log.close()
        self._logs.clear()
        self._screen.close(PATIENCE)
