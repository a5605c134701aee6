"""The resolved environment as a table for a person and as JSON for a script. Values come masked."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

from devstack.console.errors import DIM, RESET, wants_color
from devstack.console.plain import align, print_text, printable, terminal_width

HEADINGS = ("NAME", "VALUE", "SERVICE", "SOURCE")
EVERY_SERVICE = "all"


class EnvironmentRow(NamedTuple):
    """One variable as a process of the stack sees it.

    `service` is None for what every service gets. `source` is a file, `shell` or `devstack`; `hides` are the
    places whose value it replaces. Where `secret` is set, `value` is masked.
    """

    name: str
    value: str
    source: str
    line: int | None = None
    secret: bool = False
    service: str | None = None
    hides: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        """Return where the value comes from and what it replaces: `shell (instead of .env:3)`."""
        place = f"{self.source}:{self.line}" if self.line is not None else self.source
        return f"{place} (instead of {', '.join(self.hides)})" if self.hides else place


def environment_text(
    summary: str, rows: Sequence[EnvironmentRow], *, color: bool, width: int | None = None
) -> str:
    """Return `summary` and below it the table, the rows stacked where a terminal of `width` is too narrow.

    `width` None is no terminal, where no cell is cut or wrapped.
    """
    dim, reset = (DIM, RESET) if color else ("", "")
    cells = [_cells(row) for row in rows]
    table = align((HEADINGS, *cells))
    if width is not None and max(map(len, table.splitlines())) > width:
        from devstack.console.stacked import stacked

        table = stacked(HEADINGS, cells, width)
    return f"{dim}{printable(summary)}{reset}\n\n{table}"


def _cells(row: EnvironmentRow) -> tuple[str, ...]:
    return tuple(map(printable, (row.name, row.value, row.service or EVERY_SERVICE, row.origin)))


def environment_json(facts: dict[str, Any], rows: Sequence[EnvironmentRow]) -> dict[str, Any]:
    """Return what `env --json` prints: `facts`, and every row; what is not known is None."""
    return {**facts, "variables": [{**row._asdict(), "hides": list(row.hides)} for row in rows]}


def show_environment(summary: str, rows: Sequence[EnvironmentRow], *, no_color: bool) -> None:
    """Print the table to stdout."""
    width = terminal_width(sys.stdout)
    color = wants_color(width is not None, no_color=no_color)
    print_text(environment_text(summary, rows, color=color, width=width), sys.stdout)


def show_environment_json(facts: dict[str, Any], rows: Sequence[EnvironmentRow]) -> None:
    """Print the JSON to stdout."""
    import json

    print(json.dumps(environment_json(facts, rows), indent=2))
