"""What the output costs, in counts that a busy machine leaves alone: calls, copies, faults, wake-ups."""

from __future__ import annotations

import asyncio
import os
import sys
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.machine.system import unread_bytes
from devstack.supervisor.output.output import Output
from devstack.supervisor.output.screen import Screen
from devstack.supervisor.output.service_pipe import LARGE_READ
from tests.stack import Project, until
from tests.supervisor.output.screens import Start, logged, writer

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts come from /proc")

LINE = b"x" * 99 + b"\n"
BLOCK = (LINE * (LARGE_READ // len(LINE) + 1))[:LARGE_READ]  # its last line is cut
BLOCKS = 40
MEGABYTE = 1_000_000
STILL = 5.0
"""Seconds. Before them the contract is checked, once, in a process that may take its time."""


def counters(pid: int | str) -> dict[str, int]:
    """Return how often a process has read and written (proc(5), io)."""
    rows = Path(f"/proc/{pid}/io").read_text().splitlines()
    return {name: int(value) for name, value in (row.split(": ") for row in rows)}


def faults(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[7])


class Silent:
    """Whoever is told of the output, and hears of nothing."""

    def log_failed(self, name: str, error: OSError) -> None:
        raise error

    def log_mended(self, name: str, missing: int) -> None:
        raise AssertionError(name)

    def lines_skipped(self, skipped: object) -> None:
        raise AssertionError(skipped)

    def line_cut(self, name: str) -> None:
        raise AssertionError(name)

    def screen_failed(self, error: OSError) -> None:
        raise error

    def screen_gone(self) -> None:
        raise AssertionError


@pytest.fixture
def pump(tmp_path: Path) -> Iterator[Pump]:
    made = Pump(tmp_path)
    yield made
    made.close()


class Pump:
    """An output with one service, whose pipe is filled and whose screen is emptied by the test itself."""

    def __init__(self, folder: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._screen, theirs = os.pipe()
        self._output = Output(Screen(theirs), str(folder), 1 << 30, {"a": b"a | "})
        self._output.open_logs(("a",))
        self._ours, self._service = os.pipe()
        self._output.add("a", self._ours)
        self._output.connect(self._loop, Silent())
        self.shown = 0

    def move(self, data: bytes) -> None:
        """Have the service write `data`, and let it come through."""
        assert os.write(self._service, data) == len(data)
        while unread_bytes(self._ours):
            self._loop.call_soon(self._loop.stop)
            self._loop.run_forever()  # one round

    def take(self) -> None:
        """Read the screen."""
        self.shown += len(os.read(self._screen, 1 << 20))

    def close(self) -> None:
        os.close(self._service)
        self._output.close_pipes()
        self._output.close()
        self._loop.close()


def test_a_block_of_lines_costs_one_read_and_two_writes(pump: Pump) -> None:
    pump.move(BLOCK[:100_000])  # so that it reads large blocks from now on
    pump.take()
    before = counters("self")
    for _ in range(BLOCKS):
        pump.move(BLOCK)
        pump.take()
    after = counters("self")
    reads = after["syscr"] - before["syscr"] - BLOCKS - 4  # the test's own, and those of /proc
    writes = after["syscw"] - before["syscw"] - BLOCKS
    assert reads <= BLOCKS + 2
    assert writes <= 2 * BLOCKS + BLOCKS // 2  # log and screen; now and then a record of the index
    assert pump.shown > BLOCKS * LARGE_READ


def test_a_block_of_lines_is_copied_once_for_the_prefixes_and_no_more(pump: Pump) -> None:
    pump.move(BLOCK[:100_000])
    pump.take()
    tracemalloc.start()
    try:
        pump.move(BLOCK)
        base, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        pump.move(BLOCK)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - base < 2.2 * LARGE_READ  # the block itself, and the block with its prefixes


def test_a_small_line_costs_a_read_and_two_writes(pump: Pump) -> None:
    pump.move(LINE)
    pump.take()
    before = counters("self")
    for _ in range(BLOCKS):
        pump.move(LINE)
        pump.take()
    after = counters("self")
    assert after["syscr"] - before["syscr"] - BLOCKS - 4 <= BLOCKS + 2
    assert after["syscw"] - before["syscw"] - BLOCKS <= 3 * BLOCKS


def test_a_flood_is_neither_a_system_call_a_line_nor_a_page_fault_a_page(
    project: Project, up: Start, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    running = up({"a": f"{writer('flood', 'A', 1_000_000, go).removeprefix('exec ')}; exec sleep 600"})
    running.until("ready in")
    pid = running.supervisor.pid
    before, faults_before = counters(pid), faults(pid)
    go.touch()
    until(lambda: len(logged(project, "a")) >= 100 * MEGABYTE, "100 MB in the log", 60)
    after = counters(pid)
    assert after["syscr"] + after["syscw"] - before["syscr"] - before["syscw"] < 100_000  # of 1,000,000 lines
    assert faults(pid) - faults_before < 5_000  # the pages alone are 25,000, twice


def test_nobody_wakes_up_while_nothing_happens(project: Project, up: Start) -> None:
    running = up({"a": "echo up; exec sleep 600"}, settings='[services.a]\nready = { log = "up" }\n')
    running.until("ready in")
    pids = [project.record().supervisor.pid]
    if keeper := project.record().keeper:
        pids.append(keeper.pid)

    def _wakeups() -> list[int]:
        rows = [Path(f"/proc/{pid}/status").read_text().split() for pid in pids]
        return [int(row[row.index("voluntary_ctxt_switches:") + 1]) for row in rows]

    seen, since = _wakeups(), time.monotonic()

    def _has_been_still() -> bool:
        nonlocal seen, since
        now = _wakeups()
        if now != seen:
            seen, since = now, time.monotonic()
        return time.monotonic() - since >= STILL

    until(_has_been_still, f"{STILL:g} s in which nobody woke up", 60)
