"""The table of check results: what was checked, what came of it, and how long it took."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from devstack.console.errors import RED, RESET, wants_color
from devstack.console.plain import align, print_text, printable, terminal_width
from devstack.core.check_result import CheckResult

GREEN = "\x1b[32m"
YELLOW = "\x1b[33m"
HEADINGS = ("", "CHECK", "WHERE", "SECONDS", "FOUND")


def results_text(results: Sequence[CheckResult], *, color: bool) -> str:
    """Return a line for each result, the further lines of a failure below, and a verdict."""
    rows = [_cells(result) for result in results]
    lines = align([HEADINGS, *rows]).splitlines()
    text = [lines[0]]
    for line, result in zip(lines[1:], results, strict=True):
        style = (YELLOW if result.is_warning else GREEN if result.ok else RED) if color else ""
        text.append(f"{style}{line}{RESET if color else ''}")
        if not result.ok or result.is_warning:
            text += [f"      {printable(more)}" for more in result.detail.splitlines()[1:]]
    return "\n".join([*text, _verdict(results)])


def _verdict(results: Sequence[CheckResult]) -> str:
    failed = sum(not result.ok for result in results)
    warnings = sum(result.is_warning for result in results)
    told = f", {warnings} warning{'s' if warnings > 1 else ''}" if warnings else ""
    return f"{len(results) - failed} passed, {failed} failed{told}"


def _cells(result: CheckResult) -> tuple[str, ...]:
    first_line = result.detail.partition("\n")[0]
    mark = "warning" if result.is_warning else "ok" if result.ok else "FAILED"
    return (mark, result.name, result.classname, f"{result.seconds:.2f}", printable(first_line))


def show_results(results: Sequence[CheckResult], *, no_color: bool) -> None:
    """Print the results."""
    color = wants_color(terminal_width(sys.stdout) is not None, no_color=no_color)
    print_text(results_text(results, color=color), sys.stdout)
