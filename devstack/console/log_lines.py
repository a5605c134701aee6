"""Prints lines of the services' logs, for a person with prefixes or for a script as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from devstack.console.errors import wants_color
from devstack.console.wording import prefixes

Line = tuple[int, str, bytes]
"""When (microseconds since 1970), which service, and what."""


class LogPrinter:
    """Prints log lines to stdout as bytes: what a service wrote is not ours to re-encode."""

    def __init__(self, names: Sequence[str], *, as_json: bool, no_color: bool) -> None:
        self._as_json = as_json
        color = wants_color(sys.stdout.isatty(), no_color=no_color)
        self._prefixes = prefixes(names, color=color)

    def show(self, lines: Iterable[Line]) -> None:
        """Print `lines` at once."""
        render = _as_json if self._as_json else self._as_text
        sys.stdout.buffer.write(b"".join(render(line) for line in lines))
        sys.stdout.buffer.flush()

    def _as_text(self, line: Line) -> bytes:
        return self._prefixes.get(line[1], b"") + line[2] + b"\n"


def _as_json(line: Line) -> bytes:
    at = datetime.fromtimestamp(line[0] / 1e6, UTC).isoformat(timespec="milliseconds")
    text = line[2].decode("utf-8", "replace").rstrip("\r")
    return json.dumps({"time": at, "service": line[1], "line": text}).encode() + b"\n"
