"""A GET over a connection: one request, one response, within limits. The caller bounds the time."""

from __future__ import annotations

from dataclasses import dataclass

from devstack.core.http import BodyReader, Head, HttpError, get_request, split_head
from devstack.supervisor.probes.connection import Connection

MAX_BODY = 1024 * 1024
_HEADERS = (("User-Agent", "devstack"), ("Accept", "*/*"))


@dataclass(frozen=True, slots=True)
class Response:
    """`is_complete` is False where the body was longer than the limit, or the connection ended within it."""

    head: Head
    body: bytes
    is_complete: bool

    @property
    def status(self) -> int:
        return self.head.status


async def get(connection: Connection, *, host: str, path: str, body_limit: int = MAX_BODY) -> Response:
    """Return the response to a GET of `path`, with at most `body_limit` bytes of its body.

    `host` is the Host header. A redirect is a response like any other. HttpError, OSError: there is none.
    """
    head, rest = await ask_head(connection, host=host, path=path)
    return await read_body(connection, head, rest, limit=body_limit)


async def ask_head(connection: Connection, *, host: str, path: str) -> tuple[Head, bytes]:
    """Send a GET and return its response's head, and the bytes that came behind it.

    The server is not asked to close: the side that closes first keeps the port in TIME_WAIT, and a service
    that could not bind its port again after a restart would be our doing.
    """
    await connection.send(get_request(path, (("Host", host), *_HEADERS)))
    head, rest = await read_head(connection)
    while head.status < 200 and head.status != 101:
        head, rest = await read_head(connection, rest)
    return head, rest


async def read_head(connection: Connection, begun: bytes = b"") -> tuple[Head, bytes]:
    """Return a response's head, and the bytes that came behind it."""
    buffer = bytearray(begun)
    while (found := split_head(buffer)) is None:
        data = await connection.receive()
        if not data:
            raise HttpError(
                "closed the connection in the middle of its answer"
                if buffer
                else "closed the connection without an answer",
                start=bytes(buffer[:200]),
            )
        buffer += data
    return found


async def read_body(connection: Connection, head: Head, begun: bytes, *, limit: int) -> Response:
    """Return the response whose head is `head`; `begun` is what came behind it."""
    reader = BodyReader(head, limit=limit)
    reader.feed(begun)
    while not reader.is_done:
        data = await connection.receive()
        if data:
            reader.feed(data)
        else:
            reader.end()
    return Response(head, bytes(reader.body), reader.is_complete)
