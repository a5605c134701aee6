"""Findings for people, what is wrong first, with why it matters and what to do; and for scripts, JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from devstack.console.errors import DIM, RED, RESET, wants_color
from devstack.console.plain import print_text, printable, terminal_width
from devstack.core.findings import Finding, Level, has_error

YELLOW, GREEN = "\x1b[33m", "\x1b[32m"
ORDER = (Level.ERROR, Level.WARNING, Level.OK)
MARKS = {Level.ERROR: ("error", RED), Level.WARNING: ("warning", YELLOW), Level.OK: ("ok", GREEN)}


def findings_text(findings: Sequence[Finding], *, color: bool) -> str:
    """Return the findings, the worst first, and one line that counts them."""
    lines = []
    for finding in sorted(findings, key=lambda one: ORDER.index(one.level)):
        mark, style = MARKS[finding.level]
        start, dim, end = (style, DIM, RESET) if color else ("", "", "")
        lines.append(f"{start}{mark:<8}{end}{finding.check:<17} {printable(finding.what)}")
        if finding.level is not Level.OK:
            details = (("why", finding.why), ("do", finding.what_to_do))
            lines += [f"{dim}{'':8}{name:>16}{end}  {printable(text)}" for name, text in details if text]
    counts = {level: sum(one.level is level for one in findings) for level in ORDER}
    plural = {True: "", False: "s"}
    lines.append(
        f"{counts[Level.ERROR]} error{plural[counts[Level.ERROR] == 1]}, "
        f"{counts[Level.WARNING]} warning{plural[counts[Level.WARNING] == 1]}, {counts[Level.OK]} ok"
    )
    return "\n".join(lines)


def finding_lines(finding: Finding) -> list[str]:
    """Return the lines that tell of one finding between the output of services."""
    details = (("  ", finding.why), ("  → ", finding.what_to_do))
    return [
        f"{MARKS[finding.level][0]}: {printable(finding.what)}",
        *(f"{start}{printable(text)}" for start, text in details if text),
    ]


def show_findings(findings: Sequence[Finding], *, no_color: bool) -> None:
    """Print the findings for a person."""
    color = wants_color(terminal_width(sys.stdout) is not None, no_color=no_color)
    print_text(findings_text(findings, color=color), sys.stdout)


def show_findings_json(project: str, mode: str, running: bool, findings: Sequence[Finding]) -> None:
    """Print the findings for a script. What does not apply to one is null."""
    rows = [
        {
            "check": one.check,
            "level": one.level.value,
            "what": one.what,
            "why": one.why or None,
            "what_to_do": one.what_to_do or None,
            "service": one.service,
            "port": one.port,
        }
        for one in findings
    ]
    answer = {
        "project": project,
        "mode": mode,
        "running": running,
        "ok": not has_error(findings),
        "findings": rows,
    }
    print(json.dumps(answer, indent=2))
