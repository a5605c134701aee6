"""Puts an expected error into words for a person, on stderr."""

from __future__ import annotations

import sys

from devstack.console.plain import print_aside, printable, terminal_width, wrapped
from devstack.errors import ConfigError, DevstackError

RED, DIM, RESET = "\x1b[1;31m", "\x1b[2m", "\x1b[0m"


def wants_color(stream_is_terminal: bool, *, no_color: bool) -> bool:
    """Say whether to colour: a terminal, and nobody who wants none."""
    return stream_is_terminal and not no_color


def error_text(error: DevstackError, *, color: bool, width: int | None = None) -> str:
    """Return what a person reads: where, what, and what to do, without a traceback.

    On a terminal of `width` columns lines end between words; None is no terminal, where nothing is wrapped.
    """
    red, dim, reset = (RED, DIM, RESET) if color else ("", "", "")
    where = f"{error.location}: " if isinstance(error, ConfigError) and error.location else ""
    message = "\n".join(map(printable, f"error: {where}{error.message}".split("\n")))
    hints = map(printable, error.hint.split("\n") if error.hint else ())
    lines = [_marked("error:", red, reset, wrapped(message, width))]
    lines += [_marked("→", dim, reset, wrapped(f"  → {hint}", width)) for hint in hints]
    return "\n".join(lines)


def _marked(mark: str, style: str, reset: str, text: str) -> str:
    return text.replace(mark, f"{style}{mark}{reset}", 1)


def show_error(error: DevstackError, *, no_color: bool = False) -> None:
    """Print `error` to stderr, as far as that takes anything: the exit code tells the rest."""
    width = terminal_width(sys.stderr)
    color = wants_color(width is not None, no_color=no_color)
    print_aside(error_text(error, color=color, width=width))
