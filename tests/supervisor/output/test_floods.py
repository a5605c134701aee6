"""Services that write as fast as they can: no line lost, torn, glued or out of order."""

from __future__ import annotations

import os
import re
import shlex
import signal
from pathlib import Path

import pytest

from tests.stack import Project, until
from tests.supervisor.output.screens import Start, assert_all_there, logged, writer

LINES = 200_000
ONCE = '[services.a]\nrestart = { mode = "never" }\n'


def test_four_services_at_full_speed_lose_and_tear_nothing(project: Project, up: Start) -> None:
    names = "ABCD"
    running = up({name.lower(): writer("flood", name, LINES) for name in names})
    assert running.wait(90) == 0
    assert_all_there(bytes(running.shown), dict.fromkeys(names, LINES))
    for name in names:
        assert_all_there(b"\n".join(running.lines_of(name.lower())), {name: LINES})
        assert_all_there(logged(project, name.lower()), {name: LINES})


def test_the_ends_of_floods_through_pseudo_terminals_are_not_shown_twice(project: Project, up: Start) -> None:
    names = "ABCDEFGHIJKL"
    settings = "".join(f"[services.{name.lower()}]\ntty = true\n" for name in names)
    running = up({name.lower(): writer("flood", name, 5_000) for name in names}, settings=settings)
    assert running.wait(90) == 0
    assert_all_there(bytes(running.shown), dict.fromkeys(names, 5_000))


def test_ctrl_c_in_a_flood_keeps_all_that_was_written_before_the_end(
    project: Project, up: Start, tmp_path: Path
) -> None:
    names = "ABCD"
    counts = {name: tmp_path / name for name in names}
    running = up({name.lower(): writer("until-ended", name, counts[name]) for name in names})
    until(lambda: len(running.shown) > 20_000_000, "20 MB on the screen", 60)
    assert running.stop(signal.SIGINT, 60) == 130
    assert "stopped; nothing is left running" in running.text
    for name in names:
        written = int(counts[name].read_text())
        log = logged(project, name.lower())
        assert len(log) in (written, written + 1)  # a last line without its end gets one
        is_same = running.lines_of(name.lower()) == log.removesuffix(b"\n").split(b"\n")
        assert is_same
        assert_all_there(log[: written // 100 * 100], {name: written // 100})


def test_what_a_service_wrote_before_it_was_killed_comes_before_the_news(
    project: Project, up: Start, tmp_path: Path
) -> None:
    count = tmp_path / "count"
    running = up({"a": writer("until-ended", "A", count), "b": writer("slow", "B", 0.01)})
    until(lambda: count.exists() and int(count.read_text() or 0) > 5_000_000, "5 MB written", 60)
    (killed,) = [pid for pid, command in project.living().items() if "until-ended" in command]
    os.kill(killed, signal.SIGKILL)
    running.until("a crashed .ended by SIGKILL")
    running.stop(signal.SIGINT)

    before = bytes(running.shown[: running.shown.index(b"a crashed (")])
    lines = re.findall(rb"^a +\| (.*)\n", before, re.MULTILINE)
    whole = [line for line in lines if len(line) == 99]
    assert len(lines) - len(whole) <= 1  # it was killed in the middle of a line
    assert len(whole) >= 50_000
    assert_all_there(b"\n".join(whole), {"A": len(whole)})
    is_in_log = logged(project, "a").startswith(b"\n".join(lines) + b"\n")
    assert is_in_log


@pytest.mark.parametrize("ending", ["", "\\n"])
def test_the_last_lines_before_an_exit_are_there_and_come_before_its_news(
    project: Project, up: Start, ending: str
) -> None:
    burst = f"{writer('flood', 'A', 20_000).removeprefix('exec ')}; printf 'last words{ending}'; exit 3"
    running = up({"a": f"sh -c {shlex.quote(burst)}"}, settings=ONCE)
    assert running.wait() == 1
    *lines, last = running.lines_of("a")
    assert last == b"last words"
    assert_all_there(b"\n".join(lines), {"A": 20_000})
    is_same = logged(project, "a") == b"\n".join([*lines, last]) + b"\n"
    assert is_same
    assert running.text.index("a        | last words\n") < running.text.index("a failed")


def test_a_crash_loop_never_glues_the_end_of_a_run_to_the_next(project: Project, up: Start) -> None:
    running = up({"a": "printf 'no newline'; exit 3"})
    assert running.wait() == 1
    lines = running.lines_of("a")
    assert len(lines) >= 3
    assert set(lines) == {b"no newline"}
    assert logged(project, "a") == b"no newline\n" * len(lines)


def test_two_hundred_services_keep_their_lines_apart(project: Project, up: Start) -> None:
    names = [f"s{number:03}" for number in range(200)]
    # Each writes its own name, in pieces that end anywhere.
    each = "printf 'I am '; printf '%s %s\\n' $DEVSTACK_SERVICE $i"
    command = f"i=0; while [ $i -lt 50 ]; do {each}; i=$((i+1)); done"
    running = up(dict.fromkeys(names, f"sh -c {shlex.quote(command)}"))
    assert running.wait(60) == 0
    for name in names:
        expected = [b"I am %s %d" % (name.encode(), number) for number in range(50)]
        assert running.lines_of(name) == expected
        assert logged(project, name) == b"".join(line + b"\n" for line in expected)
