"""Real services in processes of their own, on free ports, ended with the test."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

PROGRAM = """
import json, sys
from importlib import import_module
from devstack.services.limits import Limits
from devstack.services.settings import Settings
name, fields, limits = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
settings = Settings(**fields, limits=Limits(**limits))
def say(line):
    print(line, flush=True)
run = import_module(f"devstack.services.apps.{name}").run
run(settings, say) if name in ("api", "trading") else run(settings, None, say)
"""
PORT_FIELDS = {
    "api": "api_port",
    "trading": "trading_port",
    "combined": "api_port",
    "frontend": "frontend_port",
}
LONG = 20.0
_chance = random.SystemRandom()  # pytest-randomly seeds the other one alike in every worker


def free_port() -> int:
    """Return a port on which nothing listens, below those that the kernel gives to clients."""
    while True:
        port = _chance.randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def until(true: Callable[[], Any], seconds: float = LONG) -> Any:
    """Return what `true` returns as soon as it is true; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        found = true()
        if found:
            return found
        assert time.monotonic() < deadline, f"not true within {seconds} s"
        time.sleep(0.01)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Running:
    """A service that listens."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    announced: str
    errors: Any = field(repr=False)

    def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """Ask over HTTP; an error status is an answer like any other."""
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=named, method=method)
        try:
            with urllib.request.urlopen(request, timeout=LONG) as response:
                return Answer(response.status, dict(response.headers), response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read())

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/api/ws"

    def stop(self) -> tuple[int, float]:
        """Ask the service to end; return its exit code and how many seconds it took."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(LONG), time.monotonic() - started

    def complaints(self) -> str:
        """Return what the service has written to stderr."""
        self.errors.seek(0)
        return str(self.errors.read().decode())


@contextlib.contextmanager
def serving(
    name: str,
    *,
    limits: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    pass_fds: tuple[int, ...] = (),
    **settings: Any,
) -> Iterator[Running]:
    """Run a built-in service with these settings; a port is chosen where none is given."""
    import tempfile

    port = settings.setdefault(PORT_FIELDS[name], free_port())
    program = [sys.executable, "-c", PROGRAM, name, json.dumps(settings), json.dumps(dict(limits or {}))]
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            program,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**os.environ, **(environ or {})},
            pass_fds=pass_fds,
        )
        try:
            assert process.stdout is not None
            announced = process.stdout.readline().decode().strip()
            running = Running(name, port, process, announced, errors)
            assert announced, running.complaints()
            yield running
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
