"""One run of one tool, from its start until nothing of it is left, whatever it does."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import struct
import subprocess
import tempfile
import termios
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.child import Child, Service
from benchmarks.peers.adapter import Peer, Plan, Planner
from benchmarks.processes import COOKIE, Process, Watch, end_all, find, is_shell, look, runs
from benchmarks.reading import Reader


class CaseFailedError(Exception):
    """A tool did not do what the case needs; the text says what."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Fail what takes longer, wherever it hangs. For the main thread."""

    def _ring(_number: int, _frame: object) -> None:
        raise CaseFailedError(f"not done after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, _ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a child noted: what it did, its pid, and when (CLOCK_MONOTONIC, ns)."""

    kind: str
    pid: int
    at_ns: int


class Run:
    """A running tool: `began_ns` is just before its start; `stamps` and `go` are the children's files."""

    def __init__(self, peer: Peer, child: Child, folder: Path) -> None:
        self.peer = peer
        self.folder = folder
        self.stamps = folder / "stamps"
        self.go = folder / "go"
        self.began_ns = 0
        self._child = child
        self._cookie = uuid.uuid4().hex
        self._keys = -1
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, plan: Plan) -> None:
        """Start the tool as `plan` says, in a session of its own."""
        self.plan = plan
        home = self.folder / "home"
        home.mkdir()
        self._environment = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "HOME": str(home),
            COOKIE: self._cookie,
            **plan.environment,
        }
        reading, writing = os.openpty() if plan.terminal else os.pipe()
        if plan.terminal:
            fcntl.ioctl(writing, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
            self._keys = reading
        self.reader = Reader(reading, plan.logs)
        self.began_ns = time.monotonic_ns()
        self.process = subprocess.Popen(
            plan.argv,
            cwd=self.folder,
            env=self._environment,
            stdin=writing if plan.terminal else subprocess.DEVNULL,
            stdout=writing,
            stderr=writing,
            start_new_session=True,
        )
        self._started.append(self.process)
        os.close(writing)

    def wait_for_stamps(self, kind: str, count: int, timeout: float = 60) -> list[Stamp]:
        """Return the stamps of this kind when `count` of them are there."""
        deadline = time.monotonic() + timeout
        while True:
            ended = self.process.poll() is not None and not self.plan.stop.argv
            found = self.stamped(kind)
            if len(found) >= count:
                return found
            if ended:
                raise CaseFailedError(f"exited with {self.process.returncode}: {self.reader.output.tail()!r}")
            if time.monotonic() > deadline:
                raise CaseFailedError(f"{len(found)} of {count} services were {kind} after {timeout:.0f} s")
            time.sleep(0.01)

    def stamped(self, kind: str) -> list[Stamp]:
        """Return the stamps of this kind so far."""
        try:
            rows = [line.split() for line in self.stamps.read_text().splitlines()]
        except FileNotFoundError:
            return []
        return [Stamp(row[0], int(row[1]), int(row[2])) for row in rows if row[0] == kind]

    def processes(self) -> list[Process]:
        return find(self._cookie)

    def services(self) -> list[Process]:
        """Return the living processes of the services, shells around them not counted."""
        return [process for process in self.processes() if runs(process, self._child.words)]

    def supervisors(self) -> list[Process]:
        """Return the tool's own living processes, helpers included."""
        return [
            process
            for process in self.processes()
            if not runs(process, self._child.words) and not is_shell(process)
        ]

    def main(self) -> Process:
        """Return the process that is the supervisor: the one to signal, the one to kill."""
        pid = int(Path(self.plan.pid_file).read_text()) if self.plan.pid_file else self.process.pid
        found = look(pid)
        if found is None:
            raise CaseFailedError(f"its main process is gone: {self.reader.output.tail()!r}")
        return found

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the main process."""
        watch = Watch([self.main()])
        watch.send(number)
        watch.close()

    def stop(self) -> None:
        """Tell the tool to stop, in its own way; does not wait."""
        stop = self.plan.stop
        if stop.signal is not None:
            self.send(stop.signal)
        elif stop.keys:
            os.write(self._keys, stop.keys)
        else:
            null = subprocess.DEVNULL
            command = subprocess.Popen(
                stop.argv, cwd=self.folder, env=self._environment, stdin=null, stdout=null, stderr=null
            )
            self._started.append(command)

    def wait_until_started(self, timeout: float = 60) -> None:
        """Where the tool runs in the background: wait until the command that started it has returned."""
        if self.plan.stop.argv:
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                raise CaseFailedError(f"its start did not return within {timeout:.0f} s") from None

    def close(self) -> None:
        """End whatever is left and take the folder away."""
        left = end_all(self._cookie)
        for process in self._started:
            process.wait(10)
        if self._started:
            self.reader.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        if left:
            raise CaseFailedError(f"could not be ended: {left}")


Services = Callable[[Path, Path], Sequence[Service]]
"""Makes the services of a case from its stamp file and its go file."""


@contextmanager
def running(
    peer: Peer, executable: str, child: Child, services: Services, planner: Planner | None = None
) -> Iterator[Run]:
    """Start `peer` with these services in a new folder, as `planner` says; in the end nothing is left."""
    # The bench's own folder may lie deep, and a Unix socket's path has 108 bytes.
    run = Run(peer, child, Path(tempfile.mkdtemp(prefix="bench-")))
    try:
        run.start((planner or peer.plan)(executable, run.folder, services(run.stamps, run.go)))
        yield run
    finally:
        run.close()
