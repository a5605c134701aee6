"""A project in a temporary folder, `devstack` as a real process in it, and proof of what is left of it.

Everything that a test starts here carries the project's mark, in its environment or in its arguments: so what
is left is found however it slipped away, and ended by its pid when the test is over, passed or not.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from devstack.supervisor.run_folder.record import Record, read_record
from tests.waiting import until

DEADLINE = 30.0
PAUSE = 0.01
MARK = "STACK_OF_TEST"
HIDDEN = ("DEVSTACK", "NODE_ENV", "PORT", "WS_PORT", "HMR_PORT", "FRONTEND_PORT", "NO_COLOR", "FORCE_COLOR")
HARDEST = "empty_orphan" if sys.platform.startswith("linux") else "empty_in_session"
"""The child that is hardest to find: elsewhere nobody can that has lost environment, session and parent."""

CHILD = Path(__file__).parent / "faults" / "child.py"
INTO_TERMINAL = (
    "import fcntl, os, sys, termios\n"
    "os.setsid()\n"
    "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
    "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])\n"
)


def pause(seconds: float) -> None:
    """Let time pass, where time itself is what a test is about."""
    time.sleep(seconds)


def is_free(port: int) -> bool:
    """Say whether a server could listen on `port` of loopback now."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def is_stopped(pid: int) -> bool:
    """Return True if the process is suspended by a signal."""
    return psutil.Process(pid).status() == psutil.STATUS_STOPPED


def child(way: str, *arguments: object) -> str:
    """Return the command line of a process that is hard to end; tests/faults/child.py knows the ways."""
    return " ".join([f'exec "{sys.executable}" -I -S "{CHILD}" {way}', *map(str, arguments)])


@dataclass
class Running:
    """A process of devstack's and what it has said so far, stdout and stderr together."""

    process: subprocess.Popen[bytes]
    source: int
    output: bytearray = field(default_factory=bytearray)
    _reader: threading.Thread | None = None
    _stop: tuple[int, int] = (-1, -1)

    def __post_init__(self) -> None:
        self._stop = os.pipe()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            ready, _, _ = select.select([self.source, self._stop[0]], [], [])
            if self._stop[0] in ready:
                return
            try:
                chunk = os.read(self.source, 65536)
            except OSError:  # a terminal whose other end was closed
                return
            if not chunk:
                return
            self.output += chunk

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def text(self) -> str:
        return self.output.decode("utf-8", "replace")

    def until_said(self, *texts: str) -> None:
        """Return when all of `texts` have been said; fail at once when the process ends before."""

        def _is_said() -> bool:
            has_ended = self.process.poll() is not None
            if has_ended and self._reader is not None:
                self._reader.join(1.0)
            said = all(text in self.text for text in texts)
            assert said or not has_ended, f"it ended ({self.process.returncode}): {self.text}"
            return said

        until(_is_said, f"{texts} in {self.text!r}")

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def type(self, keys: bytes) -> None:
        """Type `keys` on its terminal."""
        os.write(self.source, keys)

    def wait(self, deadline: float = DEADLINE) -> int:
        """Return its exit code (negative: the signal that killed it), all that it said read."""
        try:
            code = self.process.wait(deadline)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end within {deadline:g} s: {self.text}") from None
        if self._reader is not None:
            self._reader.join(0.2)  # a process that it left behind may hold its output open
        return code

    def close(self) -> None:
        """Close our end of its output: its reader is gone, its terminal was closed."""
        if self.source < 0:
            return
        os.write(self._stop[1], b"x")
        if self._reader is not None:
            self._reader.join()
        for descriptor in (self.source, *self._stop):
            os.close(descriptor)
        self.source = -1


