"""A terminal shared by several services: nobody's sequences touch another's lines, and colours survive."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

import pytest

from tests.stack import Project
from tests.supervisor.output.emulator import Terminal, screen_of
from tests.supervisor.output.screens import Start, logged, writer

SIZE = (40, 100)
NOT_READY = '[services.a]\nready = { log = "never said" }\n'
TTY = "[services.a]\ntty = true\n"

CLEARS = [
    pytest.param(rb"\x1b[2J", id="clear"),
    pytest.param(rb"\x1b[H\x1b[2J\x1b[3J", id="clear, and the scrolled off"),
    pytest.param(rb"\x1bc", id="reset"),
    pytest.param(rb"\x1b[?1049h\x1b[H", id="alternate screen"),
    pytest.param(rb"\x1b[5A\x1b[J", id="up and erase below"),
    pytest.param(rb"\x1b[1;1H", id="home"),
    pytest.param(rb"\x1b[3;7f", id="to a place"),
    pytest.param(rb"\x1b[2;4r\x1b[10S", id="scroll region"),
    pytest.param(rb"\x1bM\x1bM\x1bM\x1b[9L\x1b[9M", id="scroll back, insert and delete lines"),
    pytest.param(rb"\x1b7\x1b[s\x1b[1;1H\x1b8\x1b[u", id="save and restore"),
    pytest.param(rb"\x1b(0\x0e", id="another character set"),
    pytest.param(rb"\x1b#8", id="fill the screen"),
    pytest.param(rb"\x1b[?25l\x1b[?1000h\x1b[?2004h", id="modes"),
    pytest.param(rb"\xc2\x9b2J", id="eight-bit clear"),
    pytest.param(rb"\x0c\x0b\x1bD\x1bE", id="line feeds of other kinds"),
    pytest.param(rb"\r\x1b[2K\x1b[1G\x1b[1000D", id="to the beginning of the line"),
    pytest.param(rb"\x1b[12", id="a sequence without its end"),
]


@pytest.mark.parametrize("tty", [True, False], ids=["pseudo-terminal", "pipe"])
@pytest.mark.parametrize("sequence", CLEARS)
def test_what_would_wipe_the_others_lines_is_left_out(
    project: Project, up: Start, tmp_path: Path, sequence: bytes, *, tty: bool
) -> None:
    sequence = sequence.decode("unicode_escape").encode("latin-1")
    (tmp_path / "data").write_bytes(sequence + b"\n" + sequence + b"hello\nthere" + sequence + b"\nlast\n")
    settings = '[services.b]\nready = { log = "line 9" }\n[services.a]\ndepends_on = ["b"]\n'
    settings += f'tty = {str(tty).lower()}\nready = {{ log = "last" }}\n'
    others = "for i in 0 1 2 3 4 5 6 7 8 9; do echo line $i; done; exec sleep 600"
    running = up(
        {"a": writer("file", tmp_path / "data", "stay"), "b": others}, terminal=SIZE, settings=settings
    )
    running.until("ready in")
    assert running.stop(signal.SIGINT) == 130
    rows = [row for row in screen_of(running, SIZE) if row.startswith(("a ", "b ", "devstack |"))]
    assert [row for row in rows if row[0] == "b"] == [f"b        | line {number}" for number in range(10)]
    texts = [row.removeprefix("a        |").strip() for row in rows if row[0] == "a"]
    # The end that one sequence lacks is the beginning of the next word.
    assert [text.removeprefix("h") for text in texts if text] in (["ello", "there", "last"], ["ello", "last"])
    assert rows[-1] == "devstack | stopped; nothing is left running"
    assert sequence in logged(project, "a")


@pytest.mark.parametrize("terminal", [SIZE, None])
def test_the_last_lines_of_a_service_that_clears_the_screen_clear_nothing(
    project: Project, up: Start, tmp_path: Path, terminal: tuple[int, int] | None
) -> None:
    data = b"\x1b[2J\x1b[3J\x1b[H\x1b[31mbooting\x1b[0m\n10 %\r20 %\r\n\x1b]0;title\x07no\0pe\n"
    (tmp_path / "data").write_bytes(data)
    command = writer("file", tmp_path / "data").removeprefix("exec ")
    running = up({"a": f"{command}; exit 126"}, terminal=terminal)
    assert running.wait() == 1
    said = running.shown[running.shown.index(b"its last lines") :]
    said = said.replace(b"\x1b[0m\x1b[1mdevstack | \x1b[0m", b"")
    assert re.findall(rb"    +(\w.*?)\r?\n", said) == [b"booting", b"20 %", b"nope"]
    assert b"\x1b" not in said


def test_a_colour_that_is_left_on_reaches_no_other_line(project: Project, up: Start, tmp_path: Path) -> None:
    go = tmp_path / "go"
    services = {
        "a": writer("parts", r"\x1b[31;7mred for ever\n", "600"),
        "b": writer("parts", f"wait:{go}", "plain\\n", "600"),
    }
    for options in ((), ("--no-color",)):
        go.unlink(missing_ok=True)
        running = up(services, *options, terminal=SIZE, settings='[services.a]\nready = { log = "red" }\n')
        running.until("ready in")
        go.touch()
        running.until("plain")
        assert running.stop(signal.SIGINT) == 130
        terminal = Terminal(SIZE)
        terminal.feed(running)
        for number, row in enumerate(terminal.screen.display):
            cells = [terminal.screen.buffer[number][column] for column in range(SIZE[1])]
            red = {column for column, cell in enumerate(cells) if cell.fg == "red" or cell.reverse}
            assert red == (set(range(11, 23)) if row.startswith("a        | red for ever") else set()), row


@pytest.mark.parametrize(
    ("terminal", "options", "env", "expected"),
    [
        (SIZE, (), {}, "FORCE_COLOR=1"),
        (SIZE, ("--no-color",), {}, "FORCE_COLOR="),
        (SIZE, (), {"NO_COLOR": "1"}, "FORCE_COLOR="),
        (None, (), {}, "FORCE_COLOR="),
        (None, (), {"FORCE_COLOR": "3"}, "FORCE_COLOR=3"),
        (SIZE, (), {"FORCE_COLOR": "0"}, "FORCE_COLOR=0"),
    ],
)
def test_services_are_asked_for_colour_where_it_can_be_seen(
    project: Project,
    up: Start,
    terminal: tuple[int, int] | None,
    options: tuple[str, ...],
    env: dict[str, str],
    expected: str,
) -> None:
    running = up({"a": 'echo "FORCE_COLOR=$FORCE_COLOR."'}, *options, terminal=terminal, **env)
    assert running.wait() == 0
    assert f"{expected}." in running.text
    is_coloured = b"\x1b[36m" in running.shown
    assert is_coloured is (terminal is not None and not options and "NO_COLOR" not in env)


@pytest.mark.parametrize("terminal", [None, SIZE], ids=["pipe", "terminal"])
def test_tty_gives_a_real_terminal(project: Project, up: Start, terminal: tuple[int, int] | None) -> None:
    running = up({"a": writer("terminal"), "b": writer("terminal")}, terminal=terminal, settings=TTY)
    running.until("size ")
    running.until("b +\\| .*terminal False False False" if not terminal else "terminal False False False")
    assert "terminal True True True" in running.text
    assert logged(project, "a").startswith(b"terminal True True True\nsize ")


def test_a_services_terminal_is_as_wide_as_the_room_behind_its_prefix(project: Project, up: Start) -> None:
    running = up({"a": writer("terminal")}, terminal=SIZE, settings=TTY)
    running.until("size 89x40")
    running.resize(24, 60)
    running.until("size 49x24")
    running.resize(50, 200)
    running.until("size 189x50")


def test_colours_survive_a_terminal_and_a_pipe(project: Project, up: Start) -> None:
    coloured = r"\x1b[38;2;1;2;3;4mx\x1b[0m \x1b]8;;http://x/\x1b\\link\x1b]8;;\x1b\\\n"
    raw = coloured.encode().decode("unicode_escape").encode("latin-1").rstrip(b"\n")
    for terminal in (SIZE, None):
        running = up({"a": writer("parts", coloured)}, terminal=terminal, settings=TTY)
        assert running.wait() == 0
        assert raw in running.shown


def assert_nothing_is_mixed(rows: list[str], count: int) -> None:
    """Fail unless every line of a is there once, whole, in order, and all else is the panel's."""
    begin = next(number for number, row in enumerate(rows) if "a        | line 0" in row)
    lines = [row for row in rows if "line" in row]
    assert lines == [f"a        | line {number} of a" for number in range(count)]
    for row in rows[begin:]:
        is_panel = re.match(r"[╭│├╰].*[╮│┤╯]$|devstack · dev$|devstack \| ", row)
        assert is_panel or row.startswith("a        | line "), row


