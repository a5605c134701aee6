"""The first cause of a failed smoke run: who failed first and said what, the ports, the critical path."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from devstack.console.plain import align, print_text, printable
from devstack.console.ports import port_table
from devstack.core.critical_path import Wait
from devstack.core.port_report import PortReport


@dataclass(frozen=True, slots=True)
class FirstCause:
    """What is known of a failure: `what` it was, `service` whose it was, None where it is nobody's.

    `last_lines` are the end of that service's output, `ports` the claims as they were then, `path` the chain
    of services that the start waited for.
    """

    what: str
    service: str | None = None
    last_lines: tuple[str, ...] = ()
    ports: tuple[PortReport, ...] = ()
    path: tuple[Wait, ...] = ()


def first_cause_text(cause: FirstCause) -> str:
    """Return it as plain lines, the same for a person, for JUnit and for a step summary."""
    who = f"{cause.service}: " if cause.service else ""
    lines = [f"first cause: {who}{printable(cause.what)}"]
    if cause.service is not None:
        count = len(cause.last_lines)
        said = (
            f"its last {count} lines:" if count > 1 else "its last line:" if count else "it printed nothing"
        )
        lines += ["", said, *(f"  {printable(line)}" for line in cause.last_lines)]
    if cause.ports:
        table = port_table(cause.ports, width=None, color=False)
        lines += ["", "ports:", *(f"  {line}".rstrip() for line in table.splitlines())]
    if cause.path:
        lines += ["", "start-up critical path:", *(f"  {line}" for line in _path_lines(cause.path))]
    return "\n".join(lines)


def _path_lines(path: Sequence[Wait]) -> list[str]:
    """Return a line for each service of the path, with the one that was waited for longest named."""
    longest = max(path, key=lambda wait: wait.seconds)
    rows = [
        (
            wait.service,
            f"{wait.since:.2f} s",
            f"{wait.until:.2f} s",
            f"{wait.seconds:.2f} s",
            "" if wait.is_up else "never ready",
        )
        for wait in path
    ]
    table = align([("SERVICE", "STARTED", "UNTIL", "WAITED", ""), *rows]).splitlines()
    return [*table, f"waited longest for {longest.service}: {longest.seconds:.2f} s"]


def show_first_cause(text: str) -> None:
    """Print the lines below the table of results."""
    print_text(f"\n{text}", sys.stdout)
