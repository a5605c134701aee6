"""A first look at claimed ports, without psutil and its cost: does a known process hold every listener?

Linux alone tells it so cheaply: /proc/net/tcp has the listeners, /proc/PID/fd who holds one (proc(5)).
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from devstack.machine import system
from devstack.machine.listeners import bound_address, concerns

LISTEN = b"0A"
"""TCP_LISTEN, as /proc/net/tcp writes it (include/net/tcp_states.h)."""


class _ListeningSocket(NamedTuple):
    port: int
    name: str  # as /proc/PID/fd has it


def unaccounted_ports(claims: Mapping[int, str], services: Mapping[int, str]) -> frozenset[int] | None:
    """Return the ports on which a client of `localhost` could meet another process than its service's.

    `claims` is port → service, `services` pid → service of the stack's processes, "" for those that may hold
    any of the ports. A port on which nobody listens is not returned. None where the system does not tell.
    """
    if not system.IS_LINUX:
        return None
    try:
        sockets = list(_listening_sockets(claims))
    except OSError:  # /proc withheld
        return None
    if not sockets:
        return frozenset()
    holders: dict[str, set[str]] = {one.name: set() for one in sockets}
    for pid, service in services.items():
        for name in _open_files(pid):
            if name in holders:
                holders[name].add(service)
    return frozenset(one.port for one in sockets if not holders[one.name] & {claims[one.port], ""})


def _listening_sockets(ports: Mapping[int, str]) -> Iterator[_ListeningSocket]:
    """Yield the sockets on `ports` that a client of `localhost` could meet. Raises OSError."""
    wanted = {b"%04X" % port: port for port in ports}
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        if path.endswith("6") and not os.path.exists(path):
            continue  # a machine without IPv6
        with open(path, "rb") as table:
            for line in table:
                fields = line.split(None, 10)
                address, _, port = fields[1].partition(b":")
                if port in wanted and fields[3] == LISTEN and concerns(_address(address)):
                    yield _ListeningSocket(wanted[port], f"socket:[{fields[9].decode()}]")


def _address(text: bytes) -> str:
    """Read an address as /proc/net/tcp writes it: words of 32 bits in the machine's byte order (proc(5))."""
    words = (int(text[start : start + 8], 16) for start in range(0, len(text), 8))
    packed = b"".join(word.to_bytes(4, sys.byteorder) for word in words)
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    return bound_address(socket.inet_ntop(family, packed))


def _open_files(pid: int) -> Iterator[str]:
    """Yield the kernel's name of every file that `pid` has open; none of one that ended or is another's."""
    folder = f"/proc/{pid}/fd"
    try:
        descriptors = os.listdir(folder)
    except OSError:
        return
    for descriptor in descriptors:
        try:
            yield os.readlink(f"{folder}/{descriptor}")
        except OSError:  # closed meanwhile
            continue
