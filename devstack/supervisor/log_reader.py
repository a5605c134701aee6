"""Reads the services' logs back: the last lines of several merged by time, and what comes after them."""

from __future__ import annotations

import bisect
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from devstack.supervisor.log_file import log_paths, read_index

FIRST_READ = 64 * 1024


@dataclass(frozen=True, slots=True, order=True)
class LogLine:
    """One line of a service's output; `time_us` is microseconds since 1970, to within some milliseconds."""

    time_us: int
    service: str
    text: bytes


def last_lines(folder: str, names: Sequence[str], count: int) -> list[LogLine]:
    """Return the last `count` lines of all of `names` together, in the order in which they came."""
    lines = [line for name in names for line in _tail(folder, name, count)]
    lines.sort(key=lambda line: line.time_us)  # stable: a service's own order stays
    return lines[-count:] if count else []


def _tail(folder: str, name: str, count: int) -> list[LogLine]:
    found: list[LogLine] = []
    for log, index in reversed(log_paths(folder, name)):
        found = [*_tail_of_file(log, index, name, count - len(found)), *found]
        if len(found) >= count:
            break
    return found


def _tail_of_file(log: str, index: str, name: str, count: int) -> list[LogLine]:
    """Return the last `count` lines of one file; only as much of it is read as they need."""
    if count <= 0:
        return []
    size = os.path.getsize(log)
    wanted = FIRST_READ
    while True:
        start = max(size - wanted, 0)
        with open(log, "rb") as file:
            file.seek(start)
            data = file.read(size - start)
        if start == 0 or data.count(b"\n") > count:
            break
        wanted *= 4
    if start:
        cut = data.index(b"\n") + 1
        start, data = start + cut, data[cut:]
    return list(_with_times(data, start, read_index(index), name))[-count:]


def _with_times(data: bytes, start: int, records: list[tuple[int, int]], name: str) -> Iterator[LogLine]:
    offsets = [offset for offset, _ in records]
    position = start
    for line in data.split(b"\n")[: None if not data.endswith(b"\n") else -1]:
        number = bisect.bisect_right(offsets, position) - 1
        yield LogLine(records[number][1] if number >= 0 else 0, name, line)
        position += len(line) + 1


class Follower:
    """Reads on in one service's log from where it ends now, over rotations."""

    def __init__(self, folder: str, name: str) -> None:
        self._folder = folder
        self._name = name
        self._rest = b""
        self._file = _open_log(folder, name)
        if self._file is not None:
            os.lseek(self._file, 0, os.SEEK_END)

    def read(self, time_us: int) -> list[LogLine]:
        """Return the lines that have come since the last time; `time_us` is when that is."""
        data = self._rest
        while True:
            if self._file is None:
                self._file = _open_log(self._folder, self._name)
                if self._file is None:
                    break
            while chunk := os.read(self._file, 1 << 20):
                data += chunk
            if not self._has_rotated():
                break
            os.close(self._file)
            self._file = None
        *lines, self._rest = data.split(b"\n")
        return [LogLine(time_us, self._name, line) for line in lines]

    def _has_rotated(self) -> bool:
        if self._file is None:
            return False
        try:
            newest = os.stat(_log_path(self._folder, self._name))
        except FileNotFoundError:
            return False
        ours = os.fstat(self._file)
        return (newest.st_ino, newest.st_dev) != (ours.st_ino, ours.st_dev)

    def rest(self, time_us: int) -> list[LogLine]:
        """Return a last line without an end, if there is one."""
        return [LogLine(time_us, self._name, self._rest)] if self._rest else []


def _log_path(folder: str, name: str) -> str:
    return os.path.join(folder, f"{name}.log")


def _open_log(folder: str, name: str) -> int | None:
    try:
        return os.open(_log_path(folder, name), os.O_RDONLY)
    except FileNotFoundError:
        return None
