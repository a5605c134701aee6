"""The steps of a WebSocket check, one a line, and what to do; for scripts the same as JSON."""

from __future__ import annotations

import sys
from typing import Any

from devstack.console.errors import DIM, RED, RESET, wants_color
from devstack.console.plain import print_text, printable
from devstack.core.websocket_report import Step, WebSocketReport

GREEN = "\x1b[32m"


def websocket_text(report: WebSocketReport, *, color: bool, others: tuple[str, ...] = ()) -> str:
    """Return the report for a person; `others` are further addresses that could be checked."""
    width = max(len(step.name) for step in report.steps)
    lines = [printable(report.url), *(_step_line(step, width, color=color) for step in report.steps)]
    dim, reset = (DIM, RESET) if color else ("", "")
    lines += [f"  {dim}→{reset} {printable(sentence)}" for sentence in report.advice]
    lines += [f"  {dim}see also: devstack check-ws {printable(command)}{reset}" for command in others]
    return "\n".join(lines)


def _step_line(step: Step, width: int, *, color: bool) -> str:
    mark, tint = ("✓", GREEN) if step.ok else ("✗", RED)
    tint, dim, reset = (tint, DIM, RESET) if color else ("", "", "")
    took = f"{step.ms:.1f} ms"
    name = step.name.ljust(width)
    return f"  {tint}{mark}{reset} {name}  {dim}{took:>10}{reset}  {printable(step.detail)}".rstrip()


def websocket_json(report: WebSocketReport) -> dict[str, Any]:
    """Return what `check-ws --json` prints; what is not known is None."""
    return {
        "url": report.url,
        "ok": report.ok,
        "steps": [
            {"name": step.name, "ok": step.ok, "detail": step.detail, "ms": step.ms} for step in report.steps
        ],
        "subprotocol": report.subprotocol,
        "first_message": report.first_message,
        "ping_ms": report.ping_ms,
        "close_code": report.close_code,
    }


def show_websocket(report: WebSocketReport, *, no_color: bool, others: tuple[str, ...] = ()) -> None:
    """Print the report for a person to stdout."""
    color = wants_color(sys.stdout.isatty(), no_color=no_color)
    print_text(websocket_text(report, color=color, others=others), sys.stdout)


def show_websocket_json(report: WebSocketReport) -> None:
    """Print the JSON to stdout, and what to do to stderr."""
    import json

    print(json.dumps(websocket_json(report), indent=2))
    for sentence in report.advice:
        print_text(f"→ {printable(sentence)}", sys.stderr)
