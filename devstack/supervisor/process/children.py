"""Hears of the end of every child process, the orphans that became ours included."""

from __future__ import annotations

import os
from collections.abc import Callable

from devstack.core.service import ExitStatus


class Children:
    """Reaps. Whoever starts a process here asks to be told of its end; nobody else waits for children.

    `on_orphan` is called when one has ended that nobody asked about.
    """

    def __init__(self) -> None:
        self._waiting: dict[int, Callable[[ExitStatus], None]] = {}
        self.on_orphan: Callable[[], None] = lambda: None

    def watch(self, pid: int, on_exit: Callable[[ExitStatus], None]) -> None:
        """Have `on_exit` called, once, when the child `pid` has ended."""
        self._waiting[pid] = on_exit

    def reap(self) -> None:
        """Take every child that has ended (wait(2)); for SIGCHLD, several of which may come as one."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            on_exit = self._waiting.pop(pid, None)
            if on_exit is None:
                self.on_orphan()
            else:
                on_exit(exit_status(status))


def exit_status(wait_status: int) -> ExitStatus:
    """Return what waitpid's `wait_status` says."""
    if os.WIFSIGNALED(wait_status):
        return ExitStatus(signal=os.WTERMSIG(wait_status))
    return ExitStatus(code=os.WEXITSTATUS(wait_status))
