"""The steps of a WebSocket check, one a line, and what to do; for scripts the same as JSON."""

from __future__ import annotations

import sys
from typing import Any

from devstack.console.errors import DIM, RED, RESET, wants_color
from devstack.console.plain import NARROWEST, print_text, printable, terminal_width, wrapped
from devstack.core.websocket_report import Step, WebSocketReport

GREEN = "\x1b[32m"
STEP_FRAME = 18
"""The columns of a step's line beside its name and its detail."""


def websocket_text(
    report: WebSocketReport, *, color: bool, others: tuple[str, ...] = (), width: int | None = None
) -> str:
    """Return the report for a person; `others` are further addresses that could be checked.

    On a terminal of `width` columns a message that is too long is cut; None is no terminal.
    """
    widest = max(len(step.name) for step in report.steps)
    room = None if width is None else max(width - widest - STEP_FRAME, NARROWEST)
    lines = [printable(report.url), *(_step_line(step, widest, room, color=color) for step in report.steps)]
    dim, reset = (DIM, RESET) if color else ("", "")
    advice = [wrapped(f"  → {printable(sentence)}", width) for sentence in report.advice]
    lines += [sentence.replace("→", f"{dim}→{reset}", 1) for sentence in advice]
    also = [wrapped(f"  see also: devstack check-ws {printable(command)}", width) for command in others]
    return "\n".join([*lines, *(f"{dim}{line}{reset}" for line in also)])


def _step_line(step: Step, widest: int, room: int | None, *, color: bool) -> str:
    mark, tint = ("✓", GREEN) if step.ok else ("✗", RED)
    tint, dim, reset = (tint, DIM, RESET) if color else ("", "", "")
    took = f"{step.ms:.1f} ms"
    detail = printable(step.detail)
    if step.ok and room is not None and len(detail) > room:
        detail = f"{detail[: room - 1]}…"
    return f"  {tint}{mark}{reset} {step.name.ljust(widest)}  {dim}{took:>10}{reset}  {detail}".rstrip()


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
    width = terminal_width(sys.stdout)
    color = wants_color(width is not None, no_color=no_color)
    print_text(websocket_text(report, color=color, others=others, width=width), sys.stdout)


def show_websocket_json(report: WebSocketReport) -> None:
    """Print the JSON to stdout, and what to do to stderr."""
    import json

    print(json.dumps(websocket_json(report), indent=2))
    for sentence in report.advice:
        print_text(f"→ {printable(sentence)}", sys.stderr)
