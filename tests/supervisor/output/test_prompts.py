"""A line that has no end yet is shown after a short wait, and never torn in silence."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.stack import Project, until
from tests.supervisor.output.emulator import screen_of
from tests.supervisor.output.screens import Start, logged, until_logged, writer

SIZE = (30, 100)
QUICK = '[services.a]\nready = { log = "p" }\n'


@pytest.mark.parametrize("terminal", [None, SIZE], ids=["pipe", "terminal"])
def test_a_prompt_is_shown_and_goes_on_in_its_line(
    project: Project, up: Start, tmp_path: Path, terminal: tuple[int, int] | None
) -> None:
    go = tmp_path / "go"
    command = writer("parts", "plain\\n", "Proceed? [y/n] ", f"wait:{go}", "yes\\n", "600")
    running = up({"a": command}, terminal=terminal, settings=QUICK)
    running.until(r"ready in")
    running.until(r"Proceed\? \[y/n\] $")
    assert logged(project, "a").endswith(b"Proceed? [y/n] ")
    go.touch()
    running.until("yes")
    assert running.stop(signal.SIGINT) == 130
    assert running.text.count("Proceed") == 1
    if terminal:
        assert "a        | Proceed? [y/n] yes" in screen_of(running, SIZE)
    else:
        assert running.lines_of("a") == [b"plain", b"Proceed? [y/n] yes"]


@pytest.mark.parametrize("terminal", [None, SIZE], ids=["pipe", "terminal"])
def test_a_prompt_with_another_line_after_it_is_shown_whole_again(
    project: Project, up: Start, tmp_path: Path, terminal: tuple[int, int] | None
) -> None:
    shown, go = tmp_path / "shown", tmp_path / "go"
    services = {
        "a": writer("parts", "p\\n", f"wait:{shown}", "Name: ", f"wait:{go}", "Joe\\n", "600"),
        "b": writer("parts", "b begins\\n", f"wait:{go}.b", "b says\\n", "600"),
    }
    running = up(services, terminal=terminal, settings=QUICK)
    running.until("ready in")
    shown.touch()
    running.until("Name: $")
    Path(f"{go}.b").touch()
    running.until("b says")
    go.touch()
    running.until("Joe")
    assert running.stop(signal.SIGINT) == 130
    if terminal:
        rows = [row for row in screen_of(running, SIZE) if row.startswith(("a ", "b "))]
        assert rows[-3:] == ["a        | Name:", "b        | b says", "a        | Name: Joe"]
    else:
        assert running.lines_of("a") == [b"p", b"Name: ", b"Name: Joe"]
    assert logged(project, "a") == b"p\nName: Joe\n"


def test_a_prompt_is_shown_while_the_panel_stands(project: Project, up: Start, tmp_path: Path) -> None:
    go = tmp_path / "go"
    services = {
        "a": writer("parts", "Install it? ", f"wait:{go}", "ok\\np\\n", "600"),
        "b": writer("slow", "B", 0.05),
    }
    running = up(services, terminal=SIZE, settings=QUICK)

    def _rows() -> list[str]:
        return screen_of(running, SIZE)

    until(lambda: "a        | Install it?" in _rows(), "the prompt")
    rows = _rows()
    assert rows.index("a        | Install it?") < next(n for n, row in enumerate(rows) if "service" in row)
    assert rows.count("a        | Install it?") == 1
    go.touch()
    until(lambda: "a        | Install it? ok" in _rows(), "the answer behind the prompt")
    running.until("ready in")
    assert "a        | Install it?" not in _rows()


def test_dots_that_come_without_a_pause_are_not_held_back(
    project: Project, up: Start, tmp_path: Path
) -> None:
    running = up({"a": writer("parts", *(word for _ in range(400) for word in (".", "0.05")))})
    running.until(r"a        \| \.{3,30}$", 10)


def test_a_progress_bar_moves_behind_its_prefix_on_a_terminal(
    project: Project, up: Start, tmp_path: Path
) -> None:
    bar = [word for percent in range(100) for word in (f"\\r {percent:3}%", "0.02")]
    running = up({"a": writer("parts", "p\\n", *bar, "\\r done\\n", "600")}, terminal=SIZE, settings=QUICK)
    running.until("ready in")
    seen: set[str] = set()

    def _is_done() -> bool:
        rows = [row for row in screen_of(running, SIZE) if row.startswith("a ")]
        seen.update(rows[1:])
        return "a        |  done" in seen

    until(_is_done, "the end of the bar")
    assert len(seen) > 5
    assert all(row.startswith("a        |  ") for row in seen)
    data = b"".join(b"\r %3d%%" % percent for percent in range(100))
    until_logged(project, "a", b"p\n" + data + b"\r done\n")


def test_a_progress_bar_that_runs_for_ever_goes_on_moving(project: Project, up: Start) -> None:
    running = up({"a": writer("progress", 3000, 0.001)}, terminal=SIZE, settings=QUICK)
    running.until("ready in")
    until(lambda: any("step 2999" in row for row in screen_of(running, SIZE)), "the last step")


def test_the_end_of_an_output_without_a_newline_is_shown_before_the_exit(project: Project, up: Start) -> None:
    running = up({"a": "printf 'the end'"}, terminal=SIZE)
    assert running.wait() == 0
    rows = screen_of(running, SIZE)
    assert rows.index("a        | the end") < rows.index("devstack | every service has ended")
