"""Reaps every child process, adopted orphans included, and notices when one is suspended or resumed."""

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
        self._suspendable: dict[int, Callable[[int], None]] = {}
        self.on_orphan: Callable[[], None] = lambda: None

    def watch(
        self,
        pid: int,
        on_exit: Callable[[ExitStatus], None],
        on_suspend: Callable[[int], None] | None = None,
    ) -> None:
        """Call `on_exit`, once, when the child `pid` has exited.

        `on_suspend` is called with the signal that suspended it (job control, SIGSTOP), and with 0 when it is
        resumed.
        """
        self._waiting[pid] = on_exit
        if on_suspend is not None:
            self._suspendable[pid] = on_suspend

    def reap(self) -> None:
        """Take the news of every child (wait(2)). Called on SIGCHLD, several of which may come as one."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED | os.WCONTINUED)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if os.WIFSTOPPED(status) or os.WIFCONTINUED(status):
                if on_suspend := self._suspendable.get(pid):
                    on_suspend(os.WSTOPSIG(status) if os.WIFSTOPPED(status) else 0)
                continue
            self._suspendable.pop(pid, None)
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
