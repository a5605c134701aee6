"""A WebSocket report for a person and for a script."""

from __future__ import annotations

import json

from devstack.console.websocket import websocket_json, websocket_text
from devstack.core.websocket_report import Step, WebSocketReport

TCP = Step("tcp", True, "127.0.0.1:3001", 0.21)
REFUSED = Step("upgrade", False, "404 instead of 101: \x1b[2Jgone", 12.5)
FAILED = WebSocketReport("ws://localhost:3001/ws", (TCP, REFUSED), advice=("Check the path.",))
WELL = WebSocketReport(
    "ws://localhost:3001/api/ws",
    (TCP, Step("first message", True, "{}", 1.0)),
    subprotocol="vite-hmr",
    first_message="{}",
    ping_ms=0.4,
    close_code=1000,
)


def test_each_step_is_a_line_and_what_to_do_follows() -> None:
    assert websocket_text(FAILED, color=False).splitlines() == [
        "ws://localhost:3001/ws",
        "  ✓ tcp          0.2 ms  127.0.0.1:3001",
        "  ✗ upgrade     12.5 ms  404 instead of 101: \\x1b[2Jgone",
        "  → Check the path.",
    ]


def test_other_addresses_are_offered_as_they_are_typed() -> None:
    text = websocket_text(WELL, color=False, others=("ws://localhost:3002/ --subprotocol vite-hmr",))
    assert text.endswith("\n  see also: devstack check-ws ws://localhost:3002/ --subprotocol vite-hmr")


def test_colour_adds_nothing_but_colour() -> None:
    import re

    colored = websocket_text(FAILED, color=True, others=("ws://x/",))
    assert "\x1b[" in colored
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == websocket_text(FAILED, color=False, others=("ws://x/",))


def test_json_has_every_key_and_null_for_what_is_not_known() -> None:
    assert json.loads(json.dumps(websocket_json(FAILED))) == {
        "url": "ws://localhost:3001/ws",
        "ok": False,
        "steps": [
            {"name": "tcp", "ok": True, "detail": "127.0.0.1:3001", "ms": 0.21},
            {"name": "upgrade", "ok": False, "detail": "404 instead of 101: \x1b[2Jgone", "ms": 12.5},
        ],
        "subprotocol": None,
        "first_message": None,
        "ping_ms": None,
        "close_code": None,
    }
    assert websocket_json(WELL)["ok"] is True
    assert websocket_json(WELL)["close_code"] == 1000
