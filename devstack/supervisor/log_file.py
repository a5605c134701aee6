"""A service's log on disk: its bytes as they came, in files of bounded size.

Beside `api.log` lies `api.idx`, which says when each piece came, in records of 16 bytes: where in the log
it begins, and the time (both unsigned 64-bit, little-endian; microseconds since 1970). So the log itself
stays what the service wrote, and `devstack logs` can still merge several by time.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass

OLD_FILES = 3
"""Rotated files kept beside the newest: api.log.1 is the youngest of them."""

TOTAL_BYTES = 512 * 1024 * 1024
"""What all logs of a stack may take on disk, whatever the number of services."""

INDEX_RECORD = struct.Struct("<QQ")
INDEX_EVERY_US = 5_000


def log_size(services: int) -> int:
    """Return the bytes after which one service's log is rotated, for a stack of so many services."""
    return max(TOTAL_BYTES // (max(services, 1) * (OLD_FILES + 1)), 256 * 1024)


class LogFile:
    """The open log of one service. Not for several writers."""

    def __init__(self, folder: str, name: str, limit: int) -> None:
        self._log_path = os.path.join(folder, f"{name}.log")
        self._index_path = os.path.join(folder, f"{name}.idx")
        self._limit = limit
        self._last_index_us = 0
        self._open()

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self._log = os.open(self._log_path, flags, 0o600)
        try:
            self._index = os.open(self._index_path, flags, 0o600)
        except OSError:
            os.close(self._log)
            raise
        self._size = os.fstat(self._log).st_size

    def write(self, data: bytes | memoryview) -> None:
        """Append `data`. Raises OSError (a full disk); what fitted is kept."""
        if self._size >= self._limit:
            self._rotate()
        now_us = time.time_ns() // 1000
        if now_us - self._last_index_us >= INDEX_EVERY_US:
            os.write(self._index, INDEX_RECORD.pack(self._size, now_us))
            self._last_index_us = now_us
        rest = memoryview(data)
        while rest:
            written = os.write(self._log, rest)
            self._size += written
            rest = rest[written:]

    def _rotate(self) -> None:
        self.close()
        for path in (self._log_path, self._index_path):
            for number in range(OLD_FILES - 1, 0, -1):
                if os.path.exists(f"{path}.{number}"):
                    os.replace(f"{path}.{number}", f"{path}.{number + 1}")
            os.replace(path, f"{path}.1")
        self._open()

    def close(self) -> None:
        """Close the files; the log stays on disk."""
        os.close(self._log)
        os.close(self._index)


def remove_logs(folder: str) -> None:
    """Remove the logs of earlier runs: what `devstack logs` shows is this run's. Raises OSError."""
    for name in os.listdir(folder):
        os.unlink(os.path.join(folder, name))


@dataclass(frozen=True, slots=True)
class LogPiece:
    """Consecutive bytes of a log and when the first of them came, in microseconds since 1970."""

    time_us: int
    data: bytes


def log_paths(folder: str, name: str) -> list[tuple[str, str]]:
    """Return the (log, index) paths of the service `name` that exist, the oldest first."""
    log, index = os.path.join(folder, f"{name}.log"), os.path.join(folder, f"{name}.idx")
    suffixes = [*(f".{number}" for number in range(OLD_FILES, 0, -1)), ""]
    return [(log + suffix, index + suffix) for suffix in suffixes if os.path.exists(log + suffix)]


def read_index(path: str) -> list[tuple[int, int]]:
    """Return the (offset, time) records of an index; a record that was cut off is left out."""
    try:
        with open(path, "rb") as file:
            content = file.read()
    except FileNotFoundError:
        return []
    whole = len(content) - len(content) % INDEX_RECORD.size
    return list(INDEX_RECORD.iter_unpack(content[:whole]))


def read_pieces(log_path: str, index_path: str, start: int = 0) -> Iterator[LogPiece]:
    """Yield the log's bytes from offset `start` on in pieces, each with its time."""
    records = read_index(index_path)
    size = os.path.getsize(log_path)
    bounds = [(offset, at) for offset, at in records if offset < size] or [(0, 0)]
    with open(log_path, "rb") as file:
        for number, (offset, at) in enumerate(bounds):
            end = bounds[number + 1][0] if number + 1 < len(bounds) else size
            begin = max(offset, start)
            if begin < end:
                file.seek(begin)
                yield LogPiece(at, file.read(end - begin))
