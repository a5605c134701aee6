"""What /proc says of the processes of one run, and how they are ended. Linux alone.

A run is found by its cookie: a variable in the environment of the peer, which all that it starts inherits.
Nothing is ever signalled but through a pidfd whose process was compared by its start time.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass

COOKIE = "DEVSTACK_BENCH_COOKIE"
_SHELLS = frozenset({"sh", "dash", "bash", "busybox"})
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Process:
    """One process: pid and start time (ticks since boot) are its identity."""

    pid: int
    started: int
    executable: str
    words: tuple[str, ...]


def _read(pid: int, name: str) -> bytes:
    with open(f"/proc/{pid}/{name}", "rb") as file:
        return file.read()


def _stat(pid: int) -> list[bytes]:
    # The name in parentheses may hold blanks; what counts stands behind the last one.
    return _read(pid, "stat").rpartition(b")")[2].split()


def look(pid: int) -> Process | None:
    """Return the process `pid`, or None where there is none, or only its zombie."""
    try:
        stat = _stat(pid)
        if stat[0] in (b"Z", b"X"):
            return None
        words = tuple(os.fsdecode(word) for word in _read(pid, "cmdline").split(b"\0")[:-1])
        return Process(pid, int(stat[19]), os.readlink(f"/proc/{pid}/exe"), words)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None


def find(cookie: str) -> list[Process]:
    """Return all living processes whose environment holds `cookie`."""
    wanted = f"{COOKIE}={cookie}".encode()
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        with contextlib.suppress(OSError):
            if wanted in _read(int(name), "environ").split(b"\0") and (process := look(int(name))):
                found.append(process)
    return found


def is_shell(process: Process) -> bool:
    """Whether this is the shell around a service's command: neither service nor supervisor."""
    return os.path.basename(process.executable) in _SHELLS


def runs(process: Process, child: tuple[str, ...]) -> bool:
    """Whether this is the child that the words `child` start."""
    return process.words[: len(child)] == child


def cpu_seconds(processes: Iterable[Process]) -> float:
    """Return the processor time of these processes so far, in seconds, to a clock tick (10 ms)."""
    total = 0
    for process in processes:
        with contextlib.suppress(OSError):
            stat = _stat(process.pid)
            total += int(stat[11]) + int(stat[12])
    return total / _TICKS


def cpu_nanoseconds(processes: Iterable[Process]) -> int:
    """Return the processor time of the living threads of these processes, exact (schedstat), in ns."""
    total = 0
    for process in processes:
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{process.pid}/task"):
                total += int(_read(process.pid, f"task/{thread}/schedstat").split()[0])
    return total


def pss_bytes(processes: Iterable[Process]) -> int:
    """Return the proportional set size of these processes together, in bytes."""
    total = 0
    for process in processes:
        with contextlib.suppress(OSError):
            for line in _read(process.pid, "smaps_rollup").splitlines():
                if line.startswith(b"Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


class Watch:
    """Pidfds of some processes: tells when all have gone, and can end them."""

    def __init__(self, processes: Iterable[Process]) -> None:
        self._fds: dict[int, Process] = {}
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                fd = os.pidfd_open(process.pid)
                now = look(process.pid)
                if now is not None and now.started == process.started:
                    self._fds[fd] = process
                else:
                    os.close(fd)

    def wait(self, timeout: float) -> list[Process]:
        """Wait until all have gone or `timeout` seconds are over; return those that live."""
        deadline = time.monotonic() + timeout
        poll = select.poll()
        for fd in self._fds:
            poll.register(fd, select.POLLIN)
        while self._fds:
            left = deadline - time.monotonic()
            ready = poll.poll(max(0, left) * 1000)
            for fd, _ in ready:
                poll.unregister(fd)
                del self._fds[fd]
                os.close(fd)
            if not ready and left <= 0:
                break
        return list(self._fds.values())

    def send(self, number: signal.Signals) -> None:
        """Send this signal to each that lives."""
        for fd in self._fds:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(fd, number)

    def close(self) -> None:
        for fd in self._fds:
            os.close(fd)
        self._fds.clear()


def end_all(cookie: str, timeout: float = 10) -> list[Process]:
    """End with SIGKILL all that this cookie finds; return what lives all the same after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    left = find(cookie)
    while left and time.monotonic() < deadline:
        watch = Watch(left)
        watch.send(signal.SIGKILL)
        watch.wait(1)
        watch.close()
        left = find(cookie)
    return left
