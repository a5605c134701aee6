"""Built-in services as real processes on free ports, and requests to them byte by byte."""

from __future__ import annotations

import http.client
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.waiting import until

DEADLINE = 30.0
VARIABLES = {"frontend": "FRONTEND_PORT", "hmr": "HMR_PORT", "api": "PORT", "trading": "WS_PORT"}
VARIABLES["combined"] = "PORT"
OURS = ("DEVSTACK", "NODE_ENV", "HOST")


def quiet_port() -> int:
    """Return a free port that no client's connection takes meanwhile: below those that systems give out."""
    while True:
        port = random.SystemRandom().randrange(10_000, 32_000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


@dataclass
class Service:
    """One running service and what it has printed."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    reader: threading.Thread | None = None

    def read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                self.lines.append(line.rstrip("\n"))

    def said(self, text: str) -> bool:
        return any(text in line for line in self.lines)

    def is_listening(self) -> bool:
        return self.said("listening") or self.process.poll() is not None

    def end(self, number: int) -> int:
        """Signal it, and return its exit code once all that it printed has been read."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(DEADLINE)
        if self.reader is not None:
            self.reader.join(DEADLINE)
        return code


@dataclass
class Services:
    """Services of one stack: they share root, ports and the folder for their secret."""

    folder: Path
    root: Path | None
    environment: dict[str, str]
    running: dict[str, Service] = field(default_factory=dict)

    def port(self, name: str) -> int:
        return int(self.environment[VARIABLES[name]])

    def url(self, name: str, path: str = "/") -> str:
        return f"http://localhost:{self.port(name)}{path}"

    def start(self, *names: str) -> None:
        """Start the services at once and return when all listen."""
        for name in names:
            self.running[name] = self._spawn(name)
        for name in names:
            service = self.running[name]
            until(service.is_listening, f"{name} to listen")
            assert service.process.poll() is None, f"{name} ended: {service.lines}"

    def _spawn(self, name: str) -> Service:
        has_root = self.root is not None and name in ("frontend", "hmr", "combined")
        root = ["--root", str(self.root)] if has_root else []
        process = subprocess.Popen(
            [sys.executable, "-m", "devstack", "serve", name, *root],
            env=self.environment,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        service = Service(process)
        service.reader = threading.Thread(target=service.read, daemon=True)
        service.reader.start()
        return service

    def end(self, name: str, number: int = signal.SIGTERM) -> int:
        """Signal a service and return its exit code."""
        return self.running[name].end(number)

    def restart(self, *names: str) -> None:
        """End services gracefully and start them again on the same ports."""
        for name in names:
            self.end(name)
        self.start(*names)


@contextmanager
def services(folder: Path, root: Path | None = None, **variables: str) -> Iterator[Services]:
    """A set of services, none started yet; all end with the block."""
    ports = {name: str(quiet_port()) for name in set(VARIABLES.values())}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    environment = {**kept, "XDG_STATE_HOME": str(folder), "PYTHONUNBUFFERED": "1", **ports, **variables}
    found = Services(folder, root, environment)
    try:
        yield found
    finally:
        for service in found.running.values():
            service.end(signal.SIGKILL)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


def ask(
    port: int,
    path: str = "/",
    method: str = "GET",
    headers: Sequence[tuple[str, str]] | None = None,
    **named: str,
) -> Answer:
    """Send one request just as given; `headers` replaces even Host. Names in `named` have `_` for `-`."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        given = [("Host", f"localhost:{port}")] if headers is None else list(headers)
        for name, value in [*given, *((name.replace("_", "-"), value) for name, value in named.items())]:
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        body = response.read()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, body)
    finally:
        connection.close()
