"""What stands on the screen: whole lines behind their services' prefixes, an unfinished line, a footer.

A line without an end yet (a prompt, a progress bar) is shown when nothing else comes of it for a moment. It
goes on where it stopped, unless another line had to come in between: then it is shown again, whole, once it
has ended. A footer (the start-up panel) stands below everything; while there is one, the unfinished line is a
row of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from devstack.core.lines import Buffer, Lines
from devstack.core.terminal_text import (
    RESET,
    beginning_for_terminal,
    columns_of,
    lines_for_terminal,
    one_row,
)
from devstack.supervisor.output.screen import Flow, Screen

LONGEST_BEGINNING = 16 * 1024
"""Bytes of an unfinished line that are shown at most; what is longer waits for its end."""

MOST_NOTES = 256 * 1024
"""Bytes of devstack's own lines that may wait for a screen that takes nothing."""


class Display:
    """Composes what goes to `screen`; `prefixes` has what stands before each line, by service.

    A `source` is whoever writes the lines, one process's output: two processes of one service are two.
    """

    def __init__(self, screen: Screen, prefixes: Mapping[str, bytes]) -> None:
        self.screen = screen
        self._prefixes = prefixes
        self._open: object | None = None  # the source whose unfinished line the screen ends with
        self._shown = 0  # bytes of that line that are on the screen, as they went there
        self._live: tuple[object, str, bytes] | None = None  # source, service, unfinished line above a footer
        self._footer = b""
        self._footer_columns = 0
        self._drawn = 0  # rows that the footer and the unfinished line above it take on the screen
        self._drawn_columns = 0
        self._kept_notes = 0  # bytes of devstack's own lines since the screen was full

    @property
    def is_shown(self) -> bool:
        """Say whether anybody looks at a screen."""
        return not self.screen.is_gone

    def show(self, source: object, name: str, lines: Lines) -> None:
        """Show whole lines of service `name`."""
        if self.screen.flow is Flow.SKIPPING:
            self._skip(source, name, lines.count)
            return
        prefix = self._prefixes.get(name, b"")
        if self.screen.is_terminal or self._open is source:
            self._show_text(source, lines.joined(), prefix)
        else:
            self._emit([*self._ended_open_line(), *lines.prefixed(prefix)])

    def show_last(self, source: object, name: str, piece: bytes) -> None:
        """Show a line of service `name` that has no newline and will get none."""
        if self.screen.flow is Flow.SKIPPING:
            self._skip(source, name, 1)
        else:
            self._show_text(source, piece, self._prefixes.get(name, b""))

    def _skip(self, source: object, name: str, lines: int) -> None:
        if self._open is source:
            self._emit(self._ended_open_line())
        self._end_live(source)
        self.screen.skip(name, lines)

    def _show_text(self, source: object, text: bytes, prefix: bytes) -> None:
        if self.screen.is_terminal:
            text = lines_for_terminal(text, prefix)
        text = text.replace(b"\n", b"\n" + prefix)
        self._end_live(source)
        if self._open is source:
            self._open = None
            self._emit([text[self._shown :], b"\n"])
        else:
            self._emit([*self._ended_open_line(), prefix, text, b"\n"])

    def _end_live(self, source: object) -> None:
        if self._live is not None and self._live[0] is source:
            self._live = None

    def is_open(self, source: object) -> bool:
        """Say whether the unfinished line of `source` is what the screen ends with."""
        return self._open is source

    def show_beginning(self, source: object, name: str, piece: bytes) -> None:
        """Show what there is of a line that has not ended yet."""
        if self.screen.flow is not Flow.OPEN or len(piece) > LONGEST_BEGINNING:
            return
        if self._footer:
            self._live = (source, name, piece)
            self._emit([])
            return
        prefix = self._prefixes.get(name, b"")
        if self.screen.is_terminal:
            piece = beginning_for_terminal(piece, prefix)
        if self._open is source:
            self._emit([piece[self._shown :]])
        else:
            self._emit([*self._ended_open_line(), prefix, piece])
        self._open, self._shown = source, len(piece)

    def overwritten(self, source: object) -> None:
        """Take note that the unfinished line of `source` now begins with a carriage return."""
        if self._open is source:
            self._shown = 0

    def note(self, text: bytes) -> None:
        """Show lines of devstack's own; `text` ends with a newline."""
        self._kept_notes = 0 if self.screen.flow is Flow.OPEN else self._kept_notes + len(text)
        if self._kept_notes <= MOST_NOTES:
            self._emit([*self._ended_open_line(), text])

    def set_footer(self, text: bytes) -> None:
        """Keep `text` (whole lines) below everything else on a terminal; b"" takes it away."""
        self._footer = text
        self._footer_columns = columns_of(text)
        live, self._live = self._live, None if not text else self._live
        if self.screen.flow is Flow.OPEN or not text:
            self._emit(self._ended_open_line())
        if live is not None and not text:
            self.show_beginning(*live)

    def finish(self) -> None:
        """End an unfinished line: nothing more comes."""
        self._emit(self._ended_open_line())

    def _ended_open_line(self) -> list[Buffer]:
        """Return what ends a line that was shown in part; it will be shown again, whole."""
        if self._open is None:
            return []
        self._open = None
        return [RESET + b"\n" if self.screen.is_terminal else b"\n"]

    def _emit(self, buffers: list[Buffer]) -> None:
        if self._drawn or self._footer:
            buffers = [self._erased(), *buffers, self._drawn_footer()]
        self.screen.write(buffers)

    def _erased(self) -> bytes:
        """Return what takes the footer off the screen.

        Where the terminal has become narrower than the footer, its rows may have been wrapped or not,
        terminals differ: it is left where it is, since one row too many would be a service's line.
        """
        rows, self._drawn = self._drawn, 0
        if not rows or self.screen.size[0] < self._drawn_columns:
            return b""
        return b"\r\x1b[%dA\x1b[J" % rows

    def _drawn_footer(self) -> bytes:
        """Return the footer, with the unfinished line above it, if the terminal has room for it."""
        columns, rows = self.screen.size
        needed = self._footer.count(b"\n") + (self._live is not None)
        if not self._footer or columns < self._footer_columns or rows <= needed:
            return b""
        self._drawn, self._drawn_columns = needed, self._footer_columns
        if self._live is None:
            return RESET + self._footer
        prefix = self._prefixes.get(self._live[1], b"")
        row = prefix + one_row(self._live[2], max(columns - columns_of(prefix) - 1, 1))
        self._drawn_columns = max(self._drawn_columns, columns_of(row))
        return RESET + row + b"\n" + self._footer
