"""A TCP connection to a service, as its client.

Sockets in asyncio's hands and no streams: each is closed by `close()` itself, at once, whatever was
cancelled, and nothing is left for a later turn of the loop.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
from typing import Protocol

from devstack.machine import system

LOOPBACK = ("127.0.0.1", "::1")
"""Where a service of this machine may listen. By number: `localhost` may mean either."""

REFUSED = "connection refused"
NO_SUCH_ADDRESS = "no such address on this machine"
RECEIVE_SIZE = 16 * 1024
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Connection(Protocol):
    """Bytes to and from a service; the errors are OSErrors."""

    async def send(self, data: bytes) -> None:
        """Send all of `data`."""

    async def receive(self) -> bytes:
        """Return some bytes, or none at the end of the connection. Cancelled, it loses none."""

    def close(self) -> None:
        """Close it at once; may be called again."""


class PlainConnection:
    """A TCP socket. The constructor begins to connect, `connected` waits until it is.

    The constructor raises the OSError itself where the machine knows it at once, as Linux does on
    loopback: asking a port on which nobody listens yet then costs no turn of the loop.
    """

    __slots__ = ("_address", "_socket")

    def __init__(self, host: str, port: int) -> None:
        """`host` is a numeric address."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._address = (host, port)
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        try:
            self._socket.setblocking(False)
            self._knock()
        except BaseException:
            self._socket.close()
            raise

    async def connected(self) -> None:
        """Return when the connection stands."""
        if not self._is_connected():
            await asyncio.get_running_loop().sock_connect(self._socket, self._address)
        _refuse_self(self._socket)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self._socket, data)

    async def receive(self) -> bytes:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(0)  # a turn for the others: while a service floods, nothing below would give one
        if system.IS_WINDOWS:
            return await loop.sock_recv(self._socket, RECEIVE_SIZE)
        # Not sock_recv, which loses what it has just read when it is cancelled in that very turn.
        while True:
            try:
                return self._socket.recv(RECEIVE_SIZE)
            except BlockingIOError:
                await self._readable(loop)

    async def _readable(self, loop: asyncio.AbstractEventLoop) -> None:
        """Return when there is something to receive."""
        readable, descriptor = loop.create_future(), self._socket.fileno()
        loop.add_reader(descriptor, _set_done, readable)
        try:
            await readable
        finally:
            loop.remove_reader(descriptor)

    def close(self) -> None:
        self._socket.close()

    def release(self) -> socket.socket:
        """Hand the socket over; this object is then closed."""
        return socket.socket(fileno=self._socket.detach())

    def _knock(self) -> None:
        if system.IS_WINDOWS:  # its loop connects with ConnectEx, which wants an untouched socket
            return
        code = self._socket.connect_ex(self._address)
        if code == errno.EINPROGRESS:
            code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))

    def _is_connected(self) -> bool:
        try:
            self._socket.getpeername()
        except OSError:
            return False
        return True


def _set_done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _refuse_self(connected: socket.socket) -> None:
    """Refuse a connection to oneself.

    Where nobody listens on a port of the ephemeral range, the system may choose that very number for
    our own end, and TCP then connects the socket to itself (RFC 9293, 3.5, simultaneous open).
    """
    if connected.getsockname() != connected.getpeername():
        return
    # Closed by a reset it leaves no TIME_WAIT, which would keep the service from binding its port.
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))


def plain_words(error: OSError) -> str:
    """Return what went wrong with a connection, in a person's words."""
    match error:
        case ConnectionRefusedError():
            return REFUSED
        case OSError(errno=errno.EADDRNOTAVAIL | errno.EAFNOSUPPORT):
            return NO_SUCH_ADDRESS
        case ConnectionResetError() | BrokenPipeError() | ConnectionAbortedError():
            return "connection reset"
        case _:
            return error.strerror.lower() if error.strerror else str(error) or type(error).__name__
