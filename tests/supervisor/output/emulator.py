"""A terminal for the tests: what a person would see."""

from __future__ import annotations

import pyte

from tests.supervisor.output.screens import Up


class Terminal:
    """A terminal emulator that is fed as output comes, and may be resized meanwhile."""

    def __init__(self, size: tuple[int, int]) -> None:
        rows, columns = size
        self.screen = pyte.HistoryScreen(columns, rows, history=100_000, ratio=0.5)
        self._stream = pyte.ByteStream(self.screen)
        self._fed = 0

    def feed(self, up: Up) -> None:
        """Take what has come since the last time."""
        data = bytes(up.shown[self._fed :])
        self._fed += len(data)
        self._stream.feed(data)

    def resize(self, rows: int, columns: int) -> None:
        """Make the window larger or smaller, as xterm does: rows that find no room any more are scrolled off.

        pyte itself would drop them, and move the cursor away from its row.
        """
        screen = self.screen
        at = screen.cursor.y
        screen.cursor.y = screen.lines - 1
        for _ in range(max(at - rows + 1, 0)):
            screen.index()
            at -= 1
        screen.cursor.y = at
        for row in screen.buffer.values():
            for column in [column for column in row if column >= columns]:
                del row[column]
        screen.lines, screen.columns = rows, columns
        screen.set_margins()

    def rows(self) -> list[str]:
        """Return every row that is not empty, those that were scrolled off the screen included."""
        gone = [
            "".join(line[column].data for column in range(self.screen.columns))
            for line in self.screen.history.top
        ]
        return [row.rstrip() for row in [*gone, *self.screen.display] if row.strip()]


def screen_of(up: Up, size: tuple[int, int]) -> list[str]:
    """Return the rows of a terminal of `size` that has taken all that was shown so far."""
    terminal = Terminal(size)
    terminal.feed(up)
    return terminal.rows()
