"""Hears when nobody reads from a pipe of ours any more, even while there is nothing to write."""

from __future__ import annotations

import os
import select
import stat
from collections.abc import Callable
from typing import TYPE_CHECKING

from devstack.machine import system

if TYPE_CHECKING:
    import asyncio


def when_reader_gone(
    loop: asyncio.AbstractEventLoop, descriptor: int, gone: Callable[[], None]
) -> Callable[[], None]:
    """Call `gone`, once, when the pipe `descriptor` has lost its last reader; return what ends the watch.

    Nothing is watched where `descriptor` is no write end of a pipe.
    """
    if not _is_write_end(descriptor):
        return lambda: None

    def _end() -> None:
        loop.remove_reader(descriptor)

    def _look() -> None:
        if _has_lost_reader(descriptor):
            _end()
            gone()

    # Nothing can be read from a write end: what wakes the loop is the error (poll(2), POLLERR).
    loop.add_reader(descriptor, _look)
    return _end


def _is_write_end(descriptor: int) -> bool:
    if system.IS_WINDOWS or not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        return False
    import fcntl

    return fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY


def _has_lost_reader(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, 0)
    return bool(poll.poll(0))
