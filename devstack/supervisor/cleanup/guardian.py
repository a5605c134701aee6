"""A small process that outlives a killed supervisor and ends what it left.

It holds the read end of a pipe whose write end only the supervisor has. While the supervisor lives it sleeps
in read(2). On its end of file the supervisor was killed: the guardian finds every process of the run, asks it
to end, and kills it after two seconds. A supervisor that is through ends its guardian itself. It is forked
before the heavy imports, so that it costs next to no memory.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass

from devstack.machine import system
from devstack.machine.system import ProcessId
from devstack.supervisor.cleanup.holdings import Holdings

SERVICES_FIRST = 0.1
"""Seconds that the guardian leaves the processors to the services, before it imports what it may need."""


@dataclass(slots=True)
class Guardian:
    """The supervisor's end: who the guardian is, and the pipe to it."""

    id: ProcessId
    pipe: int

    def tell(self, news: Iterable[bytes]) -> None:
        """Tell all of `news` as one message, for each wakes the guardian."""
        try:
            os.write(self.pipe, b"".join(news))
        except BrokenPipeError:
            return  # it was killed; its end is heard of elsewhere, and a new one told all that runs

    def dismiss(self) -> None:
        """End the guardian, which is not needed any more, even if somebody has stopped it; reap it."""
        if system.send_signal(self.id, system.KILL_SIGNAL):
            os.waitpid(self.id.pid, 0)
        os.close(self.pipe)


def start_guardian(cookie: str, run_files: tuple[str, ...], log_path: str, holdings: Holdings) -> Guardian:
    """Start the guardian of the run with `cookie`.

    `run_files` (the record, the socket) are removed after a clean-up, `log_path` gets a line about it,
    `holdings` is what runs already.
    """
    me = system.identify(os.getpid())
    theirs, ours = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            _become_guardian(theirs)
            time.sleep(SERVICES_FIRST)
            from devstack.machine.process_tree import Marks
            from devstack.supervisor.cleanup.guardian_watch import watch

            os.chdir("/")  # sys.path may have named the folder from within
            code = watch(theirs, Marks(cookie=cookie, since=me.started if me else 0.0), run_files, log_path)
        finally:
            os._exit(code)
    os.close(theirs)
    guardian = Guardian(system.identify(pid) or ProcessId(pid, 0.0), ours)
    guardian.tell(holdings.messages())
    return guardian


def _become_guardian(pipe: int) -> None:
    """Let go of all that is the supervisor's: its terminal, its signals, its files."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.closerange(3, pipe)
    os.closerange(pipe + 1, _highest_descriptor() + 1)


def _highest_descriptor() -> int:
    folder = "/proc/self/fd" if system.IS_LINUX else "/dev/fd"
    return max((int(name) for name in os.listdir(folder) if name.isdigit()), default=255)
