"""Puts an expected error into words for a person, on stderr."""

from __future__ import annotations

import os
import sys

from devstack.errors import ConfigError, DevstackError

RED, DIM, RESET = "\x1b[1;31m", "\x1b[2m", "\x1b[0m"


def wants_color(stream_is_terminal: bool, *, no_color: bool) -> bool:
    """Say whether to colour: a terminal, and neither `--no-color` nor NO_COLOR (no-color.org)."""
    return stream_is_terminal and not no_color and not os.environ.get("NO_COLOR")


def error_text(error: DevstackError, *, color: bool) -> str:
    """Return what a person reads: where, what, and what to do, without a traceback."""
    red, dim, reset = (RED, DIM, RESET) if color else ("", "", "")
    where = f"{error.location}: " if isinstance(error, ConfigError) and error.location else ""
    lines = [f"{red}error:{reset} {where}{error.message}"]
    lines += [f"  {dim}→{reset} {line}" for line in error.hint.splitlines()]
    return "\n".join(lines)


def show_error(error: DevstackError, *, no_color: bool = False) -> None:
    """Print `error` to stderr."""
    color = wants_color(sys.stderr.isatty(), no_color=no_color)
    print(error_text(error, color=color), file=sys.stderr)
