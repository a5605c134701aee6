"""Plain text that cannot be torn: columns as wide as their cells, and no control characters of strangers."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from typing import TextIO

GAP = "  "
NARROWEST = 20


def align(rows: Sequence[Sequence[str]]) -> str:
    """Return `rows` as lines of aligned columns; nothing is cut or wrapped, however long a cell is."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def wrapped(text: str, width: int | None) -> str:
    """Return `text`, its lines ended between words where they are wider than `width`; None leaves them."""
    if width is None or all(len(line) <= width for line in text.splitlines()):
        return text
    import textwrap

    return "\n".join(
        textwrap.fill(
            line,
            max(width, NARROWEST),
            subsequent_indent=" " * (len(line) - len(line.lstrip()) + 2),
            break_long_words=False,
            break_on_hyphens=False,
            drop_whitespace=True,
        )
        for line in text.splitlines()
    )


def printable(text: str) -> str:
    """Return `text` with what a terminal would obey written out: a stranger's process chose these bytes."""
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape", "surrogatepass").decode() for one in text
    )


def how_long(seconds: float) -> str:
    """Return a length of time as a person says it, to the second largest unit: `3 h 5 min`, `2 d`."""
    rest = max(int(seconds), 0)
    counts: list[tuple[int, str]] = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, rest = divmod(rest, size)
        if count or counts:
            counts.append((count, unit))
    return " ".join(f"{count} {unit}" for count, unit in counts[:2] if count) or "0 s"


def terminal_width(stream: TextIO) -> int | None:
    """Return the columns of the terminal that `stream` is, None if it is none."""
    return terminal_size(stream)[0] if stream.isatty() else None


def terminal_size(stream: TextIO) -> tuple[int, int]:
    """Return the columns and lines of the terminal that `stream` is."""
    try:
        size = os.get_terminal_size(stream.fileno())
    except OSError:  # a terminal that does not say how large it is, or was closed
        return 80, 24
    return size.columns or 80, size.lines or 24


def say(text: str) -> None:
    """Print a line of devstack's own to stdout; on a terminal it ends between words."""
    print_text(wrapped(printable(text), terminal_width(sys.stdout)), sys.stdout)


def print_aside(text: str) -> None:
    """Print `text` to stderr; if that takes nothing, so be it: there is nobody else to tell."""
    with contextlib.suppress(OSError):
        print_text(text, sys.stderr)
        sys.stderr.flush()


def print_text(text: str, stream: TextIO) -> None:
    """Print `text`; what the stream's encoding (cp1252, ASCII) lacks comes out as an escape, not an error."""
    encoding = stream.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream)
