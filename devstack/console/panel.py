"""The start-up panel: every service's state, port and time, drawn by rich for a terminal."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from devstack.console.wording import Claims, exit_words, port_words
from devstack.core.events import Event, ServiceChanged
from devstack.core.service import ServiceState

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

STYLES = {
    ServiceState.PENDING: "dim",
    ServiceState.STARTING: "yellow",
    ServiceState.READY: "green",
    ServiceState.UNREADY: "red",
    ServiceState.STOPPING: "yellow",
    ServiceState.STOPPED: "dim",
    ServiceState.BACKOFF: "red",
    ServiceState.FAILED: "bold red",
    ServiceState.EXITED: "green",
}
FRAME_LINES = 6
"""What a whole panel has beside its rows: title, three borders, headings, and how many more there are."""

LINES_BELOW = 2
"""What is left free on the terminal: an unfinished line of a service, and the cursor."""

FEW_ROWS = 3
"""Services below which a frame around them is not worth its lines."""

COLUMNS = ("service", "state", "port", "time")
"""The last ones are left out first where a terminal is narrow."""

ROOM_FOR_NOTE = 12
WIDEST = 1000


@dataclass(slots=True)
class _Row:
    state: ServiceState = ServiceState.PENDING
    since: float = 0.0
    seconds: float | None = None
    note: str = ""


class Panel:
    """What the panel knows of a stack that is being started."""

    def __init__(self, names: Sequence[str], claims: Claims, title: str) -> None:
        self._rows = {name: _Row() for name in names}
        self._claims = claims
        self._title = title
        self._started = time.monotonic()

    def take(self, event: Event) -> None:
        """Take note of `event`."""
        if not isinstance(event, ServiceChanged) or event.name not in self._rows:
            return
        row, status = self._rows[event.name], event.status
        row.state = status.state
        row.seconds = event.seconds if status.state in (ServiceState.READY, ServiceState.EXITED) else None
        if status.state in (ServiceState.BACKOFF, ServiceState.FAILED) and status.exit:
            row.note = exit_words(status.exit)
        elif status.state is ServiceState.READY:
            row.note = f"after {status.restarts} restarts" if status.restarts else ""

    def text(self, size: tuple[int, int], *, color: bool, is_last: bool = False) -> str:
        """Return the panel as whole lines for a terminal of `size` columns and lines.

        What does not fit is left out: the note, the time, the port, then the frame; and services that are up
        already, unless it `is_last`, with nothing to be drawn over it any more.
        """
        from rich.console import Console

        columns, lines = size
        file = io.StringIO()
        console = Console(
            file=file,
            force_terminal=True,
            width=columns,
            no_color=not color,
            color_system="standard" if color else None,
            highlight=False,
            legacy_windows=False,
        )
        room = lines - LINES_BELOW
        has_frame = is_last or room - FRAME_LINES >= min(len(self._rows), FEW_ROWS)
        most = len(self._rows) if is_last else max(room - (FRAME_LINES if has_frame else 1), 1)
        console.print(self._fitting(console, self._most_telling(most), has_frame=has_frame))
        return file.getvalue()

    def _fitting(self, console: Console, shown: Mapping[str, _Row], *, has_frame: bool) -> Table:
        """Return the widest table that fits the console."""
        unbounded = console.options.update_width(WIDEST)
        for number in range(len(COLUMNS), 1, -1):
            table = self._table(shown, COLUMNS[:number], has_frame=has_frame)
            room = console.width - console.measure(table, options=unbounded).maximum
            if room >= ROOM_FOR_NOTE and any(row.note for row in shown.values()):
                return self._table(shown, (*COLUMNS[:number], "note"), has_frame=has_frame)
            if room >= 0:
                return table
        return self._table(shown, COLUMNS[:2], has_frame=False)

    def _table(self, shown: Mapping[str, _Row], columns: Sequence[str], *, has_frame: bool) -> Table:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.ROUNDED if has_frame else None, show_header=has_frame, pad_edge=has_frame)
        if has_frame:
            table.title, table.title_justify, table.title_style = Text(self._title), "left", "bold"
        for heading in columns:
            table.add_column(heading, no_wrap=True, justify="right" if heading == "time" else "left")
        for name, row in shown.items():
            cells = self._cells(name, row)
            table.add_row(*(cells[heading] for heading in columns))
        if len(shown) < len(self._rows):
            table.caption, table.caption_justify = f"and {len(self._rows) - len(shown)} more", "left"
        return table

    def _cells(self, name: str, row: _Row) -> dict[str, Text]:
        from rich.text import Text

        seconds = row.seconds if row.seconds is not None else time.monotonic() - self._started
        when = f"{seconds:.1f} s" if row.state is not ServiceState.PENDING else ""
        return {
            "service": Text(name),
            "state": Text(row.state.value, style=STYLES[row.state]),
            "port": Text(port_words(self._claims.get(name, ()))),
            "time": Text(when, style="dim"),
            "note": Text(row.note),
        }

    def _most_telling(self, most: int) -> Mapping[str, _Row]:
        """Return the rows that fit: where not all do, those first that are not up yet."""
        if len(self._rows) <= most:
            return self._rows
        up = (ServiceState.READY, ServiceState.EXITED)
        order = sorted(self._rows.items(), key=lambda item: item[1].state in up)
        return dict(order[:most])
