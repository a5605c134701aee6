"""A screen that is slow, stopped, full or gone slows nothing but itself, and takes no memory."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import time
from pathlib import Path

import pytest

from tests.stack import DEADLINE, Project, until
from tests.supervisor.output.screens import (
    Start,
    Up,
    assert_all_there,
    logged,
    until_file,
    writer,
)
from tests.waiting import at_this_load

MEGABYTE = 1_000_000
SIZE = (30, 100)
LEFT_OUT = r"lines left out here, which the screen did not take: (.*); they are in \.devstack/logs"
XOFF, XON = b"\x13", b"\x11"


def flooded(project: Project, name: str, megabytes: int) -> None:
    """Wait until so much of service `name` has reached the disk."""
    until(
        lambda: len(logged(project, name)) > megabytes * MEGABYTE, f"{megabytes} MB in the log of {name}", 60
    )


def counted(running: Up) -> dict[str, int]:
    """Return how many lines were said to be left out, by service."""
    counts: dict[str, int] = {}
    for said in re.findall(LEFT_OUT, running.text):
        for count, name in re.findall(r"(\d+) of (\w+)", said):
            counts[name] = counts.get(name, 0) + int(count)
    return counts


def test_a_pipe_that_nobody_reads_is_skipped_over_and_told(
    project: Project, up: Start, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    services = {"a": writer("flood", "A", 600_000, go), "b": writer("slow", "B", 0.02), "c": "exec sleep 600"}
    running = up(services)
    running.until("ready in")
    running.pause()
    before = running.rss()
    go.touch()
    began = time.monotonic()
    flooded(project, "a", 59)
    assert time.monotonic() - began >= 5  # a reader may take its time, and nothing is left out before
    assert running.rss() - before < 12 * MEGABYTE
    running.go_on()
    running.until(LEFT_OUT)
    until(lambda: b"@B" in running.shown[running.shown.index(b"left out") :], "a line after it")
    assert running.stop(signal.SIGINT) == 130
    shown = [line for line in running.lines_of("a") if line]
    assert all(re.fullmatch(rb"@A \d{10} x{85}", line) for line in shown)
    left_out = counted(running)
    assert len(shown) + left_out["a"] == 600_000
    assert len(running.lines_of("b")) + left_out.get("b", 0) == logged(project, "b").count(b"\n")
    assert_all_there(logged(project, "a"), {"A": 600_000})


def test_others_go_on_while_a_pipe_is_waited_for(project: Project, up: Start, tmp_path: Path) -> None:
    go = tmp_path / "go"
    running = up({"a": writer("flood", "A", 300_000, go), "b": writer("slow", "B", 0.02)})
    running.until("@B 0000000010")
    running.pause()
    go.touch()
    flooded(project, "a", 0)
    seen = logged(project, "b").count(b"\n")
    began = time.monotonic()
    until(lambda: logged(project, "b").count(b"\n") > seen + 50, "50 more lines of b")
    assert time.monotonic() - began < at_this_load(4)
    running.go_on()


def test_a_reader_that_takes_a_little_now_and_then_gets_every_line(
    project: Project, up: Start, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    running = up({"a": writer("flood", "A", 40_000, go)})
    running.until("a starting")
    running.pause()
    before = running.rss()
    go.touch()
    flooded(project, "a", 0)
    for _ in range(12):  # seven seconds, without ever taking nothing for five
        time.sleep(0.6)
        running.take(100)
        assert running.rss() - before < 12 * MEGABYTE
    running.go_on()
    assert running.wait() == 0
    assert not counted(running)
    assert_all_there(bytes(running.shown), {"A": 40_000})


def test_a_stopped_terminal_stops_nobody_and_is_told_what_it_missed(
    project: Project, up: Start, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    services = {"a": writer("flood", "A", 600_000, go), "b": writer("slow", "B", 0.02), "c": "exec sleep 600"}
    running = up(services, terminal=SIZE)
    running.until("ready in")
    running.pause()
    before = running.rss()
    go.touch()
    began = time.monotonic()
    flooded(project, "a", 59)
    seen = logged(project, "b").count(b"\n")
    until(lambda: logged(project, "b").count(b"\n") > seen + 20, "more lines of b")
    assert time.monotonic() - began < 30
    assert running.rss() - before < 12 * MEGABYTE
    running.go_on()
    running.until(LEFT_OUT)
    assert running.stop(signal.SIGINT) == 130
    whole = re.findall(rb"@A \d{10} x{85}\r\n", bytes(running.shown))
    assert len(whole) + counted(running)["a"] == 600_000
    assert bytes(running.shown).count(b"@A") == len(whole)


def test_ctrl_s_stops_the_screen_alone_and_ctrl_q_goes_on(
    project: Project, up: Start, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    running = up({"a": writer("flood", "A", 200_000, go), "b": writer("slow", "B", 0.02)}, terminal=SIZE)
    running.until("ready in")
    running.type(XOFF)
    seen = len(running.shown)
    go.touch()
    flooded(project, "a", 19)
    assert len(running.shown) - seen < 2 * MEGABYTE
    lines = logged(project, "b").count(b"\n")
    until(lambda: logged(project, "b").count(b"\n") > lines + 20, "more lines of b")
    running.type(XON)
    running.until(LEFT_OUT)
    running.type(b"\x03")
    assert running.wait() == 130


def test_ctrl_c_ends_a_stack_whose_terminal_is_stopped(project: Project, up: Start) -> None:
    running = up({"a": writer("until-ended", "A", project.folder / "count")}, terminal=SIZE)
    running.until("@A")
    running.pause()
    until_file(project.folder / "count")
    flooded(project, "a", 5)
    assert running.process.poll() is None
    running.process.send_signal(signal.SIGINT)
    running.process.wait(30)
    project.assert_nothing_is_left()


def test_once_more_ends_it_at_once_when_only_the_slow_screen_is_left(
    project: Project, up: Start, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    running = up({"a": writer("until-ended", "A", project.folder / "count", go)})
    running.until("a starting")
    running.pause()
    go.touch()  # only now: what was written before might all have been read, and nothing be left to show
    flooded(project, "a", 2)
    running.process.send_signal(signal.SIGINT)
    record = project.folder / ".devstack" / "record.json"
    until(lambda: running.takes_a_byte() and not record.exists(), "the end of the stack")
    pid = running.supervisor.pid
    until(lambda: running.takes_a_byte() and is_default(pid, signal.SIGINT), "SIGINT to be nobody's")
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(DEADLINE) == -signal.SIGINT
    project.assert_nothing_is_left()


def is_default(pid: int, number: int) -> bool:
    """Say whether the signal `number` does to a process what it does to any (proc(5), SigCgt)."""
    row = Path(f"/proc/{pid}/status").read_text().split()
    return not int(row[row.index("SigCgt:") + 1], 16) >> (number - 1) & 1


def test_a_reader_that_goes_away_ends_the_stack(project: Project, up: Start) -> None:
    reading, writing = os.pipe()
    running = up({"a": writer("slow", "A", 0.02)}, stdout=writing)
    os.close(writing)
    os.read(reading, 1)
    os.close(reading)
    assert running.wait() == 129
    project.assert_nothing_is_left()


def test_a_full_screen_file_is_said_once_and_the_services_go_on(project: Project, up: Start) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    running = up({"a": writer("flood", "A", 1000), "b": writer("slow", "B", 0.02)}, stdout=full)
    os.close(full)
    until(lambda: logged(project, "b").count(b"\n") > 100, "lines of b in its log")
    running.until("the output cannot be written: No space left on device")
    assert running.stop(signal.SIGINT) == 130
    assert running.text.count("No space left") == 1
    assert_all_there(logged(project, "a"), {"A": 1000})
    assert "stopped; nothing is left running" in running.text


def test_a_screen_file_gets_every_line(project: Project, up: Start, tmp_path: Path) -> None:
    path = tmp_path / "screen"
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    running = up({name.lower(): writer("flood", name, 50_000) for name in "AB"}, stdout=file)
    os.close(file)
    assert running.wait() == 0
    assert_all_there(path.read_bytes(), {"A": 50_000, "B": 50_000})


@pytest.mark.parametrize("kind", ["pipe", "socket", "terminal"])
def test_a_screen_that_somebody_else_has_made_non_blocking_loses_nothing(
    project: Project, up: Start, kind: str
) -> None:
    """The flag belongs to the open file, which we share: node sets it, and ssh."""
    reading, writing = _ends(kind)
    os.set_blocking(writing, False)
    running = up({"a": writer("flood", "A", 50_000)}, stdout=writing, settings=NO_PANEL)
    shared = os.get_blocking(writing)
    os.close(writing)
    taken = bytearray()
    while chunk := _read(reading):
        taken += chunk
        time.sleep(0.0002)
    assert running.wait() == 0
    os.close(reading)
    assert shared is False  # and we leave it as it is
    assert not re.search(LEFT_OUT.encode(), taken) or kind == "terminal"
    if kind != "terminal":
        assert_all_there(bytes(taken), {"A": 50_000})


NO_PANEL = '[services.a]\nready = { log = "@A" }\n'


def _ends(kind: str) -> tuple[int, int]:
    if kind == "pipe":
        return os.pipe()
    if kind == "terminal":
        return os.openpty()
    import socket

    ours, theirs = socket.socketpair()
    return ours.detach(), theirs.detach()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # EIO: the terminal's other end has closed
        return b""


def test_a_blocking_screen_stays_blocking_for_those_who_share_it(project: Project, up: Start) -> None:
    reading, writing = os.pipe()
    running = up({"a": writer("slow", "A", 0.02)}, stdout=writing)
    until(lambda: os.read(reading, 65536), "output")
    assert os.get_blocking(writing)
    assert not fcntl.fcntl(writing, fcntl.F_GETFL) & os.O_NONBLOCK
    running.process.send_signal(signal.SIGINT)
    os.close(writing)
    while os.read(reading, 65536):
        pass
    os.close(reading)
    assert running.wait() == 130
