"""A table for a terminal that is too narrow for its columns: each row a block of lines of its own."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from devstack.console.plain import GAP, NARROWEST

LEADING = 2
INDENT = "  "


def stacked(
    headings: Sequence[str], rows: Sequence[Sequence[str]], width: int, styles: Sequence[str] = ()
) -> str:
    """Return `rows` below each other: a line of the first two cells, below it the others with their headings.

    No line is wider than `width`, and no letter is lost. Empty cells are left out. `styles` are rich's names,
    one a row, for the first lines; without them nothing is coloured.
    """
    lines: list[str] = []
    for number, row in enumerate(rows):
        first, *more = _block(headings, row, max(width, NARROWEST))
        lines += [_styled(first, styles[number]) if styles else first, *more]
    return "\n".join(lines)


def _block(headings: Sequence[str], row: Sequence[str], width: int) -> list[str]:
    lines = _wrapped(GAP.join(row[:LEADING]), width)
    pairs = zip(headings[LEADING:], row[LEADING:], strict=True)
    texts = [f"{heading.lower()} {cell}" for heading, cell in pairs if cell]
    line = ""
    for text in texts:
        longer = f"{line}{GAP}{text}" if line else f"{INDENT}{text}"
        if len(longer) > width and line:
            lines.append(line)
            longer = f"{INDENT}{text}"
        line = longer
        if len(line) > width:
            *full, line = _wrapped(line, width)
            lines += full
    return [*lines, line] if line else lines


def _wrapped(text: str, width: int) -> list[str]:
    """Return `text` in lines of `width`, torn between words where it has any."""
    return textwrap.wrap(text, width, subsequent_indent=INDENT * 2, break_on_hyphens=False) or [text]


def _styled(text: str, style: str) -> str:
    from rich.color import ColorSystem
    from rich.style import Style

    return Style.parse(style).render(text, color_system=ColorSystem.STANDARD) if style else text
