"""Servers that behave as badly as a test wants them to, on free ports of loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing, suppress

from devstack.core.handshake import accept_for

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port on which nobody listens just now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def serving(handler: Handler, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[int]:
    """Serve every connection with `handler`, and yield the port."""
    connections: list[tuple[asyncio.Task[None], asyncio.StreamWriter]] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await handler(reader, writer)
        finally:
            writer.transport.abort()

    # Not a coroutine: one that is cancelled before its first step would leave its connection open.
    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append((asyncio.create_task(handle(reader, writer)), writer))

    server = await asyncio.start_server(connected, host, port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        # What is being accepted must arrive first: asyncio loses a connection whose server has just closed.
        for _ in range(5):
            await asyncio.sleep(0)
        server.close()
        for task, writer in connections:
            task.cancel()
            writer.transport.abort()
        await asyncio.gather(*(task for task, _ in connections), return_exceptions=True)


async def request_of(reader: asyncio.StreamReader) -> dict[str, str]:
    """Read a request and return its headers, names in lower case, with its target as `path`."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip("\r\n").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return {"path": first.split()[1]} | {name.lower(): value for name, value in headers.items()}


def switching(request: dict[str, str], *, accept: str | None = None, more: str = "") -> bytes:
    """Return the head of a good 101, or of one that is bad as the arguments say."""
    value = accept or accept_for(request["sec-websocket-key"])
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {value}\r\n{more}\r\n"
    ).encode()


def saying(answer: bytes) -> Handler:
    """Return a handler that reads a request, answers with these bytes and closes."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.write_eof()
        await reader.read()

    return handle


def upgrading(*sent: bytes, accept: str | None = None, more: str = "") -> Handler:
    """Return a handler that upgrades, sends `sent` in the same packet, and then listens until the end."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await request_of(reader)
        writer.write(switching(request, accept=accept, more=more) + b"".join(sent))
        await reader.read()

    return handle


async def hanging(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Take everything and say nothing."""
    await reader.read()


def response(status: int, body: bytes = b"", more: str = "") -> bytes:
    """Return a whole HTTP response."""
    return f"HTTP/1.1 {status} Words\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body
