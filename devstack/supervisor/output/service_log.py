"""What one service writes, on its way to its log: from one process, or from several at once.

Usually one process writes, and its bytes go to the log as they come, unfinished lines included. While two do
(what a process left behind, and the process started after it) only whole lines go there. A line that was
already begun in the log and had to be broken off is written again, whole, once it has ended.
"""

from __future__ import annotations

from collections.abc import Callable

from devstack.core.lines import Buffer, LineBuffer, Lines
from devstack.supervisor.output.log_file import LogFile

RETRY_AFTER = 5.0


class ServiceLog:
    """Writes to `file`, and holds out against a disk that is full.

    `failed` is called with the error when writing fails, once until it works again; then `mended` is, with
    the number of bytes that are missing.
    """

    def __init__(
        self, file: LogFile, failed: Callable[[OSError], None], mended: Callable[[int], None]
    ) -> None:
        self._file = file
        self._failed = failed
        self._mended = mended
        self._begun_by: object | None = None  # the source whose unfinished line the log ends with
        self._missing = 0
        self._retry_at = 0.0

    def write(
        self, source: object, held: LineBuffer, chunk: bytes, *, is_alone: bool, now: float
    ) -> Lines | None:
        """Feed `chunk` of `source` to `held` and write what it brings; return the lines that are whole now.

        `is_alone` says that no other process writes for this service; `now` is seconds of any clock.
        """
        before = None if self._begun_by is source or not held.held else held.peek()
        lines = held.feed(chunk)
        if is_alone:
            self._put(source, [before, chunk] if before else [chunk], now, ends=chunk.endswith(b"\n"))
        elif lines is None and self._begun_by is source:
            self._put(source, [chunk], now, ends=False)
        elif lines is not None:
            self._put(source, lines.raw if before else [memoryview(chunk)[: lines.end]], now, ends=True)
        return lines

    def end(self, source: object, held: LineBuffer, now: float) -> None:
        """`source` writes no more: its last line ends here, so that the next one's is not glued to it."""
        if self._begun_by is source:
            self._put(source, [b"\n"], now, ends=True)
        elif held.held:
            self._put(source, [held.peek(), b"\n"], now, ends=True)

    def _put(self, source: object, buffers: list[Buffer], now: float, *, ends: bool) -> None:
        if self._missing and now < self._retry_at:
            self._lose(buffers)
            return
        if self._begun_by not in (source, None) or (self._missing and not self._file.at_line_start):
            buffers = [b"\n", *buffers]
        try:
            self._file.write(buffers)
        except OSError as error:
            is_first = not self._missing
            self._retry_at = now + RETRY_AFTER
            self._lose(buffers)
            if is_first:
                self._failed(error)
            return
        self._begun_by = None if ends else source
        if self._missing:
            missing, self._missing = self._missing, 0
            self._mended(missing)

    def _lose(self, buffers: list[Buffer]) -> None:
        self._begun_by = None
        self._missing += sum(map(len, buffers))

    def close(self) -> None:
        """Close the files; the log stays on disk."""
        self._file.close()
