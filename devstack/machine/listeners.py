"""Who listens where: the machine's listening TCP sockets, by psutil."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from devstack.machine.socket_holders import find_holders

if TYPE_CHECKING:
    import psutil


class Listener(NamedTuple):
    """One process at one listening socket.

    `address` is as bound (`0.0.0.0`, `[::]`, `[::1]`). `pid` is None where this user may not see the owner.
    A socket that several processes share is one listener for each.
    """

    port: int
    address: str
    pid: int | None


def find_listeners(ports: Collection[int] | None = None) -> tuple[Listener, ...]:
    """Return the listeners on `ports` (on all where None), by port, address and pid."""
    found = [one for one in _read_sockets() if one.is_listening and (ports is None or one.port in ports)]
    holders = find_holders((one.pid, one.descriptor) for one in found if one.pid is not None)
    listeners = {Listener(one.port, one.address, pid) for one in found for pid in _pids_of(one, holders)}
    return tuple(sorted(listeners, key=lambda one: (one.port, one.address, one.pid or 0)))


def _pids_of(
    one: _Socket, holders: Mapping[tuple[int, int], tuple[int, ...]]
) -> tuple[int, ...] | tuple[None]:
    if one.pid is None:
        return (None,)
    return holders.get((one.pid, one.descriptor), (one.pid,))


def find_connected_ports(ports: Collection[int]) -> frozenset[int]:
    """Return those of `ports` that are the local end of a connection, living or in TIME_WAIT."""
    return frozenset(one.port for one in _read_sockets() if not one.is_listening and one.port in ports)


def bound_address(ip: str) -> str:
    """Return an IP address as people write it beside a port: IPv6 in brackets (RFC 3986, section 3.2.2)."""
    return f"[{ip}]" if ":" in ip else ip


def concerns(address: str) -> bool:
    """Say whether a client of `localhost` could meet a listener at `address`.

    It could on a loopback address and on the wildcard, of either family, IPv4-mapped ones included.
    """
    ip = address.strip("[]").partition("%")[0]
    ip = ip.removeprefix("::ffff:") if "." in ip else ip
    return ip in ("0.0.0.0", "::", "::1") or ip.startswith("127.")  # noqa: S104 compared, never bound


class _Socket(NamedTuple):
    """A TCP socket as psutil shows it. `descriptor` is -1 where the system does not tell."""

    port: int
    address: str
    is_listening: bool
    pid: int | None
    descriptor: int


def _read_sockets() -> Iterator[_Socket]:
    """Yield every TCP socket that this user may see."""
    import psutil

    try:
        for row in psutil.net_connections("tcp"):
            if row.laddr:
                yield _socket(row, row.pid)
    except psutil.AccessDenied:  # macOS shows the whole table to root alone
        yield from _read_own_sockets(psutil.process_iter())


def _read_own_sockets(processes: Iterator[psutil.Process]) -> Iterator[_Socket]:
    import psutil

    for process in processes:
        try:
            rows = process.net_connections("tcp")
        except (psutil.AccessDenied, psutil.NoSuchProcess):
            continue
        yield from (_socket(row, process.pid) for row in rows if row.laddr)


def _socket(row: Any, pid: int | None) -> _Socket:
    return _Socket(row.laddr.port, bound_address(row.laddr.ip), row.status == "LISTEN", pid, row.fd)
