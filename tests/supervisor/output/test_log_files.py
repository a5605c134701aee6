"""The log files themselves: bounded, rotated at the end of a line, and read back whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.core.lines import LineBuffer
from devstack.supervisor.output.log_file import (
    INDEX_RECORD,
    OLD_FILES,
    SMALLEST_LOG,
    TOTAL_BYTES,
    LogClock,
    LogFile,
    log_size,
    remove_logs,
)
from devstack.supervisor.output.log_reader import LogBlock, LogCursor, last_blocks, next_blocks, rest_blocks
from devstack.supervisor.output.service_log import ServiceLog
from devstack.supervisor.run.troubles import TAIL_BYTES, last_lines

LIMIT = 2000


def log_file(folder: Path, name: str = "a", clock: LogClock | None = None, limit: int = LIMIT) -> LogFile:
    return LogFile(str(folder), name, limit, clock or LogClock())


@contextmanager
def reading(folder: Path, count: int, *names: str) -> Iterator[list[LogCursor]]:
    """Open a cursor for each log, `count` lines before its end."""
    cursors = [LogCursor(str(folder), name, count) for name in names or ("a",)]
    yield cursors
    for cursor in cursors:
        cursor.close()


def lines_of(blocks: list[LogBlock]) -> list[bytes]:
    return [line for block in blocks for line in block.data.splitlines()]


def all_of(cursor: LogCursor) -> list[bytes]:
    return lines_of([block for blocks in next_blocks([cursor]) for block in blocks])


def test_a_log_takes_no_more_room_than_its_share(tmp_path: Path) -> None:
    log = log_file(tmp_path)
    for number in range(2000):
        log.write([b"line %d of many\n" % number])
    log.close()
    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert len(sizes) == 2 * (OLD_FILES + 1)
    assert sum(sizes) <= (OLD_FILES + 1) * (LIMIT + 100)


def test_an_index_of_tiny_pieces_counts_too(tmp_path: Path) -> None:
    clock = LogClock()
    log, other = log_file(tmp_path, "a", clock), log_file(tmp_path, "b", clock)
    for _ in range(2000):
        log.write([b"."])
        other.write([b".\n"])  # each piece of either has a record of its own
    log.close()
    other.close()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 2 * (OLD_FILES + 1) * (2 * LIMIT + 100)


@pytest.mark.parametrize("services", [1, 4, 50, 200])
def test_all_logs_of_a_stack_together_are_bounded(services: int) -> None:
    assert services * (OLD_FILES + 1) * log_size(services) <= TOTAL_BYTES
    assert log_size(100_000) == SMALLEST_LOG


def test_a_rotation_cuts_no_line(tmp_path: Path) -> None:
    log = log_file(tmp_path)
    text = b"".join(b"line %d\n" % number for number in range(1500))
    for start in range(0, len(text), 777):
        log.write([text[start : start + 777]])
    log.close()
    files = [tmp_path / f"a.log{suffix}" for suffix in (".3", ".2", ".1", "")]
    assert all(path.read_bytes().endswith(b"\n") for path in files)
    assert text.endswith(b"".join(path.read_bytes() for path in files))


def test_a_line_longer_than_a_file_is_cut_rather_than_kept_for_ever(tmp_path: Path) -> None:
    log = log_file(tmp_path)
    for _ in range(100):
        log.write([b"x" * 500])
    log.close()
    assert sum(path.stat().st_size for path in tmp_path.glob("*.log*")) <= (OLD_FILES + 1) * 3 * LIMIT


def test_remove_logs_leaves_an_empty_folder(tmp_path: Path) -> None:
    log_file(tmp_path).close()
    (tmp_path / "folder").mkdir()
    remove_logs(str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


pieces = st.lists(st.binary(min_size=1, max_size=30) | st.just(b"\n"), max_size=60)


@given(written=st.lists(st.tuples(st.sampled_from("abc"), st.binary(min_size=1, max_size=40)), max_size=80))
def test_merged_by_time_is_the_order_in_which_it_came(
    tmp_path_factory: pytest.TempPathFactory, written: list[tuple[str, bytes]]
) -> None:
    folder, clock = tmp_path_factory.mktemp("logs"), LogClock()
    logs = {name: log_file(folder, name, clock, limit=10**6) for name in "abc"}
    for name, text in written:
        logs[name].write([text.replace(b"\n", b"") + b"\n"])
    for log in logs.values():
        log.close()
    with reading(folder, 100, *"abc") as cursors:
        blocks = last_blocks(cursors, 100, with_rest=True)
    found = [
        (block.service, line) for block in blocks for line in block.data.removesuffix(b"\n").split(b"\n")
    ]
    assert found == [(name, text.replace(b"\n", b"")) for name, text in written]


@given(chunks=pieces, count=st.integers(0, 20), limit=st.integers(60, 400))
def test_the_last_lines_are_those_of_the_whole_whatever_was_cut_where(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes], count: int, limit: int
) -> None:
    folder = tmp_path_factory.mktemp("logs")
    log = log_file(folder, limit=limit)
    for chunk in chunks:
        log.write([chunk])
    log.close()
    kept = b"".join(
        path.read_bytes() for suffix in (".3", ".2", ".1", "") if (path := folder / f"a.log{suffix}").exists()
    )
    lines = kept.removesuffix(b"\n").split(b"\n") if kept else []
    with reading(folder, count) as cursors:
        found = b"".join(block.data for block in last_blocks(cursors, count, with_rest=True))
    assert (found.removesuffix(b"\n").split(b"\n") if found else []) == lines[
        len(lines) - min(count, len(lines)) :
    ]


@given(chunks=pieces, limit=st.integers(40, 400), steps=st.lists(st.integers(0, 5), max_size=60))
def test_a_follower_gets_every_line_once_over_rotations(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes], limit: int, steps: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("logs")
    log = log_file(folder, limit=limit)
    log.write([b"before\nbegun "])
    found: list[bytes] = []
    waits = iter(steps)
    with reading(folder, 0) as cursors:
        assert last_blocks(cursors, 0, with_rest=False) == []
        for chunk in chunks:
            log.write([chunk])
            if next(waits, 1):  # else it reads only after the next chunk, or the one after
                found += [block.data for blocks in next_blocks(cursors) for block in blocks]
        found += [block.data for blocks in next_blocks(cursors) for block in blocks]
        found += [block.data for block in rest_blocks(cursors)]
    log.close()
    if not cursors[0].has_missed:
        assert b"".join(found) == b"begun " + b"".join(chunks)


def test_a_follower_reads_on_over_several_rotations_at_once(tmp_path: Path) -> None:
    log = log_file(tmp_path)
    cursor = LogCursor(str(tmp_path), "a", 0)
    log.write([b"first\n"])
    assert all_of(cursor) == [b"first"]
    expected = [b"line %d" % number for number in range(600)]
    for line in expected:
        log.write([line + b"\n"])
    assert (tmp_path / "a.log.2").exists()
    assert all_of(cursor) == expected
    assert not cursor.has_missed


def test_a_follower_that_was_outrun_says_so_and_goes_on_with_a_whole_line(tmp_path: Path) -> None:
    log = log_file(tmp_path)
    cursor = LogCursor(str(tmp_path), "a", 0)
    written = [b"line %d" % number for number in range(5000)]
    for line in written:
        log.write([line + b"\n"])
    found = all_of(cursor)
    assert cursor.has_missed
    assert found[-200:] == written[-200:]
    assert set(found) <= set(written)


def test_a_log_without_its_index_can_still_be_read(tmp_path: Path) -> None:
    log = log_file(tmp_path)
    log.write([b"one\ntwo\n"])
    (tmp_path / "a.idx").unlink()
    cursor = LogCursor(str(tmp_path), "a", 10)
    (block,) = last_blocks([cursor], 10, with_rest=True)
    assert block.data == b"one\ntwo\n"
    assert abs(block.time_us - (tmp_path / "a.log").stat().st_mtime_ns // 1000) < 10**6


def test_every_piece_has_a_later_time_than_the_one_before(tmp_path: Path) -> None:
    clock = LogClock()
    logs = [log_file(tmp_path, name, clock, limit=10**7) for name in "ab"]
    for _ in range(500):
        for log in logs:
            log.write([b"x\n"])
    records = b"".join((tmp_path / f"{name}.idx").read_bytes() for name in "ab")
    times = sorted(at for _, at in INDEX_RECORD.iter_unpack(records))
    assert len(times) == len(set(times)) == 1000


sources = st.lists(st.tuples(st.integers(0, 1), st.binary(min_size=1, max_size=12)), max_size=40)


@given(written=sources)
def test_two_writers_of_one_log_never_share_a_line(
    tmp_path_factory: pytest.TempPathFactory, written: list[tuple[int, bytes]]
) -> None:
    folder = tmp_path_factory.mktemp("logs")
    log = ServiceLog(log_file(folder, limit=10**6), _refuse, _refuse)
    helds = LineBuffer(), LineBuffer()
    totals = [bytearray(), bytearray()]
    for who, data in written:
        marked = data.translate(bytes.maketrans(b"AB\r", b"..."))
        marked = bytes(byte if byte == 10 else (65 + who) for byte in marked)
        totals[who] += marked
        log.write(who, helds[who], marked, is_alone=False, now=0.0)
    for who in (0, 1):
        log.end(who, helds[who], 0.0)
    log.close()
    lines = (folder / "a.log").read_bytes().split(b"\n")
    assert not any(b"A" in line and b"B" in line for line in lines)
    for letter, total in zip((b"A", b"B"), totals, strict=True):
        expected = [line for line in bytes(total).split(b"\n") if line]
        assert [line for line in lines if letter in line] == expected


def _refuse(what: object) -> None:
    raise AssertionError(what)


def test_a_log_that_failed_goes_on_with_the_whole_line_that_was_cut(tmp_path: Path) -> None:
    class Failing(LogFile):
        is_full = False

        def write(self, buffers: object) -> None:
            if self.is_full:
                os.write(self._log, b"ab")  # what fitted
                self.at_line_start = False
                raise OSError(28, "No space left on device")
            super().write(buffers)  # type: ignore[arg-type]

    file = Failing(str(tmp_path), "a", LIMIT, LogClock())
    told: list[object] = []
    log = ServiceLog(file, told.append, told.append)
    held = LineBuffer()
    log.write("s", held, b"one\ntw", is_alone=True, now=0.0)
    file.is_full = True
    log.write("s", held, b"o\nabc", is_alone=True, now=1.0)
    log.write("s", held, b"d", is_alone=True, now=2.0)
    file.is_full = False
    log.write("s", held, b"e", is_alone=True, now=3.0)  # not yet tried again
    log.write("s", held, b"f\n", is_alone=True, now=6.5)
    assert (tmp_path / "a.log").read_bytes() == b"one\ntwab\nabcdef\n"
    assert [type(each) for each in told] == [OSError, int]


def test_the_last_lines_for_a_person_are_whole_also_after_a_rotation(tmp_path: Path) -> None:
    folder = tmp_path / ".devstack" / "logs"
    folder.mkdir(parents=True)
    (folder / "a.log.1").write_bytes(b"x" * 20_000 + b"\none\ntwo\n")
    (folder / "a.log").write_bytes(b"three\n\xffour")
    assert last_lines(str(tmp_path), "a", 3) == ("two", "three", "\ufffdour")
    assert last_lines(str(tmp_path), "a") == ("one", "two", "three", "\ufffdour")
    (folder / "a.log").write_bytes(b"y" * 20_000)
    assert last_lines(str(tmp_path), "a", 1) == ("…" + "y" * TAIL_BYTES,)
    assert last_lines(str(tmp_path), "b") == ()
