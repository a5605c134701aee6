"""The port table, and below it what is known of each busy port and what to do about it."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence

from devstack.console.errors import DIM, RED, RESET, wants_color
from devstack.console.plain import align, print_text, printable, terminal_width
from devstack.console.port_owners import describe_owners, name_owners, name_port, next_steps, other_port
from devstack.core.port_report import PortReport, PortState, any_busy

HEADINGS = ("PORT", "STATE", "SERVICE", "VARIABLE", "PURPOSE", "OWNER")
STATE_STYLE = {PortState.FREE: "green", PortState.BUSY: "bold red", PortState.OURS: "cyan"}
CHOOSE_FOR_ME = "To have free ports chosen for one run, add --ports auto to devstack up."
FIRM, ROOM = 4, 24
"""On a terminal the first columns are firm and the last ones are folded, never cut; where fewer characters
than ROOM are left for the last ones, the rows are stacked."""


def port_table(
    reports: Sequence[PortReport], *, width: int | None, color: bool, now: float | None = None
) -> str:
    """Return the table of all claims and, below it, each busy port with its owners and what to do next.

    `width` is a terminal's in columns; None is no terminal, where no cell is cut or wrapped. `now` is in
    seconds since the epoch.
    """
    if not reports:
        return "No service of this stack claims a port."
    now = time.time() if now is None else now
    rows = [_cells(report) for report in reports]
    table = align((HEADINGS, *rows)) if width is None else _fitted(rows, reports, width, color)
    shared = _shared_variables(reports)
    sections = [_section(report, shared, now, color) for report in reports]
    closing = [CHOOSE_FOR_ME] if any_busy(reports) else []
    return "\n\n".join([table, *("\n".join(lines) for lines in sections if lines), *closing])


def show_ports(reports: Sequence[PortReport], *, no_color: bool, to_stderr: bool = False) -> None:
    """Print the table and what belongs to it, as wide as the terminal is."""
    stream = sys.stderr if to_stderr else sys.stdout
    width = terminal_width(stream)
    color = wants_color(width is not None, no_color=no_color)
    print_text(port_table(reports, width=width, color=color), stream)


def _cells(report: PortReport) -> tuple[str, ...]:
    claim = report.claim
    owner = "" if report.state is PortState.FREE else name_owners(report)
    cells = (
        str(claim.port),
        report.state.value,
        claim.service,
        claim.variable or "",
        claim.purpose or claim.source,
        owner,
    )
    return tuple(printable(cell) for cell in cells)


def _fitted(rows: Sequence[tuple[str, ...]], reports: Sequence[PortReport], width: int, color: bool) -> str:
    """Return the table as it fits a terminal of `width` columns."""
    widths = [max(map(len, cells)) + 2 for cells in zip(HEADINGS, *rows, strict=True)]
    if sum(widths[:FIRM]) + ROOM <= width:
        return _rich_table(rows, reports, width, color)
    from devstack.console.stacked import stacked

    styles = [STATE_STYLE[report.state] for report in reports] if color else ()
    return stacked(HEADINGS, rows, width, styles)


def _rich_table(
    rows: Sequence[tuple[str, ...]], reports: Sequence[PortReport], width: int, color: bool
) -> str:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for column, heading in enumerate(HEADINGS):
        table.add_column(heading, no_wrap=column < FIRM, overflow="fold")
    for row, report in zip(rows, reports, strict=True):
        state = Text(row[1], style=STATE_STYLE[report.state])
        table.add_row(Text(row[0]), state, *(Text(cell) for cell in row[2:]))
    console = Console(width=width, force_terminal=color, color_system="standard" if color else None)
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().splitlines() if line.strip())


def _shared_variables(reports: Iterable[PortReport]) -> frozenset[str]:
    uses = Counter(report.claim.variable for report in reports)
    return frozenset(variable for variable, count in uses.items() if variable is not None and count > 1)


def _section(report: PortReport, shared: frozenset[str], now: float, color: bool) -> list[str]:
    """Return the lines about one port that needs words: who holds it, and what to do next."""
    red, dim, reset = (RED, DIM, RESET) if color else ("", "", "")
    title = name_port(report)
    if report.state is PortState.BUSY:
        lines = [f"{red}{title} is taken{reset}"]
        lines += [f"  {line}" for line in describe_owners(report, now)]
        steps = next_steps(report, shared)
    elif not report.may_bind:
        lines = [f"{title} is free, but this user has no right to bind it"]
        steps = ["leave it so if the service has that right", *other_port(report, shared)]
    else:
        return []
    return lines + [f"  {dim}→{reset} {printable(step)}" for step in steps]
