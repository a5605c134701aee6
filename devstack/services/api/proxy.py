"""Hands the page's `/api/` requests on to the API, part by part, as Vite's `server.proxy` does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress

import h11

from devstack.services.http.asgi import RawHeaders, Receive, Scope, Send
from devstack.services.http.origins import WILDCARDS
from devstack.services.http.problems import send_problem
from devstack.services.settings import Settings

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
READ_SIZE = 64 * 1024
CONNECT_SECONDS = 5.0


class ApiProxy:
    """Forwards to the API of this stack; says in plain words when it is not there."""

    def __init__(self, settings: Settings) -> None:
        self._host = "127.0.0.1" if settings.host in WILDCARDS | {"localhost"} else settings.host.strip("[]")
        self._port = settings.api_port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward one HTTP request; a client that goes away ends the API's work on it too."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                reader, writer = await asyncio.open_connection(self._host, self._port)
        except OSError:  # TimeoutError is one
            await self._send_problem(scope, send, "does not answer")
            return
        exchange = _Exchange(reader, writer, send)
        try:
            await exchange.run(scope, receive)
        except (OSError, h11.RemoteProtocolError):
            if exchange.answered:  # too late for words: the cut response says it
                raise
            await self._send_problem(scope, send, "ended the connection without an answer")
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _send_problem(self, scope: Scope, send: Send, what: str) -> None:
        detail = f"the API {what} on {self._host}:{self._port}; is the service `api` running?"
        await send_problem(scope, send, 502, detail)


class _Exchange:
    """One request and its response over one connection to the API."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, send: Send) -> None:
        self._reader = reader
        self._writer = writer
        self._send = send
        self._connection = h11.Connection(h11.CLIENT)
        self.answered = False

    async def run(self, scope: Scope, receive: Receive) -> None:
        """Pass the request on, then the response back, until it ends or the client goes."""
        await self._request(scope, receive)
        relay = asyncio.create_task(self._relay())
        gone = asyncio.create_task(_until_disconnected(receive))
        try:
            await asyncio.wait({relay, gone}, return_when=asyncio.FIRST_COMPLETED)
            if relay.done():
                relay.result()
        finally:
            for task in (relay, gone):
                task.cancel()
            await asyncio.gather(relay, gone, return_exceptions=True)

    async def _request(self, scope: Scope, receive: Receive) -> None:
        target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        request = h11.Request(method=scope["method"], target=target, headers=list(_forwarded_headers(scope)))
        self._writer.write(self._connection.send(request) or b"")
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ConnectionAbortedError("the client went away")
            if message.get("body"):
                self._writer.write(self._connection.send(h11.Data(data=message["body"])) or b"")
                await self._writer.drain()
            more = message.get("more_body", False)
        self._writer.write(self._connection.send(h11.EndOfMessage()) or b"")
        await self._writer.drain()

    async def _relay(self) -> None:
        while True:
            match self._connection.next_event():
                case h11.NEED_DATA:
                    self._connection.receive_data(await self._reader.read(READ_SIZE))
                case h11.Response(status_code=status, headers=headers):
                    self.answered = True
                    kept = [(name, value) for name, value in headers if name not in HOP_BY_HOP]
                    await self._send({"type": "http.response.start", "status": status, "headers": kept})
                case h11.Data(data=data):
                    await self._send({"type": "http.response.body", "body": bytes(data), "more_body": True})
                case h11.EndOfMessage():
                    await self._send({"type": "http.response.body", "body": b""})
                    return
                case h11.ConnectionClosed():
                    raise ConnectionResetError("the API closed the connection")


def _forwarded_headers(scope: Scope) -> Iterator[tuple[bytes, bytes]]:
    """Yield the request's headers for the next hop; Host and Origin stay, the API checks them itself."""
    headers: RawHeaders = scope["headers"]
    chunked = any(name == b"transfer-encoding" for name, _ in headers)
    for name, value in headers:
        if name not in HOP_BY_HOP and not (chunked and name == b"content-length"):
            yield name, value
    if chunked:
        yield b"transfer-encoding", b"chunked"
    client = scope.get("client")
    if client is not None:
        yield b"x-forwarded-for", str(client[0]).encode()
    yield b"connection", b"close"


async def _until_disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
