"""`devstack up` on a screen that the test holds in its hand: a pipe or a terminal, read as it likes."""

from __future__ import annotations

import os
import re
import select
import shlex
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

from benchmarks.lines import Tally, tally
from devstack.supervisor.run_folder.record import read_record
from tests.stack import DEADLINE, INTO_TERMINAL, PAUSE, Project, until

WRITER = Path(__file__).parent / "writer.py"
READ_SIZE = 1 << 16


def writer(way: str, *arguments: object) -> str:
    """Return the command line of a service that writes; tests/supervisor/output/writer.py knows the ways."""
    words = [sys.executable, "-I", "-S", str(WRITER), way, *map(str, arguments)]
    return "exec " + shlex.join(words)


class Up:
    """A `devstack up` and what it has shown so far."""

    def __init__(self, process: subprocess.Popen[bytes], source: int) -> None:
        self.process = process
        self.source = source
        self.shown = bytearray()
        self._reads = threading.Event()
        self._reads.set()
        self._ended = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while not self._ended.is_set():
            self._reads.wait()
            if not select.select([self.source], [], [], 0.02)[0] or not self._reads.is_set():
                continue
            try:
                chunk = os.read(self.source, READ_SIZE)
            except OSError:  # EIO: the terminal's other end has closed
                return
            if not chunk:
                return
            self.shown += chunk

    def pause(self) -> None:
        """Read no further."""
        self._reads.clear()

    def go_on(self) -> None:
        self._reads.set()

    def take(self, size: int) -> None:
        """While paused: read once, so much at most."""
        self.shown += os.read(self.source, size)

    def takes_a_byte(self) -> bool:
        """While paused: read so little that the screen stays full, and its patience begins anew."""
        before = len(self.shown)
        self.take(1)
        return len(self.shown) > before

    def type(self, keys: bytes) -> None:
        os.write(self.source, keys)

    def resize(self, rows: int, columns: int) -> None:
        termios.tcsetwinsize(self.source, (rows, columns))

    @property
    def text(self) -> str:
        return self.shown.decode("utf-8", "replace")

    def until(self, pattern: str, deadline: float = DEADLINE) -> re.Match[str]:
        """Return the first match of `pattern` as soon as it is shown."""
        end = time.monotonic() + deadline
        while True:
            has_ended = self.process.poll() is not None
            if has_ended:
                self._reader.join(1.0)
            if found := re.search(pattern, self.text, re.MULTILINE):
                return found
            assert not has_ended, f"it ended ({self.process.returncode}): {self.text[-2000:]}"
            assert time.monotonic() < end, f"waited {deadline:g} s for {pattern!r}: {self.text[-2000:]!r}"
            time.sleep(PAUSE)

    def wait(self, deadline: float = DEADLINE) -> int:
        """Return the exit code, all that was shown read."""
        code = self.process.wait(deadline)
        self._reader.join(deadline)
        assert not self._reader.is_alive(), "its output has not ended"
        return code

    def stop(self, number: int, deadline: float = DEADLINE) -> int:
        self.process.send_signal(number)
        return self.wait(deadline)

    @property
    def supervisor(self) -> psutil.Process:
        """The supervisor: the child of the process that was started, which is its keeper."""
        return psutil.Process(self.process.pid).children()[0]

    def rss(self) -> int:
        """Return the supervisor's resident memory, in bytes."""
        return int(self.supervisor.memory_info().rss)

    def lines_of(self, name: str) -> list[bytes]:
        """Return the lines shown behind the plain prefix of service `name`, without it."""
        return re.findall(rb"^%s +\| (.*)\n" % re.escape(name.encode()), bytes(self.shown), re.MULTILINE)

    def close(self) -> None:
        """End it, whatever it does; what it leaves is the project's to end."""
        self.process.kill()
        self._ended.set()
        self._reads.set()
        self._reader.join()
        os.close(self.source)
        self.process.wait()


Start = Callable[..., Up]
"""What the fixture `up` is: start_up without the project."""


def start_up(
    project: Project,
    services: Mapping[str, str],
    *arguments: str,
    terminal: tuple[int, int] | None = None,
    stdout: int | None = None,
    settings: str = "",
    **env: str,
) -> Up:
    """Start `services` (name → command) in the foreground; `terminal` is (rows, columns), else it is a pipe.

    `stdout`, where it is given, is the screen instead, and what the test reads is stderr.
    """
    lines = [f"{name}: {command}\n" for name, command in services.items()]
    (project.folder / "Procfile.dev").write_text("".join(lines))
    (project.folder / "devstack.toml").write_text(settings)
    command = [sys.executable, "-m", "devstack", "up", *arguments]
    if terminal:
        ours, theirs = os.openpty()
        termios.tcsetwinsize(theirs, terminal)
        command = [sys.executable, "-I", "-S", "-c", INTO_TERMINAL, *command[1:]]
    else:
        ours, theirs = os.pipe()
    process = subprocess.Popen(
        command,
        cwd=project.folder,
        env=project.environment(**{"TERM": "xterm-256color", **env}),
        stdin=theirs if terminal else subprocess.DEVNULL,
        stdout=theirs if stdout is None else stdout,
        stderr=theirs,
    )
    os.close(theirs)
    return Up(process, ours)


def logged(project: Project, name: str) -> bytes:
    """Return what is in the log of service `name`, rotated files first."""
    folder = project.folder / ".devstack" / "logs"
    paths = [folder / f"{name}.log{suffix}" for suffix in (".3", ".2", ".1", "")]
    return b"".join(path.read_bytes() for path in paths if path.exists())


def assert_all_there(data: bytes, counts: dict[str, int]) -> None:
    """Fail unless `data` has every line of the writers: `counts` says how many each has written."""
    found = tally([data], counts)
    assert found == Tally(written=sum(counts.values())), found


def until_file(path: Path) -> None:
    until(path.exists, f"the file {path.name}")


def until_logged(project: Project, name: str, data: bytes, deadline: float = DEADLINE) -> None:
    """Return when `data` is in the log and the stack can be asked: its first lines come before its record."""
    until(lambda: data in logged(project, name), f"{data[:100]!r} in the log of {name}", deadline)
    until(lambda: read_record(str(project.folder)) is not None, "the record", deadline)
