"""A service's log on disk: its bytes as they came, in files of bounded size.

Beside `api.log` lies `api.idx`, which says when each piece came, in records of 16 bytes: where in the log
it begins, and the time (both unsigned 64-bit, little-endian; microseconds since 1970). So the log itself
stays what the service wrote, and `devstack logs` can still merge several by time.
"""

from __future__ import annotations

import contextlib
import errno
import os
import struct
import time
from collections.abc import Sequence

from devstack.core.lines import Buffer

OLD_FILES = 3
"""Rotated files kept beside the newest: api.log.1 is the youngest of them."""

TOTAL_BYTES = 512 * 1024 * 1024
"""What all logs of a stack may take on disk, whatever the number of services."""

SMALLEST_LOG = 256 * 1024

INDEX_RECORD = struct.Struct("<QQ")
INDEX_EVERY_US = 5_000


def log_size(services: int) -> int:
    """Return the bytes after which one service's log is rotated, for a stack of so many services."""
    return max(TOTAL_BYTES // (max(services, 1) * (OLD_FILES + 1)), SMALLEST_LOG)


class LogClock:
    """One clock for all logs of a stack: no two pieces have the same time, and none an earlier one.

    It knows who wrote last, so that pieces of several services that alternate keep their order.
    """

    def __init__(self) -> None:
        self._last_us = 0
        self.writer: object | None = None

    def now_us(self) -> int:
        """Return microseconds since 1970, more than the last time."""
        self._last_us = max(time.time_ns() // 1000, self._last_us + 1)
        return self._last_us


class LogFile:
    """The open log of one service, rotated at the end of a line. Not for several writers."""

    def __init__(self, folder: str, name: str, limit: int, clock: LogClock) -> None:
        self._log_path = os.path.join(folder, f"{name}.log")
        self._index_path = os.path.join(folder, f"{name}.idx")
        self._limit = limit
        self._clock = clock
        self._last_index_us = 0
        self._size = self._index_size = 0
        self._log = self._index = -1
        self.at_line_start = True
        self._open()

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._log = os.open(self._log_path, flags, 0o600)
        self._index = os.open(self._index_path, flags, 0o600)
        self._size = os.fstat(self._log).st_size
        self._index_size = os.fstat(self._index).st_size
        self._last_index_us = 0

    def write(self, buffers: Sequence[Buffer]) -> None:
        """Append `buffers`. Raises OSError (a full disk); what fitted is kept."""
        if self._log < 0 or self._index < 0:
            self.close()  # it could not be opened again after a rotation
            self._open()
        if self._size + self._index_size >= self._limit:
            buffers = self._rotate_within(buffers)
        if buffers:
            self._append(buffers)

    def _append(self, buffers: Sequence[Buffer]) -> None:
        now_us = self._clock.now_us()
        if self._clock.writer is not self or now_us - self._last_index_us >= INDEX_EVERY_US:
            self._append_to_index(now_us)
        total = sum(map(len, buffers))
        written = os.writev(self._log, buffers)
        self._size += written
        if written == total:
            self.at_line_start = buffers[-1][-1] == _NEWLINE
        else:
            self._append_rest(memoryview(b"".join(buffers)), written)

    def _append_to_index(self, now_us: int) -> None:
        written = os.write(self._index, INDEX_RECORD.pack(self._size, now_us))
        if written < INDEX_RECORD.size:  # the disk is full: half a record would shift all that follow
            os.ftruncate(self._index, self._index_size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._index_size += written
        self._last_index_us = now_us
        self._clock.writer = self

    def _append_rest(self, data: memoryview, written: int) -> None:
        """Write on after a part: either there is room again, or the error says why not."""
        while written < len(data):
            self.at_line_start = written > 0 and data[written - 1] == _NEWLINE
            count = os.write(self._log, data[written:])
            self._size += count
            written += count
        self.at_line_start = data[-1] == _NEWLINE

    def _rotate_within(self, buffers: Sequence[Buffer]) -> Sequence[Buffer]:
        """Begin a new file at the end of a line; return what belongs into it.

        A line that does not end for as long as a whole file is not waited for.
        """
        if self.at_line_start or self._size + self._index_size >= 2 * self._limit:
            self._rotate()
            return buffers
        data = b"".join(buffers)
        end = data.find(b"\n") + 1
        if end == 0:
            return buffers
        self._append([data[:end]])
        self._rotate()
        return [data[end:]] if end < len(data) else []

    def _rotate(self) -> None:
        self.close()
        for path in (self._log_path, self._index_path):
            for number in range(OLD_FILES - 1, 0, -1):
                _move(f"{path}.{number}", f"{path}.{number + 1}")
            _move(path, f"{path}.1")
        self._open()

    def close(self) -> None:
        """Close the files; the log stays on disk."""
        for descriptor in (self._log, self._index):
            if descriptor >= 0:
                os.close(descriptor)
        self._log = self._index = -1


_NEWLINE = 10


def _move(path: str, to: str) -> None:
    """Rename a log unless somebody has removed it meanwhile.

    What has the new name is removed before: renaming over it would make ext4 write the renamed file to the
    disk at once (auto_da_alloc, ext4(5)), which a rotated log need not be.
    """
    with contextlib.suppress(FileNotFoundError):
        os.unlink(to)
    with contextlib.suppress(FileNotFoundError):
        os.rename(path, to)


def remove_logs(folder: str) -> None:
    """Remove the logs of earlier runs: what `devstack logs` shows is this run's. Raises OSError."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.path)
