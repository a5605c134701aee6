"""Reads the services' logs back: the last lines of several merged by time, and what comes after them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from devstack.supervisor.output.log_files import OpenLog, close_logs, identify_newest, open_logs

STEP_BACK = 64 * 1024
MOST_AT_ONCE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class LogBlock:
    """Whole lines of one service that came together; `time_us` is microseconds since 1970.

    Only the last block of a log that ends in the middle of a line has no newline at its end.
    """

    time_us: int
    service: str
    data: bytes

    @property
    def count(self) -> int:
        """Return how many lines these are."""
        return self.data.count(b"\n") + (not self.data.endswith(b"\n"))

    def last(self, count: int) -> LogBlock:
        """Return the last `count` lines of these."""
        end = len(self.data) - 1  # the last line's own newline, if there is one, is not counted
        for _ in range(count):
            end = self.data.rfind(b"\n", 0, end)
            if end < 0:
                return self
        return LogBlock(self.time_us, self.service, self.data[end + 1 :])


class LogCursor:
    """Reads on in the log of service `name`, from `lines` lines before its end, over rotations.

    `has_missed` says that lines were rotated away before they could be read.
    """

    def __init__(self, folder: str, name: str, lines: int) -> None:
        self.name = name
        self.has_missed = False
        self._folder = folder
        self._file: OpenLog | None = None
        self._position = 0
        self._record = 0
        self._time_us = 0  # when what comes next came
        self._rest = b""  # a line without its end yet
        self._rest_us = 0
        self._begin(open_logs(folder, name), lines)

    def _begin(self, files: list[OpenLog], lines: int) -> None:
        if files:
            number, offset = start_of_last(files, lines)
            self._go_on_with(files, number, offset)

    def _go_on_with(self, files: list[OpenLog], number: int, offset: int) -> None:
        if self._file is not None:
            self._file.close()
        self._file = files.pop(number)
        close_logs(files)
        self._position = offset
        self._record, self._time_us = self._file.record_at(offset)

    def read(self) -> list[LogBlock]:
        """Return the whole lines that have come since, or some of them; none where there are none yet."""
        while True:
            data = self._read_on()
            if not data:
                return []
            blocks = self._cut(data)
            if blocks:
                return blocks

    def rest(self) -> LogBlock | None:
        """Return the last line if it has no end."""
        return LogBlock(self._rest_us, self.name, self._rest) if self._rest else None

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _read_on(self) -> bytes:
        """Return the next bytes, of this file or of the one after it."""
        while True:
            if self._file is None:
                files = open_logs(self._folder, self.name)
                if not files:
                    return b""
                self._go_on_with(files, 0, 0)
                continue
            data = self._file.read(self._position, MOST_AT_ONCE)
            if data:
                return data
            newest = identify_newest(self._folder, self.name)
            if newest is None or newest == self._file.identity:
                return b""
            # It may have got its last lines between that read and the rotation.
            data = self._file.read(self._position, MOST_AT_ONCE)
            if data or not self._open_next(self._file):
                return data

    def _open_next(self, file: OpenLog) -> bool:
        """Go on with the file that came after `file`, or with the oldest if `file` has gone meanwhile."""
        files = open_logs(self._folder, self.name)
        identities = [each.identity for each in files]
        number = 0
        if file.identity in identities:
            number = identities.index(file.identity) + 1
        elif files:
            self.has_missed = True
            self._rest = b""
        if number >= len(files):
            close_logs(files)
            return False
        self._go_on_with(files, number, 0)
        return True

    def _cut(self, data: bytes) -> list[LogBlock]:
        """Return the whole lines of the rest and `data`, cut where the index has another time."""
        text = self._rest + data
        base = self._position - len(self._rest)
        self._position += len(data)
        blocks: list[LogBlock] = []
        begin, time_us = 0, self._rest_us if self._rest else self._time_us
        for start, next_us in self._times(text, base):
            if begin < start:
                blocks.append(LogBlock(time_us, self.name, text[begin:start]))
            begin, time_us = start, next_us
        end = text.rfind(b"\n") + 1
        if begin < end:
            blocks.append(LogBlock(time_us, self.name, text[begin:end]))
        self._rest, self._rest_us = text[end:], time_us
        return blocks

    def _times(self, text: bytes, base: int) -> Iterator[tuple[int, int]]:
        """Yield where in `text`, which lies at `base` in the file, lines of another time begin, and the time.

        A line that came in several pieces has the time of the first.
        """
        if self._rest and (place := text.find(b"\n") + 1):
            yield place, self._time_us
        while self._file is not None and (record := self._file.record(self._record + 1)) is not None:
            place = record[0] - base
            if place >= len(text):
                return
            self._record += 1
            self._time_us = record[1]
            if place > 0 and text[place - 1] != _NEWLINE:
                place = text.find(b"\n", place) + 1
                if place == 0:
                    continue
            yield place, self._time_us


_NEWLINE = 10


def start_of_last(files: Sequence[OpenLog], lines: int) -> tuple[int, int]:
    """Return where the last `lines` lines begin: the file's number, and the offset there.

    A line without its end counts as one; with 0 it is where it begins, if there is one.
    """
    missing = lines
    is_end = True
    for number in range(len(files) - 1, -1, -1):
        end = files[number].size
        while end > 0:
            begin = max(end - STEP_BACK, 0)
            data = files[number].read(begin, end - begin)
            if is_end:
                is_end = False
                missing += data.endswith(b"\n") or not lines
            place = len(data)
            while missing and (place := data.rfind(b"\n", 0, place)) >= 0:
                missing -= 1
                if not missing:
                    return number, begin + place + 1
            end = begin
    return 0, 0


def last_blocks(cursors: Sequence[LogCursor], count: int, *, with_rest: bool) -> list[LogBlock]:
    """Read `cursors` up to now; return the last `count` lines of all together, as they came.

    `with_rest` counts last lines without an end too.
    """
    now_us = time.time_ns() // 1000
    blocks: list[LogBlock] = []
    for cursor in cursors:
        while more := cursor.read():
            blocks += more
            if more[-1].time_us > now_us:
                break
    if with_rest:
        blocks += rest_blocks(cursors)
    kept: list[LogBlock] = []
    for block in reversed(_in_order(blocks)):
        if count <= 0:
            break
        kept.append(block.last(count))
        count -= kept[-1].count
    return kept[::-1]


def next_blocks(cursors: Sequence[LogCursor]) -> Iterator[list[LogBlock]]:
    """Yield what has come since, in portions, each in the order in which it came."""
    while blocks := [block for cursor in cursors for block in cursor.read()]:
        yield _in_order(blocks)


def rest_blocks(cursors: Sequence[LogCursor]) -> list[LogBlock]:
    """Return the last lines that have no end, for when nothing more is to come."""
    return _in_order([block for cursor in cursors if (block := cursor.rest())])


def _in_order(blocks: list[LogBlock]) -> list[LogBlock]:
    return sorted(blocks, key=lambda block: block.time_us)  # stable: a service's own order stays
