"""Plain text that cannot be torn: columns as wide as their cells, and no control characters of strangers."""

from __future__ import annotations

from collections.abc import Sequence

GAP = "  "


def align(rows: Sequence[Sequence[str]]) -> str:
    """Return `rows` as lines of aligned columns; nothing is cut or wrapped, however long a cell is."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def printable(text: str) -> str:
    """Return `text` with what a terminal would obey written out: a stranger's process chose these bytes."""
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape", "surrogatepass").decode() for one in text
    )


def how_long(seconds: float) -> str:
    """Return a length of time as a person says it, in its two largest units: `3 h 5 min`."""
    rest = max(int(seconds), 0)
    parts = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"
