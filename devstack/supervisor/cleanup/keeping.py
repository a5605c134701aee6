"""What the keeper does while the supervisor lives, and when it has ended."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from dataclasses import dataclass
from typing import Any

from devstack.machine import system
from devstack.machine.system import ProcessId
from devstack.supervisor.cleanup.holdings import Holdings

GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL for what a killed supervisor left."""

ASKED_TO_END = (signal.SIGINT, signal.SIGTERM, system.HANGUP_SIGNAL)
"""Signals by which a supervisor ends when all is stopped and only a slow screen is left."""

SERVICES_FIRST = 0.1
"""Seconds that the keeper leaves the processors to the services, before it imports what it may need."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a keeper knows of its run.

    `supervisor` is its pid, `me` the keeper. `in_front`: both are in the terminal's foreground group. `alive`
    is held open for as long as the keeper lives. `told` is the pipe on which the supervisor says what runs,
    None where all that it leaves falls to the keeper. `run_files` (record, socket) are removed after a
    cleanup, which `log_path` gets a line about.
    """

    supervisor: int
    me: ProcessId
    cookie: str
    signals: frozenset[signal.Signals]
    in_front: bool
    alive: int
    told: int | None
    run_files: tuple[str, ...]
    log_path: str


def keep(kept: Kept) -> None:
    """Keep the supervisor until its end, clean up if it was killed, and end as it did."""
    terminal = SavedTerminal.of_standard_streams()
    _let_go_of_files(kept)
    status = _until_it_ends(kept)
    if os.WIFSIGNALED(status) or (kept.told is None and system.has_living_children()):
        _clean_up(kept, status)
    terminal.restore()
    _end_like(status)


def _let_go_of_files(kept: Kept) -> None:
    """Close all but the standard streams and our own pipes: the project's lock is the supervisor's."""
    ours = {kept.alive, kept.told}
    for descriptor in system.open_descriptors():
        if descriptor > 2 and descriptor not in ours:
            with contextlib.suppress(OSError):  # the listing's own, closed again
                os.close(descriptor)


def _until_it_ends(kept: Kept) -> int:
    """Hand signals on until the supervisor ends; return its wait status."""
    has_loaded = False
    while True:
        if (status := _reap(kept.supervisor)) is not None:
            return status
        caught = system.wait_for_signal(kept.signals, None if has_loaded else SERVICES_FIRST)
        if caught is None:
            has_loaded = True
            _load_cleanup()
            continue
        number, is_from_terminal = caught
        has_heard = kept.in_front and is_from_terminal
        if number != signal.SIGCHLD and not has_heard:
            _send(kept.supervisor, number)
        if number == signal.SIGTSTP:
            _suspend_us()
            # Also where the kernel suspends nobody, for there is no shell that could resume us.
            _send(kept.supervisor, signal.SIGCONT)


def _load_cleanup() -> None:
    """Import what a cleanup needs: later the package may have been replaced or removed."""
    import devstack.machine.process_tree
    import devstack.supervisor.cleanup.leftovers  # noqa: F401

    os.chdir("/")  # sys.path may have named the folder from within


def _reap(supervisor: int) -> int | None:
    """Reap all children that have exited; return the supervisor's wait status if it is among them."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return None
        if pid == supervisor:
            return status
        if pid == 0:
            return None


def _send(pid: int, number: int) -> None:
    # Only we reap it, so its pid cannot have been given to another.
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _suspend_us() -> None:
    """Suspend this process as Ctrl-Z does, for the shell waits for us; return when it is resumed."""
    os.kill(os.getpid(), signal.SIGTSTP)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTSTP})
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTSTP})


def _clean_up(kept: Kept, status: int) -> None:
    """End what the supervisor left, and say so."""
    from devstack.machine.process_tree import Marks
    from devstack.supervisor.cleanup.leftovers import end_leftovers

    outside = frozenset({kept.me.pid})
    if kept.told is None:
        marks = Marks(cookie=kept.cookie, parents=(kept.me,), outside=outside)
    else:
        holdings = _read_holdings(kept.told)
        groups, pipes = dict.fromkeys(holdings.groups, ""), frozenset(holdings.pipes)
        marks = Marks(kept.cookie, groups, outside=outside, pipes=pipes, since=kept.me.started)
    outcome = end_leftovers(marks, GRACE)
    _reap(0)
    how = f"was killed by {signal.Signals(os.WTERMSIG(status)).name}" if os.WIFSIGNALED(status) else "crashed"
    text = f"the supervisor {how}; ended {len(outcome.ended)} processes of its stack\n"
    if outcome.ended or not os.WIFSIGNALED(status) or os.WTERMSIG(status) not in ASKED_TO_END:
        _write_log(kept.log_path, text)
        _tell(f"devstack: {text}")
    if not outcome.left and _names(kept.run_files[0], kept.cookie):
        for path in kept.run_files:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


def _read_holdings(pipe: int) -> Holdings:
    """Read messages until the pipe's end; return what is the run's then."""
    holdings = Holdings()
    rest = b""
    while chunk := os.read(pipe, 65536):
        *messages, rest = (rest + chunk).split(b"\n")
        for message in messages:
            holdings.take(message)
    return holdings


def _names(path: str, cookie: str) -> bool:
    """Return True if the record at `path` is that of the run: another supervisor may have come since."""
    try:
        with open(path, "rb") as file:
            return cookie.encode() in file.read()
    except OSError:
        return False


def _write_log(path: str, text: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        _tell(f"{path}: {error.strerror}\n")
        return
    with contextlib.suppress(OSError):  # a full disk must not keep the keeper from its work
        os.write(descriptor, text.encode())
    os.close(descriptor)


def _tell(text: str) -> None:
    """Say something on stderr, where that takes it at once: a reader that is stuck must not hold us up."""
    with contextlib.suppress(OSError):
        if select.select([], [2], [], 0)[1]:
            os.write(2, text.encode())


def _end_like(status: int) -> None:
    """End with the supervisor's exit code, or by the signal that ended it."""
    if os.WIFEXITED(status):
        os._exit(os.WEXITSTATUS(status))
    number = os.WTERMSIG(status)
    system.dump_no_core()  # the supervisor's own says more
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    os.kill(os.getpid(), number)
    os._exit(128 + number)  # pid 1 of a container: the kernel lets no such signal end it


@dataclass(frozen=True, slots=True)
class SavedTerminal:
    """The settings of the user's terminal as they were; `descriptor` is -1 without a terminal."""

    descriptor: int = -1
    settings: tuple[Any, ...] = ()

    @classmethod
    def of_standard_streams(cls) -> SavedTerminal:
        """Return the settings of the first standard stream that is a terminal."""
        for descriptor in (0, 1, 2):
            if (settings := system.terminal_settings(descriptor)) is not None:
                return cls(descriptor, settings)
        return cls()

    def restore(self) -> None:
        """Put the settings back, if they have changed and the terminal is ours."""
        if self.descriptor >= 0 and system.terminal_settings(self.descriptor) != self.settings:
            system.restore_terminal(self.descriptor, self.settings)
