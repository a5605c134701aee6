"""What signals mean to the supervisor: SIGINT, SIGTERM and SIGHUP stop the stack; a second one, at once."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from devstack.supervisor.supervisor import Supervisor


_HELD = (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def hold_signals() -> None:
    """Let signals wait until the event loop hears them: from the first spawn on, none may end us unheard."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)


def listen_for_signals(loop: asyncio.AbstractEventLoop, supervisor: Supervisor) -> None:
    """Have the loop hear SIGCHLD and the signals that end a program."""
    loop.add_signal_handler(signal.SIGCHLD, supervisor.reap)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _stop, supervisor, number)
    if supervisor.options.detached:
        # It outlives its terminal.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    elif signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
        loop.add_signal_handler(signal.SIGHUP, _stop, supervisor, signal.SIGHUP)
    if not supervisor.options.detached:
        loop.add_signal_handler(signal.SIGWINCH, supervisor.output.resized)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD)


def _stop(supervisor: Supervisor, number: int) -> None:
    from devstack.core.events import Cause

    if supervisor.is_stopping:
        supervisor.kill_all()
    else:
        supervisor.shut_down(Cause.SIGNAL, signal=number, exit_code=128 + number)