@pytest.mark.parametrize("columns", [40, 100])
def test_the_panel_never_mixes_with_the_lines(
    project: Project, up: Start, tmp_path: Path, columns: int
) -> None:
    lines = [word for number in range(60) for word in (f"line {number} of a\\n", "0.02")]
    services = {"a": writer("parts", *lines, "ready now\\n", "600"), "b": "exec sleep 600"}
    running = up(services, terminal=(30, columns), settings='[services.a]\nready = { log = "ready now" }\n')
    panels = 0
    while "ready now" not in running.text:
        rows = screen_of(running, (30, columns))
        panels = max(panels, sum(row.startswith("╭") for row in rows))
        assert sum(row.startswith("╭") for row in rows) <= 1, rows
        time.sleep(0.05)
    assert panels == 1
    running.until("ready in")
    rows = [row for row in screen_of(running, (30, columns)) if "ready now" not in row]
    assert_nothing_is_mixed([row for row in rows if not row.startswith("devstack | ")], 60)
    assert sum(row.startswith("╭") for row in rows) == 1  # the last one stays


def test_a_terminal_that_is_resized_while_the_panel_stands_loses_no_line(project: Project, up: Start) -> None:
    lines = [word for number in range(100) for word in (f"line {number} of a\\n", "0.02")]
    services = {"a": writer("parts", *lines, "ready now\\n", "600"), "b": "exec sleep 600"}
    running = up(services, terminal=(30, 100), settings='[services.a]\nready = { log = "ready now" }\n')
    terminal = Terminal((30, 100))
    sizes = iter([(30, 36), (12, 100), (30, 30), (6, 50), (30, 120)] * 3)
    while "ready now" not in running.text:
        terminal.feed(running)
        if (size := next(sizes, None)) is not None:
            running.resize(*size)
            terminal.resize(*size)
        time.sleep(0.12)
    running.until("ready in")
    terminal.feed(running)
    assert [row for row in terminal.rows() if "line" in row] == [
        f"a        | line {number} of a" for number in range(100)
    ]
