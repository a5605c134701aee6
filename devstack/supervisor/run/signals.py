"""What signals mean to the supervisor: SIGINT, SIGTERM and SIGHUP stop the stack; once more, at once."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from devstack.supervisor.run.running_stack import Stoppable

ONCE_MORE_AFTER = 0.2
"""Seconds from the first signal on within which another one is no second wish.

A terminal sends Ctrl-C to every process in front, and `npm run`, `make` and their like send it on.
"""

_HELD = (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def hold_signals() -> None:
    """Let signals wait until the event loop hears them: from the first spawn on, none may end us unheard."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)


def listen_for_signals(
    loop: asyncio.AbstractEventLoop,
    stack: Stoppable,
    reap: Callable[[], None],
    resized: Callable[[], None] | None,
) -> None:
    """Call `reap` on SIGCHLD, `resized` on SIGWINCH; stop `stack` on the signals that end a program.

    `resized` is None for a detached stack, which outlives its terminal and ignores SIGHUP.
    """
    wishes = _Wishes(stack)
    loop.add_signal_handler(signal.SIGCHLD, reap)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, wishes.heard, number)
    if resized is None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    elif signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
        loop.add_signal_handler(signal.SIGHUP, wishes.heard, signal.SIGHUP)
    if resized is not None:
        loop.add_signal_handler(signal.SIGWINCH, resized)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD)


def let_signals_end_us(loop: asyncio.AbstractEventLoop) -> None:
    """From now on a signal ends this process as it does any other: all that is left is a slow screen."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if loop.remove_signal_handler(number):
            signal.signal(number, signal.SIG_DFL)


class _Wishes:
    """The first signal stops the stack, another one ends it at once."""

    def __init__(self, stack: Stoppable) -> None:
        self._stack = stack
        self._first_at: float | None = None

    def heard(self, number: int) -> None:
        now = time.monotonic()
        if self._first_at is None:
            self._first_at = now
            self._stop(number)
        # A closed terminal says so twice: the kernel does, and the shell.
        elif number != signal.SIGHUP and now - self._first_at >= ONCE_MORE_AFTER:
            self._stack.kill_all()

    def _stop(self, number: int) -> None:
        from devstack.core.events import Cause, Notice

        if self._stack.is_stopping:
            self._stack.tell(Notice("stopping already; a second time ends everything at once"))
        else:
            self._stack.shut_down(Cause.SIGNAL, signal=number, exit_code=128 + number)
