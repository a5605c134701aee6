"""Real processes and sockets for the tests of preflight: strangers that hold a port in every way there is."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from devstack.core.ports import PortClaim, Protocol

HOLD_A_PORT = """
import os, socket, sys
address, port, reuse, share = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "reuse", sys.argv[4] == "share"
server = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
if reuse:
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
server.bind((address, port))
server.listen()
child = os.fork() if share else 0
if share and child == 0:
    sys.stdin.read()
    os._exit(0)
print(server.getsockname()[1], child, flush=True)
sys.stdin.read()
"""
"""Listens until its stdin is closed, and says on which port; `share` forks a second holder of the socket."""


@dataclass(frozen=True)
class Stranger:
    """A process that listens; `child` is 0, or the pid of the one that shares its socket."""

    pid: int
    port: int
    child: int


@contextmanager
def stranger(
    address: str = "127.0.0.1",
    port: int = 0,
    *,
    ways: Sequence[str] = (),
    program: str = sys.executable,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
) -> Iterator[Stranger]:
    """Run a process that listens at `address`; `ways` are of "reuse" and "share"."""
    arguments = [address, str(port), *(way if way in ways else "-" for way in ("reuse", "share"))]
    with subprocess.Popen(
        [program, "-c", HOLD_A_PORT, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **(env or {})},
        cwd=cwd,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        number, child = process.stdout.readline().split()
        yield Stranger(process.pid, int(number), int(child))
        process.stdin.close()


@contextmanager
def listening(address: str, port: int = 0, *, v6_only: bool = False) -> Iterator[int]:
    """Listen at `address` in this process; yield the port."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        server = socket.socket(family, socket.SOCK_STREAM)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with server:
        if family == socket.AF_INET6:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6_only)
        try:
            server.bind((address, port))
        except OSError as error:
            pytest.skip(f"this machine has no address {address}: {error}")
        server.listen()
        yield server.getsockname()[1]


def quiet_port() -> int:
    """Return a port below the ephemeral range that nobody holds: no client's connection will take it."""
    while True:
        port = random.randint(20000, 29999)
        with socket.socket() as trial:
            try:
                trial.bind(("0.0.0.0", port))
            except OSError:
                continue
            return port


def claim(port: int, service: str = "api", variable: str | None = "PORT") -> PortClaim:
    return PortClaim(service, port, variable, Protocol.HTTP, "REST API")


def foreign_address() -> str:
    """Return an IPv4 address of this machine that is not on loopback; skip where there is none."""
    import psutil

    for addresses in psutil.net_if_addrs().values():
        for one in addresses:
            if one.family == socket.AF_INET and not one.address.startswith("127."):
                return str(one.address)
    pytest.skip("this machine has no address beyond loopback")


def named_python(folder: os.PathLike[str], name: str) -> str:
    """Return a Python whose processes go by `name`."""
    path = os.path.join(folder, name)
    os.symlink(os.path.realpath(sys.executable), path)
    return path
