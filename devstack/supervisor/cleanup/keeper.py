"""The keeper: the process that the shell started, and the parent of the supervisor.

It forks the supervisor before the heavy imports and stays small and asleep. It hands signals on, ends what a
killed supervisor left, puts the terminal back as it was, and ends as the supervisor did. On Linux it is a
subreaper: whatever the supervisor leaves becomes its child, and needs no mark to be found.
docs/decisions/0015-the-keeper.md.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass, field

from devstack.machine import system
from devstack.machine.system import ProcessId
from devstack.supervisor.cleanup.holdings import Holdings
from devstack.supervisor.run_folder.paths import record_path, socket_path, supervisor_log_path

HANDED_ON = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGTSTP", "SIGCONT", "SIGWINCH", "SIGUSR1", "SIGUSR2")
"""Signals that the supervisor gets from its keeper, those of the terminal among them."""


@dataclass(slots=True)
class Keeper:
    """The supervisor's end of its keeper.

    `life` is the read end of a pipe that ends when the keeper is gone. `news` takes what runs, for a keeper
    that needs marks to find it (None: it does not). `holdings` is all that was told.
    """

    id: ProcessId
    cookie: str
    life: int
    news: int | None
    holdings: Holdings = field(default_factory=Holdings)
    _untold: list[bytes] = field(default_factory=list)

    def started(self, group: int, output: int) -> None:
        """Tell, with the next `flush`, that a process group is ours now, and the pipe that `output` reads."""
        self._note(b"+%d\n" % group)
        if pipe := system.pipe_number(output):
            self._note(b">%d\n" % pipe)

    def output_ended(self, output: int) -> None:
        """Tell, with the next `flush`, that nobody writes to the pipe that `output` reads."""
        if pipe := system.pipe_number(output):
            self._note(b"<%d\n" % pipe)

    def cleared(self, group: int) -> None:
        """Tell that a process group is gone."""
        self._note(b"-%d\n" % group)
        self.flush()

    def _note(self, message: bytes) -> None:
        self.holdings.take(message)
        if self.news is not None:
            self._untold.append(message)

    def flush(self) -> None:
        """Tell of all that has started as one message, for each wakes the keeper."""
        if self._untold and self.news is not None:
            try:
                os.write(self.news, b"".join(self._untold))
            except BrokenPipeError:
                self.news = None  # it was killed, which its other pipe tells
            self._untold.clear()


def fork_supervisor(project: str, *, in_front: bool = False) -> Keeper:
    """Fork. The child returns, as the supervisor of `project`; this process becomes its keeper.

    With `in_front` the child stays in the terminal's foreground process group, reads from the terminal, and
    hears its signals itself.
    """
    cookie = os.urandom(16).hex()
    # Somebody else's background jobs, left to us by an exec(2), must not count as ours, nor their orphans.
    adopts = not system.has_children() and system.become_subreaper()
    me = system.identify(os.getpid()) or ProcessId(os.getpid(), 0.0)
    life, alive = os.pipe()
    told, news = (None, None) if adopts else os.pipe()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    waited_for = {signal.SIGCHLD, *_not_ignored(HANDED_ON)}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, waited_for)
    pid = os.fork()
    if pid == 0:
        # A process group of its own: a SIGKILL to the group of the job, as CI runners send it, leaves the
        # supervisor to stop the stack. It writes to the terminal from the background, `stty tostop` or not.
        if not in_front:
            os.setpgid(0, 0)
            signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(alive)
        if told is not None:
            os.close(told)
        return Keeper(me, cookie, life, news)
    from devstack.supervisor.cleanup.keeping import Kept, keep  # here the supervisor need not wait for it

    files = (record_path(project), socket_path(project))
    signals = frozenset(waited_for)
    kept = Kept(pid, me, cookie, signals, in_front, alive, told, files, supervisor_log_path(project))
    try:
        keep(kept)
    finally:
        os._exit(1)


def _not_ignored(names: Iterable[str]) -> set[signal.Signals]:
    numbers = (getattr(signal, name, None) for name in names)
    return {number for number in numbers if number and signal.getsignal(number) is not signal.SIG_IGN}
