from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.console.plain import align, how_long, printable
from devstack.console.port_owners import next_steps, taken_message
from devstack.console.ports import port_table
from devstack.console.ports_json import ports_json
from devstack.core.port_report import BusyReason, Owner, PortReport, PortState
from devstack.core.ports import PortClaim, Protocol

FRONTEND = PortClaim("frontend", 3000, "FRONTEND_PORT", Protocol.HTTP, "frontend dev server")
API = PortClaim("api", 5000, "PORT", Protocol.HTTP, "REST API")
SERVER = Owner("0.0.0.0", 4242, "python3", "python3 -m http.server 5000", "jo", "/home/jo/x", 1000.0)


def stranger(**changes: object) -> Owner:
    return Owner(
        **{  # type: ignore[arg-type]
            **{name: getattr(SERVER, name) for name in Owner.__slots__},
            "reason": BusyReason.STRANGER,
            **changes,
        }
    )


def busy(*owners: Owner, claim: PortClaim = API) -> PortReport:
    return PortReport(
        claim,
        PortState.BUSY,
        owners,
        alternative=5001,
        end_command="kill 4242",
        inspect_command="sudo ss -ltnp 'sport = :5000'",
    )


def table(*reports: PortReport, width: int | None = None, color: bool = False) -> str:
    return port_table(reports, width=width, color=color, now=1000.0 + 3 * 3600 + 300)


def test_a_busy_port_is_told_with_its_owner_and_the_next_steps() -> None:
    assert table(PortReport(FRONTEND, PortState.FREE), busy(stranger())) == (
        "PORT  STATE  SERVICE   VARIABLE       PURPOSE              OWNER\n"
        "3000  free   frontend  FRONTEND_PORT  frontend dev server\n"
        "5000  busy   api       PORT           REST API             python3 (pid 4242)\n"
        "\n"
        "port 5000 (api) is taken\n"
        "  pid 4242: python3, user jo, on 0.0.0.0, running for 3 h 5 min\n"
        "    command  python3 -m http.server 5000\n"
        "    folder   /home/jo/x\n"
        "  → end it: kill 4242\n"
        "  → or take another port: PORT=5001 in .env, or PORT=5001 devstack up\n"
        "\n"
        "To have free ports chosen for one run, add --ports auto to devstack up."
    )


def test_free_and_our_own_ports_need_no_words() -> None:
    text = table(PortReport(FRONTEND, PortState.FREE), PortReport(API, PortState.OURS, (SERVER,)))
    assert text.splitlines()[1:] == [
        "3000  free   frontend  FRONTEND_PORT  frontend dev server",
        "5000  ours   api       PORT           REST API             python3 (pid 4242)",
    ]


def test_a_stack_without_claims_says_so() -> None:
    assert table() == "No service of this stack claims a port."


STEPS = [
    (stranger(), "end it: kill 4242"),
    (stranger(reason=BusyReason.LEFTOVER, detail="/p"), "devstack down"),
    (stranger(reason=BusyReason.OTHER_PROJECT, detail="/my project"), "devstack -C '/my project' down"),
    (stranger(reason=BusyReason.OTHER_PROJECT, detail="/gone", end_pid=7), "that project's folder is gone"),
    (stranger(reason=BusyReason.CONTAINER, detail="web-1", engine="podman"), "podman stop web-1"),
    (stranger(reason=BusyReason.CONTAINER), "docker ps"),
    (stranger(reason=BusyReason.AIRPLAY), "AirPlay Receiver off"),
    (Owner("0.0.0.0", user="root", reason=BusyReason.HIDDEN), "sudo ss -ltnp 'sport = :5000', or sudo"),
]


@pytest.mark.parametrize(("owner", "step"), STEPS)
def test_every_kind_of_owner_has_its_own_next_step(owner: Owner, step: str) -> None:
    steps = next_steps(busy(owner), frozenset())
    assert step in steps[0]
    assert "PORT=5001" in steps[-1]
    assert sum(step in next_steps(busy(other), frozenset())[0] for other, _ in STEPS) == 1


def test_a_port_without_an_owner_in_sight_says_where_to_look() -> None:
    text = table(busy())
    assert "no owner in sight" in text
    assert "nobody listens there" in text
    assert "look for it: sudo ss" in text


def test_owners_of_two_kinds_bring_the_steps_of_both() -> None:
    leftover = stranger(pid=7, reason=BusyReason.LEFTOVER)
    steps = next_steps(busy(stranger(), leftover), frozenset())
    assert [step.partition(":")[0] for step in steps] == [
        "end it",
        "end what this project's last stack left",
        "or take another port",
    ]


def test_a_process_on_two_addresses_is_told_once() -> None:
    text = table(busy(stranger(), stranger(address="[::]")))
    assert text.count("pid 4242:") == 1
    assert "on 0.0.0.0 and [::]" in text


def test_a_variable_that_several_services_share_is_not_proposed() -> None:
    worker = PortClaim("worker", 5100, "PORT")
    text = table(busy(stranger()), PortReport(worker, PortState.FREE))
    assert "PORT=5001" not in text
    assert "[services.api] ports in devstack.toml" in text


def test_a_port_that_this_user_may_not_bind_is_free_and_says_so() -> None:
    low = PortClaim("web", 80, "WEB_PORT", Protocol.HTTP)
    text = table(PortReport(low, PortState.FREE, may_bind=False))
    assert "80    free" in text
    assert "port 80 (web) is free, but this user has no right to bind it" in text
    assert "--ports auto" not in text


