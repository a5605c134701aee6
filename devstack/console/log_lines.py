"""Prints lines of the services' logs, for a person with prefixes or for a script as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from devstack.console.errors import wants_color
from devstack.console.prefixes import prefixes
from devstack.core.terminal_text import lines_for_terminal

Block = tuple[int, str, bytes]
"""When (microseconds since 1970), which service, and lines that it wrote then."""


class LogPrinter:
    """Prints log lines to stdout as bytes: what a service wrote is not ours to re-encode."""

    def __init__(self, names: Sequence[str], *, as_json: bool, no_color: bool) -> None:
        self._as_json = as_json
        self._is_terminal = sys.stdout.isatty()
        color = wants_color(self._is_terminal, no_color=no_color)
        self._prefixes = prefixes(names, color=color)

    def show(self, blocks: Sequence[Block]) -> None:
        """Print `blocks` at once."""
        if self._as_json:
            parts = [line for block in blocks for line in _as_json(block)]
        else:
            parts = [self._as_text(service, data) for _, service, data in blocks]
        sys.stdout.buffer.write(b"".join(parts))
        sys.stdout.buffer.flush()

    def _as_text(self, service: str, data: bytes) -> bytes:
        prefix = self._prefixes.get(service, b"")
        lines = data.removesuffix(b"\n")
        if self._is_terminal:
            lines = lines_for_terminal(lines, prefix)
        return prefix + lines.replace(b"\n", b"\n" + prefix) + b"\n"


def _as_json(block: Block) -> Iterator[bytes]:
    time_us, service, data = block
    at = datetime.fromtimestamp(time_us / 1e6, UTC).isoformat(timespec="milliseconds")
    for line in data.removesuffix(b"\n").split(b"\n"):
        text = line.decode("utf-8", "replace").rstrip("\r")
        yield json.dumps({"time": at, "service": service, "line": text}).encode() + b"\n"
