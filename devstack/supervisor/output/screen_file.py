"""The screen's file as something that never blocks its writer.

The descriptor that we were given is shared with whoever started us, and so is its O_NONBLOCK flag: setting
it would break the shell's own writes. Linux opens a terminal or a pipe a second time, as a file of its own;
where that cannot be, a thread does the blocking writes behind a pipe.
"""

from __future__ import annotations

import os
import select
import stat
import threading
import time
from collections.abc import Sequence

from devstack.core.lines import Buffer
from devstack.machine import system

PIECE = 64 * 1024
SMALL_PIECE = 4096
SLOW_WRITE = 0.05
PIPE_SIZE = 1024 * 1024  # as much as everybody may have (pipe(7), pipe-max-size)


class ScreenFile:
    """A file on disk, or a device that takes everything: a write may take its time, and never waits."""

    waits = False

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def write(self, buffers: Sequence[Buffer]) -> int:
        """Write some of `buffers`; return how many bytes. Raises BlockingIOError: no room now."""
        return os.writev(self.descriptor, buffers)

    def taken(self) -> tuple[int, ...]:
        """Return figures that change whenever the reader takes anything."""
        return ()

    def finish(self, patience: float) -> bool:  # noqa: ARG002 - for those that wait
        """Let go of the file; say whether all has reached it.

        `patience` is the seconds that its reader may take nothing.
        """
        return True


class NonBlockingFile(ScreenFile):
    """A terminal or a pipe, opened again for us alone."""

    waits = True

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor)
        self._written = 0

    def write(self, buffers: Sequence[Buffer]) -> int:
        written = os.writev(self.descriptor, buffers)
        self._written += written
        return written

    def taken(self) -> tuple[int, ...]:
        return self._written, system.unread_bytes(self.descriptor)

    def finish(self, patience: float) -> bool:  # noqa: ARG002
        os.close(self.descriptor)
        return True


class ThreadedFile(ScreenFile):
    """A pipe to a thread that writes to the real file, and may wait for it as long as it likes."""

    waits = True

    def __init__(self, target: int) -> None:
        self._reading, writing = os.pipe()
        os.set_blocking(writing, False)
        super().__init__(writing)
        self._target = target
        self._taken = 0
        self._thread = threading.Thread(target=self._work, name="screen", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        piece = PIECE
        try:
            while data := os.read(self._reading, PIECE):
                view = memoryview(data)
                while view:
                    begun = time.monotonic()
                    written = self._write_some(view[:piece])
                    self._taken += written
                    view = view[written:]
                    # A blocked write tells nothing of what was taken meanwhile: small ones for the slow.
                    is_slow = time.monotonic() - begun > SLOW_WRITE
                    piece = SMALL_PIECE if is_slow else PIECE
        except OSError:  # nobody is there any more; whoever writes to us hears it from the closed pipe
            return
        finally:
            os.close(self._reading)

    def _write_some(self, view: memoryview) -> int:
        while True:
            try:
                return os.write(self._target, view)
            except BlockingIOError:  # somebody else has set O_NONBLOCK on the shared file
                poll = select.poll()
                poll.register(self._target, select.POLLOUT)
                poll.poll()

    def taken(self) -> tuple[int, ...]:
        return self._taken, system.unread_bytes(self._target)

    def finish(self, patience: float) -> bool:
        os.close(self.descriptor)
        seen, deadline = self.taken(), time.monotonic() + patience
        while self._thread.is_alive() and time.monotonic() < deadline:
            self._thread.join(0.05)
            if self.taken() != seen:
                seen, deadline = self.taken(), time.monotonic() + patience
        return not self._thread.is_alive()


def open_screen(descriptor: int) -> ScreenFile:
    """Return the file of `descriptor` so that writing to it never waits for a reader."""
    mode = os.fstat(descriptor).st_mode
    is_terminal = os.isatty(descriptor)
    if not is_terminal and not stat.S_ISFIFO(mode) and not stat.S_ISSOCK(mode):
        return ScreenFile(descriptor)
    if stat.S_ISFIFO(mode):
        system.enlarge_pipe(descriptor, PIPE_SIZE)
    own = system.open_again(descriptor)
    return ThreadedFile(descriptor) if own is None else NonBlockingFile(own)
