"""A small process that outlives a killed supervisor and ends what it left.

It holds the read end of a pipe whose write end only the supervisor has. While the supervisor lives it sleeps
in read(2). On its end of file the supervisor was killed: the guardian finds every process of the run, asks it
to end, and kills it after two seconds. A supervisor that is through ends its guardian itself. It is forked
before the heavy imports, so that it costs next to no memory.

    b"+<pid>\\n"   a main process, and with it a process group of that number, has started
    b"-<pid>\\n"   that group is gone
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from dataclasses import dataclass

from devstack.machine import system
from devstack.machine.process_tree import Marks
from devstack.machine.system import ProcessId
from devstack.supervisor.leftovers import end_leftovers

GRACE = 2.0


@dataclass(slots=True)
class Guardian:
    """The supervisor's end: who the guardian is, and the pipe to it."""

    id: ProcessId
    pipe: int

    def started(self, *pids: int) -> None:
        """Tell that these process groups are ours now: one message, for each wakes the guardian."""
        self._tell(b"".join(b"+%d\n" % pid for pid in pids))

    def cleared(self, pid: int) -> None:
        """Tell that the process group `pid` is gone; its number may be used again."""
        self._tell(b"-%d\n" % pid)

    def dismiss(self) -> None:
        """End the guardian, which is not needed any more, even if somebody has stopped it; reap it."""
        if system.send_signal(self.id, system.KILL_SIGNAL):
            os.waitpid(self.id.pid, 0)
        os.close(self.pipe)

    def _tell(self, message: bytes) -> None:
        try:
            os.write(self.pipe, message)
        except BrokenPipeError:
            return  # it was killed; its end is heard of elsewhere, and a new one told all that runs


def start_guardian(
    cookie: str, run_files: tuple[str, ...], log_path: str, groups: tuple[int, ...] = ()
) -> Guardian:
    """Start the guardian of the run with `cookie`.

    `run_files` (the record, the socket) are removed after a clean-up, `log_path` gets a line about it,
    `groups` are process groups that run already.
    """
    theirs, ours = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            _become_guardian(theirs)
            code = watch(theirs, cookie, run_files, log_path)
        finally:
            os._exit(code)
    os.close(theirs)
    guardian = Guardian(system.identify(pid) or ProcessId(pid, 0.0), ours)
    guardian.started(*groups)
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
    os.chdir("/")


def _highest_descriptor() -> int:
    folder = "/proc/self/fd" if system.IS_LINUX else "/dev/fd"
    return max((int(name) for name in os.listdir(folder) if name.isdigit()), default=255)


def watch(pipe: int, cookie: str, run_files: tuple[str, ...], log_path: str) -> int:
    """Wait for the supervisor's end and clean up after it; return the exit code."""
    groups = dict.fromkeys(_read_groups(pipe), "")
    marks = Marks(cookie=cookie, groups=groups, outside=frozenset({os.getpid()}))
    outcome = end_leftovers(marks, GRACE)
    _write_log(log_path, f"the supervisor was killed; ended {len(outcome.ended)} processes of its stack\n")
    if outcome.left:
        return 1
    if _names(run_files[0], cookie):
        for path in run_files:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
    return 0


def _names(path: str, cookie: str) -> bool:
    """Say whether the record at `path` is that of the run: another supervisor may have come since."""
    try:
        with open(path, "rb") as file:
            return cookie.encode() in file.read()
    except OSError:
        return False


def _read_groups(pipe: int) -> set[int]:
    """Read messages until the pipe's end; return the groups that run then."""
    groups: set[int] = set()
    rest = b""
    while chunk := os.read(pipe, 4096):
        *messages, rest = (rest + chunk).split(b"\n")
        for message in messages:
            if message.startswith(b"+"):
                groups.add(int(message[1:]))
            else:
                groups.discard(int(message[1:]))
    return groups


def _write_log(path: str, text: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        # A full disk must not keep the guardian from its work; there is nobody else to tell.
        sys.stderr.write(f"{path}: {error}\n")
        return
    os.write(descriptor, text.encode())
    os.close(descriptor)
