"""The table of `devstack status`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from devstack.console.errors import wants_color
from devstack.console.plain import align, print_text, printable, terminal_width, wrapped

HEADINGS = ("SERVICE", "STATE", "PID", "PORTS", "UPTIME", "RESTARTS", "EXIT", "CPU", "MEMORY")
STYLES = {
    "ready": "green",
    "exited": "green",
    "starting": "yellow",
    "stopping": "yellow",
    "unready": "red",
    "backoff": "red",
    "failed": "bold red",
}
EDGES = 2
"""What the drawn table is wider than the plain one."""


def show_status_json(status: Mapping[str, Any]) -> None:
    """Print the status for a script."""
    print_text(json.dumps(status, indent=2), sys.stdout)


def show_status(
    status: Mapping[str, Any], notes: Sequence[str], *, no_color: bool, again: bool = False
) -> None:
    """Print the status for a person, as wide as the terminal is; on one, `again` draws it over the last."""
    width = terminal_width(sys.stdout)
    color = wants_color(width is not None, no_color=no_color)
    text = status_text(status, notes, width=width, color=color)
    print_text(text if width is None or not again else over_the_last(text), sys.stdout)


def over_the_last(text: str) -> str:
    """Return `text` as it is drawn over what the terminal shows, without a moment of nothing between."""
    return "\x1b[H" + text.replace("\n", "\x1b[K\n") + "\x1b[K\n\x1b[J\x1b[A"


def status_text(status: Mapping[str, Any], notes: Sequence[str], *, width: int | None, color: bool) -> str:
    """Return the table with a head line and `notes` below. `width` None: off a terminal, nothing is cut."""
    head = (
        f"{printable(status['project'])}: mode {status['mode']}, supervisor pid {status['supervisor']['pid']}"
    )
    rows = [_cells(service) for service in status["services"]]
    plain = align([HEADINGS, *rows])
    fits = width is None or max(map(len, plain.splitlines())) + EDGES <= width
    if fits:
        table = _rich_table(rows, width, color) if color else plain
    else:
        from devstack.console.stacked import stacked

        table = stacked(HEADINGS, rows, width or 0, [STYLES.get(row[1], "") for row in rows] if color else ())
    said = [wrapped(note, width) for note in notes]
    return "\n".join([wrapped(head, width), "", table, *(["", *said] if said else [])])


def _rich_table(rows: Sequence[tuple[str, ...]], width: int | None, color: bool) -> str:
    import io

    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in HEADINGS:
        table.add_column(heading, no_wrap=True)
    for row in rows:
        table.add_row(Text(row[0]), Text(row[1], style=STYLES.get(row[1], "")), *map(Text, row[2:]))
    file = io.StringIO()
    Console(
        file=file,
        width=width or 1000,
        force_terminal=color,
        color_system="standard" if color else None,
        highlight=False,
    ).print(table)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines() if line.strip())


def _cells(service: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        service["name"],
        f"{service['state']}, suspended" if service.get("suspended") else service["state"],
        _or_dash(service["pid"]),
        " ".join(map(str, service["ports"])) or "-",
        _duration(service["uptime_s"]),
        str(service["restarts"]),
        _or_dash(service["exit_code"]),
        "-" if service["cpu_percent"] is None else f"{service['cpu_percent']:.1f}%",
        "-" if service["rss_bytes"] is None else f"{service['rss_bytes'] / 1024 / 1024:.1f} MiB",
    )


def _or_dash(value: object) -> str:
    return "-" if value is None else str(value)


def _duration(seconds: float | None) -> str:
    from devstack.console.plain import how_long

    if seconds is None:
        return "-"
    return f"{seconds:.1f} s" if seconds < 10 else how_long(seconds)
