"""The user of a listener whose process is hidden: Linux tells that much to everybody."""

from __future__ import annotations

import socket
import sys

from devstack.machine import system

LISTEN = b"0A"
"""TCP_LISTEN, as /proc/net/tcp writes it (include/net/tcp_states.h)."""


def listening_user(address: str, port: int) -> str | None:
    """Return the name of the user (the number where it has none) who listens at `address`, as bound.

    None where the system does not tell: anywhere but on Linux.
    """
    if not system.IS_LINUX:
        return None
    wanted = _proc_address(address, port)
    try:
        with open("/proc/net/tcp6" if ":" in address else "/proc/net/tcp", "rb") as table:
            rows = (line.split(None, 8) for line in table)
            user = next((row[7] for row in rows if row[1] == wanted and row[3] == LISTEN), None)
    except OSError:  # no such family, or /proc withheld
        return None
    return _user_name(int(user)) if user is not None else None


def _proc_address(address: str, port: int) -> bytes:
    """Write an address as /proc/net/tcp does: words of 32 bits in the machine's byte order (proc(5))."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    packed = socket.inet_pton(family, address.strip("[]"))
    words = (packed[start : start + 4] for start in range(0, len(packed), 4))
    return b"".join(b"%08X" % int.from_bytes(word, sys.byteorder) for word in words) + b":%04X" % port


def _user_name(number: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
