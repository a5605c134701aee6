"""Whether a port can be bound: a question to the kernel alone, in microseconds and without psutil."""

from __future__ import annotations

import errno
import socket
from collections.abc import Collection, Iterable
from enum import StrEnum

from devstack.core.ports import FIRST_PORT, LAST_PORT
from devstack.machine import system

LOOPBACK = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
EVERYWHERE = (*LOOPBACK, (socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::"))  # noqa: S104 tried, never served

NO_SUCH_FAMILY = frozenset(
    {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT, errno.ENOPROTOOPT}
)
"""A machine without IPv6 says so in one of these words; nobody can listen there."""


class Binding(StrEnum):
    """The kernel's answer to a bind."""

    FREE = "free"
    IN_USE = "in use"
    FORBIDDEN = "forbidden"  # this user has no right to the port, whoever listens there


def try_binding(
    port: int, addresses: Collection[tuple[int, str]] = EVERYWHERE, *, past_time_wait: bool = False
) -> Binding:
    """Bind `port` on each of `addresses` and let it go; return the first answer that is not FREE.

    With `past_time_wait` connections in TIME_WAIT are passed over on every system; on macOS a listener on the
    wildcard is passed over then, too.
    """
    for family, address in addresses:
        answer = _bind(family, address, port, past_time_wait)
        if answer is not Binding.FREE:
            return answer
    return Binding.FREE


def are_free(ports: Iterable[int]) -> bool:
    """Say whether every one of `ports` can be bound everywhere; only where one cannot is more to be asked."""
    return all(try_binding(port) is Binding.FREE for port in set(ports))


def _bind(family: int, address: str, port: int, past_time_wait: bool) -> Binding:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            system.exclusive_bind_options(trial, past_time_wait=past_time_wait)
            if family == socket.AF_INET6:
                trial.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            trial.bind((address, port))
    except OSError as error:
        return _answer(error)
    return Binding.FREE


def _answer(error: OSError) -> Binding:
    if error.errno in NO_SUCH_FAMILY:
        return Binding.FREE
    if error.errno in (errno.EACCES, errno.EPERM) and system.has_forbidden_ports():
        return Binding.FORBIDDEN
    if error.errno in (errno.EADDRINUSE, errno.EACCES):
        return Binding.IN_USE
    raise error


def find_free_port(taken: Collection[int] = ()) -> int:
    """Return a port that is free on every address now and not in `taken`; the kernel chooses it.

    Raises OSError (EADDRINUSE) when the kernel has none to give.
    """
    for _ in range(LAST_PORT):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
            trial.bind(("127.0.0.1", 0))
            port: int = trial.getsockname()[1]
        if port not in taken and try_binding(port) is Binding.FREE:
            return port
    raise OSError(errno.EADDRINUSE, "no free port on this machine")


def next_free_port(after: int, taken: Collection[int] = (), tries: int = 200) -> int | None:
    """Return the first port above `after` that is free and not in `taken`; None after so many tries."""
    for port in range(max(after + 1, FIRST_PORT), min(after + tries, LAST_PORT) + 1):
        if port not in taken and try_binding(port) is Binding.FREE:
            return port
    return None


def answering_address(port: int, timeout: float = 0.25) -> str | None:
    """Connect to `port` on loopback; return the address that took the connection, as bound, or None.

    Only for a port whose listener the system hides from this user.
    """
    for family, address in LOOPBACK:
        try:
            with socket.socket(family, socket.SOCK_STREAM) as trial:
                trial.settimeout(timeout)
                trial.connect((address, port))
        except OSError:  # refused, no answer in time, or no such family: nobody to be met there
            continue
        return f"[{address}]" if ":" in address else address
    return None
