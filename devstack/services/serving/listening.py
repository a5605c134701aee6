"""Listening sockets: bound here, or handed over by whoever started this process (sd_listen_fds(3))."""

from __future__ import annotations

import errno
import os
import socket
import sys

from devstack.errors import ConfigError, PortTakenError

FIRST_FD = 3  # SD_LISTEN_FDS_START
BACKLOG = 2048


def open_listeners(host: str, port: int, inherited: int = 0) -> list[socket.socket]:
    """Return listening sockets for `port` on `host`, handed-over ones first.

    PortTakenError if somebody else listens there, ConfigError if `host` or the handed-over sockets are wrong.
    """
    handed = inherited_listeners(inherited, port) if inherited else []
    listeners = handed or [_listen(family, address) for family, address in _addresses(host, port)]
    for listener in listeners:
        # Accepted sockets have it from here; asyncio sets it only where it can tell that the socket is TCP.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _notice_dead_peers(listener)
    return listeners


def _notice_dead_peers(listener: socket.socket) -> None:
    """Let the kernel end accepted connections whose peer is gone without a word, after two minutes."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 20), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):
            listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def inherited_listeners(count: int, port: int) -> list[socket.socket]:
    """Return those of `count` handed-over sockets that are bound to `port`; ConfigError if none is."""
    found = []
    for fd in range(FIRST_FD, FIRST_FD + count):
        try:
            os.set_inheritable(fd, False)
            listener = socket.socket(fileno=fd)
        except OSError as error:
            raise ConfigError(
                f"LISTEN_FDS={count}, but file descriptor {fd} is no socket ({error.strerror})",
                source="shell",
            ) from None
        if listener.family in (socket.AF_INET, socket.AF_INET6) and listener.getsockname()[1] == port:
            found.append(listener)
        else:
            listener.detach()
    if not found:
        raise ConfigError(
            f"none of the {count} sockets that LISTEN_FDS hands over is bound to port {port}",
            source="shell",
            hint="unset LISTEN_FDS, or hand over the socket of the service's own port",
        )
    return found


def _addresses(host: str, port: int) -> list[tuple[int, tuple[object, ...]]]:
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise _wrong_host(host, error) from None
    return list(dict.fromkeys((int(family), address) for family, _, _, _, address in found))


def _listen(family: int, address: tuple[object, ...]) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform != "win32":  # there it would let a second process take the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise _refused(error, str(address[0]), int(str(address[1]))) from None
    return listener


def _refused(error: OSError, host: str, port: int) -> Exception:
    if error.errno == errno.EADDRINUSE:
        return PortTakenError(
            f"port {port} on {host} is taken by another process", hint="devstack check-ports names it"
        )
    if error.errno == errno.EACCES:
        return ConfigError(
            f"port {port} on {host} may not be used ({error.strerror})",
            source="shell",
            hint="ports below 1024 are the system's; choose a higher one",
        )
    return _wrong_host(host, error)


def _wrong_host(host: str, error: OSError) -> ConfigError:
    return ConfigError(
        f"HOST={host} is no address of this machine ({error.strerror})",
        source="shell",
        hint="127.0.0.1 is this machine alone, 0.0.0.0 every address that it has",
    )


def allow_many_connections() -> None:
    """Raise this process' limit of open files as far as it may: each connection takes one."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):  # macOS refuses more than kern.maxfilesperproc
        return
