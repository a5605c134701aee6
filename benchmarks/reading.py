"""Takes a tool's output as fast as it comes, each piece with the time of its arrival."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

_PIECE = 1 << 20
_POLL_SECONDS = 0.001

Piece = tuple[int, bytes]
"""When it arrived (CLOCK_MONOTONIC, ns), and the bytes."""


@dataclass
class Output:
    """What came so far, by source: the pipe or terminal under "", a log file under its path."""

    pieces: dict[str, list[Piece]] = field(default_factory=dict)

    @property
    def last_ns(self) -> int:
        """When the last piece came; 0 before the first."""
        return max((pieces[-1][0] for pieces in self.pieces.values() if pieces), default=0)

    def tail(self, size: int = 400) -> str:
        """Return the end of what was shown, for a message about a run that failed."""
        return b"".join(data for _, data in self.pieces.get("", [])[-20:])[-size:].decode(errors="replace")


class Reader:
    """Reads one file descriptor to its end, in a thread; then some growing files, in another."""

    def __init__(self, fd: int, files: Sequence[str] = ()) -> None:
        self.output = Output({"": [], **{path: [] for path in files}})
        self.ended = threading.Event()
        self._closed = threading.Event()
        self._fd = fd
        self._threads = [threading.Thread(target=self._read_fd, daemon=True)]
        if files:
            self._threads.append(threading.Thread(target=self._follow, args=(files,), daemon=True))
        for thread in self._threads:
            thread.start()

    def _read_fd(self) -> None:
        pieces = self.output.pieces[""]
        try:
            while data := os.read(self._fd, _PIECE):
                pieces.append((time.monotonic_ns(), data))
        except OSError:  # EIO: the terminal's other side has been closed
            return
        finally:
            self.ended.set()

    def _follow(self, files: Sequence[str]) -> None:
        fds: dict[str, int] = {}
        while not self._closed.is_set():
            came = False
            for path in files:
                if path not in fds and os.path.exists(path):
                    fds[path] = os.open(path, os.O_RDONLY)
                if path in fds and (data := os.read(fds[path], _PIECE)):
                    self.output.pieces[path].append((time.monotonic_ns(), data))
                    came = True
            if not came:
                time.sleep(_POLL_SECONDS)
        for fd in fds.values():
            os.close(fd)

    def wait_quiet(self, quiet: float, timeout: float) -> bool:
        """Wait until nothing has come for `quiet` seconds; False if it still comes after `timeout`."""
        deadline = time.monotonic() + timeout
        asked = time.monotonic_ns()
        while time.monotonic() < deadline:
            if time.monotonic_ns() - max(asked, self.output.last_ns) > quiet * 1e9:
                return True
            time.sleep(0.02)
        return False

    def close(self, timeout: float = 5) -> None:
        """Stop; the file descriptor's writers are gone by now, so its end has come or is near."""
        self._closed.set()
        for thread in self._threads:
            thread.join(timeout)
        if not self._threads[0].is_alive():
            os.close(self._fd)
