"""What devstack prints on a narrow terminal: nothing is torn that a person would copy, no letter is lost."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.console.environment import EnvironmentRow, environment_text
from devstack.console.errors import error_text
from devstack.console.plain import wrapped
from devstack.console.prefixes import own_text
from devstack.console.stacked import stacked
from devstack.console.status import over_the_last, status_text
from devstack.console.websocket import websocket_text
from devstack.console.wording import event_lines
from devstack.core.events import StackReady
from devstack.core.ports import PortClaim, Protocol
from devstack.core.websocket_report import Step, WebSocketReport
from devstack.errors import AlreadyRunningError, ConfigError

STATUS = {
    "mode": "dev",
    "project": "/home/you/trading",
    "supervisor": {"pid": 4242, "started": None},
    "services": [
        {
            "name": "frontend",
            "state": "ready",
            "ready": True,
            "pid": 4243,
            "ports": [3000],
            "uptime_s": 3.84,
            "restarts": 0,
            "exit_code": None,
            "cpu_percent": 0.0,
            "rss_bytes": 34172928,
        }
    ],
}


def without_style(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_the_status_is_a_table_where_it_fits_and_a_block_for_each_service_where_not() -> None:
    wide = status_text(STATUS, [], width=100, color=False).splitlines()
    assert wide[2].split() == [
        "SERVICE",
        "STATE",
        "PID",
        "PORTS",
        "UPTIME",
        "RESTARTS",
        "EXIT",
        "CPU",
        "MEMORY",
    ]
    assert status_text(STATUS, [], width=40, color=False).splitlines() == [
        "/home/you/trading: mode dev, supervisor",
        "  pid 4242",
        "",
        "frontend  ready",
        "  pid 4243  ports 3000  uptime 3.8 s",
        "  restarts 0  exit -  cpu 0.0%",
        "  memory 32.6 MiB",
    ]


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 200])
def test_no_line_of_the_status_is_wider_than_the_terminal(width: int) -> None:
    pytest.importorskip("rich")
    for color in (False, True):
        drawn = without_style(status_text(STATUS, [], width=width, color=color))
        assert max(map(len, drawn.splitlines())) <= width
        assert "frontend" in drawn
        assert "32.6 MiB" in drawn


def test_the_environment_is_stacked_where_the_table_does_not_fit() -> None:
    rows = [EnvironmentRow("PORT", "5000", ".env", 1, hides=("shell",))]
    assert environment_text("mode dev", rows, color=False, width=40).splitlines() == [
        "mode dev",
        "",
        "PORT  5000",
        "  service all",
        "  source .env:1 (instead of shell)",
    ]


def test_addresses_have_a_line_each_where_one_line_has_no_room_for_all() -> None:
    claims = {
        "frontend": (PortClaim("frontend", 3000, protocol=Protocol.HTTP),),
        "api": (PortClaim("api", 5000, protocol=Protocol.HTTP),),
    }
    line = "ready in 0.9 s: frontend http://localhost:3000, api http://localhost:5000"
    assert event_lines(StackReady(0.93), claims) == [line]
    assert event_lines(StackReady(0.93), claims, room=len(line)) == [line]
    assert event_lines(StackReady(0.93), claims, room=len(line) - 1) == [
        "ready in 0.9 s:",
        "  frontend  http://localhost:3000",
        "  api       http://localhost:5000",
    ]


def test_an_error_is_wrapped_between_words_on_a_terminal_and_not_at_all_elsewhere() -> None:
    error = AlreadyRunningError("a stack is running here already: mode dev", hint="`devstack down` stops it")
    assert error_text(error, color=False, width=30).splitlines() == [
        "error: a stack is running here",
        "  already: mode dev",
        "  → `devstack down` stops it",
    ]
    assert len(error_text(error, color=False).splitlines()) == 2
    colored = error_text(error, color=True, width=30)
    assert without_style(colored) == error_text(error, color=False, width=30)
    assert colored != without_style(colored)


def test_an_error_with_a_name_that_is_no_text_can_be_said() -> None:
    error = ConfigError("no", source="x\udcff\x1b", line=3)
    assert error_text(error, color=False) == r"error: x\udcff\x1b:3: no"


def test_a_long_first_message_is_cut_on_a_terminal_alone() -> None:
    report = WebSocketReport("ws://x/", (Step("first message", True, "m" * 300, 1.0),))
    assert "m" * 300 in websocket_text(report, color=False)
    line = websocket_text(report, color=False, width=60).splitlines()[1]
    assert len(line) == 60
    assert line.endswith("m…")


HEADINGS = ("NAME", "STATE", "PORTS", "NOTE")
CELLS = st.lists(st.text("ab é", max_size=70), min_size=4, max_size=4)


@given(st.lists(CELLS, min_size=1), st.integers(1, 100))
def test_stacked_rows_keep_every_letter_and_stay_within_the_width(rows: list[list[str]], width: int) -> None:
    text = stacked(HEADINGS, rows, width)
    assert all(len(line) <= max(width, 20) for line in text.splitlines())
    for letter in "bé":
        assert text.count(letter) == sum(cell.count(letter) for row in rows for cell in row)


@given(st.text("ab \n", max_size=200), st.integers(20, 60))
def test_wrapping_keeps_every_letter_in_its_order(text: str, width: int) -> None:
    assert "".join(wrapped(text, width).split()) == "".join(text.split())
    assert wrapped(text, None) == text


def test_own_lines_hold_nothing_that_a_terminal_would_obey() -> None:
    assert own_text(["/home/\x1b[2J\nx\udcff: mode dev"], "| ") == ("| /home/\\x1b[2J\\nx\\udcff: mode dev\n")


def test_an_address_has_a_row_of_its_own_where_its_name_leaves_no_room_for_it() -> None:
    claims = {"frontend": (PortClaim("frontend", 23000, "FRONTEND_PORT", Protocol.HTTP),)}
    assert event_lines(StackReady(5.1), claims, room=29) == [
        "ready in 5.1 s:",
        "  frontend",
        "    http://localhost:23000",
    ]


def test_a_status_that_is_drawn_again_clears_no_more_than_it_draws() -> None:
    drawn = over_the_last("head\n\napi  ready")
    assert drawn == "\x1b[Hhead\x1b[K\n\x1b[K\napi  ready\x1b[K\n\x1b[J\x1b[A"
