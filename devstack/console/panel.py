"""The start-up panel: every service's state, port and time, drawn by rich for a terminal."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from devstack.console.wording import Claims, exit_words, port_words
from devstack.core.events import Event, ServiceChanged
from devstack.core.service import ServiceState

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
FRAME_LINES = 4


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

    def text(self, size: tuple[int, int], *, color: bool) -> str:
        """Return the panel as whole lines for a terminal of `size` columns and lines."""
        from rich.console import Console

        file = io.StringIO()
        console = Console(
            file=file,
            force_terminal=True,
            width=max(size[0], 20),
            no_color=not color,
            color_system="standard" if color else None,
            highlight=False,
            legacy_windows=False,
        )
        console.print(self._table(max(size[1] - FRAME_LINES, 1)))
        return file.getvalue()

    def _table(self, most_rows: int) -> object:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.ROUNDED, title=Text(self._title), title_justify="left", title_style="bold")
        for heading in ("service", "state", "port", "time"):
            table.add_column(heading, no_wrap=True, justify="right" if heading == "time" else "left")
        if any(row.note for row in self._rows.values()):
            table.add_column("note", overflow="ellipsis", no_wrap=True)
        shown = self._most_telling(most_rows)
        for name, row in shown.items():
            state = Text(row.state.value, style=STYLES[row.state])
            seconds = row.seconds if row.seconds is not None else time.monotonic() - self._started
            when = f"{seconds:.1f} s" if row.state is not ServiceState.PENDING else ""
            cells = [Text(name), state, Text(port_words(self._claims.get(name, ()))), Text(when, style="dim")]
            table.add_row(*cells, *([Text(row.note)] if len(table.columns) > len(cells) else []))
        if len(shown) < len(self._rows):
            table.caption = f"and {len(self._rows) - len(shown)} more"
        return table

    def _most_telling(self, most: int) -> Mapping[str, _Row]:
        """Return the rows that fit: where not all do, those first that are not up yet."""
        if len(self._rows) <= most:
            return self._rows
        up = (ServiceState.READY, ServiceState.EXITED)
        order = sorted(self._rows.items(), key=lambda item: item[1].state in up)
        return dict(order[: max(most - 1, 1)])
