"""The start-up panel fits its terminal, however small, and says in the end what became of every service."""

from __future__ import annotations

import pytest

from devstack.console.panel import Panel
from devstack.core.events import ServiceChanged
from devstack.core.ports import PortClaim
from devstack.core.service import ExitStatus, ServiceState, ServiceStatus
from devstack.core.terminal_text import columns_of

NOT_FOUND = ServiceStatus(state=ServiceState.BACKOFF, exit=ExitStatus(code=127))


def panel_of(count: int) -> Panel:
    names = [f"service{number}" for number in range(count)]
    claims = {name: (PortClaim(name, 3000 + number),) for number, name in enumerate(names)}
    panel = Panel(names, claims, "devstack · dev")
    for name in names:
        panel.take(ServiceChanged(name, ServiceStatus(state=ServiceState.STARTING), seconds=1.0))
    return panel


@pytest.mark.parametrize("count", [1, 4, 30])
@pytest.mark.parametrize("lines", [4, 7, 10, 24, 60])
@pytest.mark.parametrize("columns", [20, 30, 40, 80, 200])
def test_it_leaves_room_for_a_line_and_the_cursor(count: int, lines: int, columns: int) -> None:
    text = panel_of(count).text((columns, lines), color=False)
    assert text.count("\n") <= lines - 2
    assert columns_of(text.encode()) <= columns


@pytest.mark.parametrize("columns", [20, 24, 30, 40, 80])
def test_no_name_or_state_is_cut_on_a_narrow_terminal(columns: int) -> None:
    text = panel_of(4).text((columns, 24), color=False)
    assert "…" not in text
    assert [f"service{number}" in text for number in range(4)] == [True] * 4
    assert text.count("starting") == 4


def test_what_is_narrow_loses_its_note_its_time_its_port_and_its_frame_in_this_order() -> None:
    panel = panel_of(2)
    panel.take(ServiceChanged("service0", NOT_FOUND, seconds=1.0))
    found = []
    for columns in (80, 40, 34, 26, 20):
        text = panel.text((columns, 24), color=False)
        found.append(tuple(what in text for what in ("not found", " s ", ":3000", "╭")))
    assert found == [
        (True, True, True, True),
        (False, True, True, True),
        (False, False, True, True),
        (False, False, False, True),
        (False, False, False, False),
    ]


def test_the_last_one_shows_every_service_however_low_the_terminal() -> None:
    text = panel_of(30).text((80, 10), color=False, is_last=True)
    assert [number for number in range(30) if f"service{number} " not in text] == []
    assert "more" not in text
    assert "more" in panel_of(30).text((80, 10), color=False)