@dataclass
class Project:
    """A project's folder, and the processes of its stack."""

    folder: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    _running: list[Running] = field(default_factory=list)

    def stack(self, services: Mapping[str, str], settings: str = "", mode: str = "dev") -> None:
        """Write a Procfile of `services` (name → command), ready when they say `up`, with a short grace.

        `settings` is more of devstack.toml: tables of its own, or `[services.NAME]` ones, which replace ours.
        """
        lines = [f"{name}: {command}\n" for name, command in services.items()]
        (self.folder / f"Procfile.{mode}").write_text("".join(lines))
        ours = [
            f'[services.{name}]\nports = []\nready = {{ log = "^up" }}\nstop = {{ grace = 0.5 }}\n'
            for name in services
            if f"[services.{name}]" not in settings
        ]
        (self.folder / "devstack.toml").write_text("\n".join([*ours, settings]))

    def script(self, name: str, code: str) -> str:
        """Write a Python program into the project; return the command that runs it."""
        (self.folder / name).write_text(code)
        return f'exec "{sys.executable}" -S {name}'

    @property
    def python(self) -> str:
        """Return the interpreter that has devstack."""
        return sys.executable

    def environment(self, **variables: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(HIDDEN)}
        return {**kept, MARK: self.mark, **variables}

    def run(self, *arguments: str, timeout: float = 60.0, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a devstack command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "devstack", *arguments],
            cwd=self.folder,
            env=self.environment(**env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout,
        )

    def start(self, *arguments: str, **env: str) -> Running:
        """Start a devstack command whose output goes into a pipe."""
        ours, theirs = os.pipe()
        process = subprocess.Popen(
            [sys.executable, "-m", "devstack", *arguments],
            cwd=self.folder,
            env=self.environment(**env),
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        return self._keep(Running(process, ours))

    def start_with(self, wrapper: list[str], *arguments: str) -> Running:
        """Start a devstack command behind another one, such as `unshare`."""
        ours, theirs = os.pipe()
        process = subprocess.Popen(
            [*wrapper, sys.executable, "-m", "devstack", *arguments],
            cwd=self.folder,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        return self._keep(Running(process, ours))

    def start_in_terminal(self, *arguments: str, **env: str) -> Running:
        """Start a devstack command as the leader of a session on a terminal of its own."""
        ours, theirs = os.openpty()
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", INTO_TERMINAL, "-m", "devstack", *arguments],
            cwd=self.folder,
            env=self.environment(**env),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        command = psutil.Process(process.pid).cmdline
        until(lambda: INTO_TERMINAL not in command(), "it to have its terminal")
        return self._keep(Running(process, ours))

    def start_in_script(self, *arguments: str, **env: str) -> Running:
        """Start a devstack command on a terminal, from a shell without job control."""
        ours, theirs = os.openpty()
        command = f'"{sys.executable}" -m devstack {" ".join(arguments)}; exit $?'
        shell = f"import os; os.execv('/bin/sh', ['sh', '-c', {command!r}])"
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", INTO_TERMINAL, "-c", shell],
            cwd=self.folder,
            env=self.environment(**env),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        return self._keep(Running(process, ours))

    def start_shell(self) -> Running:
        """Start an interactive shell, with job control, on a terminal of its own."""
        ours, theirs = os.openpty()
        shell = "import os; os.execv('/bin/sh', ['sh', '-i'])"
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", INTO_TERMINAL, "-c", shell],
            cwd=self.folder,
            env=self.environment(PS1="$ ", ENV=""),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        return self._keep(Running(process, ours))

    def _keep(self, running: Running) -> Running:
        self._running.append(running)
        return running

    def up(self, *arguments: str, **env: str) -> Running:
        """Start the stack in the foreground and return when it is ready."""
        running = self.start("up", "--timeout", "20", *arguments, **env)
        running.until_said("ready in")
        return running

    def up_detached(self, *arguments: str, **env: str) -> Record:
        """Start the stack in the background; return its record."""
        done = self.run("up", "-d", "--timeout", "20", *arguments, **env)
        assert done.returncode == 0, done.stdout + done.stderr
        return self.record()

    def record(self) -> Record:
        record = read_record(str(self.folder))
        assert record is not None, "there is no record"
        return record

    def kill_supervisor(self, up: Running | None = None, number: int = signal.SIGKILL) -> None:
        """Send a signal to the supervisor: the recorded one, or the child of `up`, its keeper."""
        pid = self.record().supervisor.pid if up is None else psutil.Process(up.pid).children()[0].pid
        os.kill(pid, number)

    def status(self) -> dict[str, dict[str, Any]]:
        """Return what `devstack status --json` says of each service."""
        done = self.run("status", "--json")
        assert done.returncode == 0, done.stderr
        return {one["name"]: one for one in json.loads(done.stdout)["services"]}

    def log(self, service: str) -> str:
        """Return what is in the service's log."""
        path = self.folder / ".devstack" / "logs" / f"{service}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def until_logged(self, service: str, text: str, deadline: float = DEADLINE) -> None:
        until(lambda: text in self.log(service), f"{text!r} in the log of {service}", deadline)

    def number(self, service: str, label: str) -> int:
        """Return the number behind `label=` in the service's log."""
        self.until_logged(service, f"{label}=")
        return int(self.log(service).split(f"{label}=", 1)[1].split()[0])

    def living(self) -> dict[int, str]:
        """Return every living process that was started here, pid → command; zombies are not alive."""
        found = {}
        for process in psutil.process_iter(["environ", "cmdline", "status"]):
            about = process.info
            is_ours = (about["environ"] or {}).get(MARK) == self.mark or self.mark in (about["cmdline"] or [])
            if is_ours and about["status"] not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
                found[process.pid] = " ".join(about["cmdline"] or [])
        return found

    def until_nothing_is_left(self, deadline: float = DEADLINE) -> None:
        """Return when no process that was started here lives; fail after `deadline` seconds."""
        until(lambda: not self.living(), f"no process, and there are {self.living()}", deadline)

    def until_nothing_is_left_but(self, *pids: int, deadline: float = DEADLINE) -> None:
        """Return when no process that was started here lives, `pids` apart."""
        until(lambda: not self.living().keys() - set(pids), f"none, and there are {self.living()}", deadline)

    def assert_nothing_is_left(self, *ports: int) -> None:
        """Fail if any process that was started here lives, or any of `ports` is held."""
        living = self.living()
        assert not living, f"left: {living}"
        assert [port for port in ports if not is_free(port)] == []

    def clean_up(self) -> None:
        """End whatever lives still, and close all that is ours."""
        end = time.monotonic() + DEADLINE
        while pids := set(self.living()):
            assert time.monotonic() < end, f"cannot end {self.living()}"
            for pid in pids:
                _kill(pid)
            time.sleep(PAUSE)
        for running in self._running:
            running.process.wait()
            running.close()


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


@contextmanager
def project_in(folder: Path) -> Iterator[Project]:
    """A project in `folder`; all that was started in it ends with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    project = Project(folder)
    try:
        yield project
    finally:
        project.clean_up()