def test_no_cell_is_cut_or_wrapped_off_a_terminal() -> None:
    command = "node " + "x" * 500
    cwd = "/" + "y" * 300
    name = "n" * 200
    text = table(busy(stranger(command=command, cwd=cwd, name=name)))
    assert f"  command  {command}\n" in text
    assert f"  folder   {cwd}\n" in text
    assert f"{name} (pid 4242)\n" in text


def test_a_port_that_no_service_claims_is_named_by_its_number_alone() -> None:
    assert taken_message([busy(claim=PortClaim("", 7))]) == "port 7 is taken: no owner in sight"


@pytest.mark.parametrize("width", [40, 70, 100, 200])
def test_on_a_terminal_the_table_is_as_wide_as_it_and_loses_no_letter(width: int) -> None:
    pytest.importorskip("rich")
    report = busy(stranger(name="a" * 60))
    drawn = table(report, width=width).partition("\n\n")[0]
    assert max(map(len, drawn.splitlines())) <= width
    assert drawn.count("a" * 3) >= 3
    assert "…" not in drawn


def test_colour_is_there_just_when_asked_for() -> None:
    assert "\x1b[" in table(busy(stranger()), width=100, color=True)
    assert "\x1b[" not in table(busy(stranger()), width=100)
    assert "\x1b[" not in table(busy(stranger()))


def test_a_strangers_control_characters_do_not_reach_the_terminal() -> None:
    evil = "\x1b]0;owned\x07[bold]x[/bold]\n\udcff"
    reasons = [BusyReason.STRANGER, BusyReason.OTHER_PROJECT, BusyReason.CONTAINER]
    for reason in reasons:
        owner = stranger(name=evil, command=evil, user=evil, cwd=evil, detail=evil, reason=reason)
        for width in (None, 80):
            text = table(busy(owner), width=width)
            assert "\x1b" not in text
            assert "\x07" not in text
            assert "\udcff" not in text
        assert "[bold]" in table(busy(owner))


def test_the_json_has_the_contracts_keys_and_null_for_what_is_unknown() -> None:
    reports = [
        PortReport(PortClaim("web", 80), PortState.FREE),
        busy(stranger(), Owner("[::]", reason=BusyReason.HIDDEN)),
    ]
    answer = json.loads(json.dumps(ports_json("dev", reports)))
    assert list(answer) == ["mode", "ok", "ports"]
    assert (answer["mode"], answer["ok"]) == ("dev", False)
    free, taken = answer["ports"]
    assert free == {
        "port": 80,
        "variable": None,
        "service": "web",
        "purpose": None,
        "protocol": "tcp",
        "source": None,
        "expected": False,
        "state": "free",
        "owners": [],
    }
    known, hidden = taken["owners"]
    assert list(known) == ["pid", "name", "command", "user", "cwd", "started", "address"]
    started = datetime.fromisoformat(known.pop("started"))
    assert started.tzinfo is not None
    assert started.timestamp() == 1000.0
    assert known["address"] == "0.0.0.0"
    assert hidden == dict.fromkeys(list(hidden)) | {"address": "[::]"}


def test_all_free_or_ours_is_ok() -> None:
    reports = [PortReport(FRONTEND, PortState.FREE), PortReport(API, PortState.OURS, (SERVER,))]
    assert ports_json("prod", reports)["ok"] is True


def test_one_line_names_every_busy_port() -> None:
    reports = [busy(stranger()), PortReport(FRONTEND, PortState.FREE), busy(claim=FRONTEND)]
    assert taken_message(reports) == (
        "port 5000 (api) is taken: python3 (pid 4242); port 3000 (frontend) is taken: no owner in sight"
    )


def test_a_table_off_a_terminal_does_without_rich() -> None:
    script = (
        "import sys; from devstack.console.ports import show_ports;"
        "from devstack.core.port_report import *; from devstack.core.ports import *;"
        "show_ports([PortReport(PortClaim('a', 80), PortState.BUSY)], no_color=False);"
        "sys.exit('rich' in sys.modules)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        capture_output=True,
        env={"PYTHONIOENCODING": "ascii", "PYTHONPATH": ":".join(sys.path)},
    )
    assert b"\\u2192 or give a another port" in answer.stdout


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3, "0 s"),
        (0.9, "0 s"),
        (59.9, "59 s"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (3600 + 59, "1 h"),
        (90061, "1 d 1 h"),
    ],
)
def test_lengths_of_time_are_told_in_their_two_largest_units(seconds: float, words: str) -> None:
    assert how_long(seconds) == words


@given(st.lists(st.lists(st.text("abc ", max_size=12), min_size=3, max_size=3), min_size=1))
def test_aligned_columns_begin_at_one_place_and_keep_every_cell(rows: list[list[str]]) -> None:
    lines = align(rows).split("\n")
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    starts = [0, widths[0] + 2, widths[0] + widths[1] + 4]
    for row, line in zip(rows, lines, strict=True):
        padded = line.ljust(starts[2] + widths[2])
        assert [padded[start : start + len(cell)] for start, cell in zip(starts, row, strict=True)] == row


@given(st.text())
def test_printable_text_has_no_control_character_and_leaves_plain_text_alone(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert not text.isprintable() or shown == text
