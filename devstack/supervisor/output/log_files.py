"""The files of one service's log as a reader finds them, while the supervisor writes and renames them.

A log is a run of files (log_file.py) that move on by one name when the newest is full. A reader knows a file
by its inode, so it loses nothing and reads nothing twice when that happens under its hands.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from devstack.supervisor.output.log_file import INDEX_RECORD, OLD_FILES

_TRIES = 50
_PAUSE = 0.002

Identity = tuple[int, int]
"""Which file it is, whatever its name: device and inode."""


class OpenLog:
    """One file of a log with its index, both open: they stay what they are when they are renamed."""

    def __init__(self, log_path: str, index_path: str) -> None:
        self._log = os.open(log_path, os.O_RDONLY | os.O_CLOEXEC)
        self._index = _open_if_there(index_path)
        status = os.fstat(self._log)
        self.identity: Identity = (status.st_dev, status.st_ino)
        self._changed_us = status.st_mtime_ns // 1000

    @property
    def size(self) -> int:
        """Return the log's bytes so far."""
        return os.fstat(self._log).st_size

    def read(self, start: int, most: int) -> bytes:
        """Return the log's bytes from `start` on, `most` at most."""
        return os.pread(self._log, most, start)

    def record(self, number: int) -> tuple[int, int] | None:
        """Return the index's record `number`: an offset and the time of what begins there."""
        if self._index is None:
            return None
        data = os.pread(self._index, INDEX_RECORD.size, number * INDEX_RECORD.size)
        if len(data) < INDEX_RECORD.size:
            return None
        offset, time_us = INDEX_RECORD.unpack(data)
        return offset, time_us

    def record_at(self, offset: int) -> tuple[int, int]:
        """Return the number of the record that holds for the byte at `offset`, and its time."""
        low, high = 0, os.fstat(self._index).st_size // INDEX_RECORD.size if self._index is not None else 0
        while low < high:
            middle = (low + high) // 2
            found = self.record(middle)
            if found is not None and found[0] <= offset:
                low = middle + 1
            else:
                high = middle
        number = max(low - 1, 0)
        found = self.record(number)
        return number, found[1] if found else self._changed_us

    def close(self) -> None:
        os.close(self._log)
        if self._index is not None:
            os.close(self._index)


@dataclass(frozen=True, slots=True)
class _Names:
    """Which files have the names of a log, the oldest first: (log, index) each."""

    identities: tuple[tuple[Identity | None, Identity | None], ...]

    @property
    def are_in_order(self) -> bool:
        """Say whether every log has its index: while they are being renamed one always lacks the other."""
        return all((log is None) == (index is None) for log, index in self.identities)


def open_logs(folder: str, name: str) -> list[OpenLog]:
    """Open every file of the log of service `name`, the oldest first; none where it has no log."""
    paths = _paths(folder, name)
    for attempt in range(_TRIES):
        names = _names(paths)
        if not names.are_in_order and attempt < _TRIES - 1:
            time.sleep(_PAUSE)
            continue
        opened = [log for pair in paths if (log := _open_pair(*pair)) is not None]
        if _names(paths) == names or attempt == _TRIES - 1:
            return opened
        close_logs(opened)
    return []


def close_logs(logs: list[OpenLog]) -> None:
    for log in logs:
        log.close()


def _paths(folder: str, name: str) -> list[tuple[str, str]]:
    suffixes = [*(f".{number}" for number in range(OLD_FILES, 0, -1)), ""]
    log, index = os.path.join(folder, f"{name}.log"), os.path.join(folder, f"{name}.idx")
    return [(log + suffix, index + suffix) for suffix in suffixes]


def _names(paths: list[tuple[str, str]]) -> _Names:
    return _Names(tuple((_identify(log), _identify(index)) for log, index in paths))


def _identify(path: str) -> Identity | None:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def identify_newest(folder: str, name: str) -> Identity | None:
    """Return which file is the newest of a log; None between two."""
    return _identify(_paths(folder, name)[-1][0])


def _open_pair(log_path: str, index_path: str) -> OpenLog | None:
    try:
        return OpenLog(log_path, index_path)
    except FileNotFoundError:
        return None


def _open_if_there(path: str) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
