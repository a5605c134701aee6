"""One real WebSocket conversation, step by step: TCP, TLS, upgrade, subprotocol, message, ping, close.

It stops at the first step that fails, and says which one it was, in what words, and what to do.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from devstack.checks.websocket.advice import advice_for
from devstack.core.handshake import Handshake, HandshakeError, HandshakeFault, new_key
from devstack.core.http import Head, HttpError
from devstack.core.websocket import ConnectionClosedError, WebSocketError
from devstack.core.websocket_frames import CloseCode
from devstack.core.websocket_report import Step, WebSocketReport
from devstack.core.websocket_url import WebSocketUrl
from devstack.supervisor.probes.connection import LOOPBACK, Connection, PlainConnection, plain_words
from devstack.supervisor.probes.websocket import WebSocket, upgrade

FIRST_MESSAGE_WAIT = 0.5
"""Seconds that a server has to say something by itself; most wait for their client."""

EXCERPT = 200
"""Characters of a stranger's words that a detail quotes."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class WebSocketWish:
    """What to connect to, and what is expected there.

    `origin` is sent as a browser would send it; `subprotocols` are offered and one must be chosen;
    `first_message` is text that a first message must contain. A step may take `within` seconds.
    """

    url: WebSocketUrl
    origin: str | None = None
    subprotocols: tuple[str, ...] = ()
    first_message: str | None = None
    within: float = 5.0


async def check_websocket(wish: WebSocketWish) -> WebSocketReport:
    """Talk to the server as `wish` says and report how far it got. Nothing that the server does raises."""
    conversation = _Conversation(wish)
    try:
        await conversation.run()
    except _StepFailedError:
        pass  # its step is the report's last
    finally:
        conversation.hang_up()
    return conversation.report()


class _StepFailedError(Exception):
    """A step went wrong and has been written down."""


class _Conversation:
    def __init__(self, wish: WebSocketWish) -> None:
        self._wish = wish
        self._url = wish.url
        self._steps: list[Step] = []
        self._connection: Connection | None = None
        self._subprotocol: str | None = None
        self._first_message: str | None = None
        self._close_code: int | None = None
        self._advice: tuple[str, ...] = ()

    async def run(self) -> None:
        connection = await self._connection_to_server()
        websocket = await self._step("upgrade", lambda: self._upgrade(connection))
        if self._wish.subprotocols:
            await self._step("subprotocol", lambda: self._check_subprotocol(websocket))
        await self._step("first message", lambda: self._hear(websocket))
        await self._step("ping", lambda: self._ping(websocket))
        await self._step("close", lambda: self._close(websocket))

    async def _connection_to_server(self) -> Connection:
        plain = await self._step("tcp", self._connect)
        self._connection = plain
        if self._url.secure:
            self._connection = await self._step("tls", lambda: self._start_tls(plain))
        return self._connection

    def hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def report(self) -> WebSocketReport:
        ping = next((step for step in self._steps if step.name == "ping" and step.ok), None)
        return WebSocketReport(
            url=str(self._url),
            steps=tuple(self._steps),
            subprotocol=self._subprotocol,
            first_message=self._first_message,
            ping_ms=ping.ms if ping else None,
            close_code=self._close_code,
            advice=self._advice,
        )

    async def _step(self, name: str, action: Callable[[], Awaitable[tuple[T, str]]]) -> T:
        """Do one step, write it down, and return what it yields."""
        began = time.perf_counter()
        try:
            async with asyncio.timeout(self._wish.within):
                value, detail = await action()
        except (OSError, HttpError, WebSocketError) as error:
            self._write_down(name, False, self._words(error), began)
            self._note_close(error)
            wish = self._wish
            self._advice = advice_for(wish.url, name, error, origin=wish.origin, offered=wish.subprotocols)
            raise _StepFailedError from error
        self._write_down(name, True, detail, began)
        return value

    def _write_down(self, name: str, ok: bool, detail: str, began: float) -> None:
        self._steps.append(Step(name, ok, detail, round((time.perf_counter() - began) * 1000, 3)))

    def _note_close(self, error: Exception) -> None:
        if isinstance(error, ConnectionClosedError):
            self._close_code = error.code

    def _words(self, error: Exception) -> str:
        match error:
            case HandshakeError(fault=HandshakeFault.STATUS):
                return f"{error.message}{_quoted_body(error.head, error.body)}"
            case HttpError(start=start) if start:
                return f"{error.message}: {excerpt(start)!r}"
            case HttpError() | WebSocketError():
                return error.message
            case TimeoutError():
                return f"no answer within {self._wish.within:g} s"
            case OSError():
                return _os_words(error)
            case _:
                return str(error)

    async def _connect(self) -> tuple[PlainConnection, str]:
        """Connect to the first of the host's addresses that takes it."""
        failure: OSError | None = None
        for address in await self._addresses():
            try:
                return await _connected(address, self._url.port)
            except OSError as error:
                failure = failure or error
        raise failure or OSError(f"{self._url.host} has no address")

    async def _addresses(self) -> tuple[str, ...]:
        host = self._url.host.lower().rstrip(".")
        if host == "localhost" or host.endswith(".localhost"):  # RFC 6761, 6.3; by number, see LOOPBACK
            return LOOPBACK
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(self._url.host, self._url.port, type=1)
        return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))

    async def _start_tls(self, plain: PlainConnection) -> tuple[Connection, str]:
        from devstack.supervisor.probes.tls import start_tls

        return await start_tls(plain, self._url.host), "certificate trusted"

    async def _upgrade(self, connection: Connection) -> tuple[WebSocket, str]:
        wish = self._wish
        handshake = Handshake(
            self._url.host_header, self._url.path, new_key(os.urandom(16)), wish.subprotocols, wish.origin
        )
        websocket = await upgrade(connection, handshake)
        self._subprotocol = websocket.subprotocol
        return websocket, f"101 at {self._url.path}"

    async def _check_subprotocol(self, websocket: WebSocket) -> tuple[None, str]:
        if websocket.subprotocol is None:
            offered = ", ".join(self._wish.subprotocols)
            raise WebSocketError(f"the server chose none of {offered}")
        return None, websocket.subprotocol

    async def _hear(self, websocket: WebSocket) -> tuple[None, str]:
        """Wait for a message; without a wish for one it may stay away."""
        wanted = self._wish.first_message
        try:
            async with asyncio.timeout(FIRST_MESSAGE_WAIT if wanted is None else None):
                message = await websocket.receive()
        except TimeoutError:
            return None, f"none within {FIRST_MESSAGE_WAIT:g} s (a server need not send one)"
        text = message if isinstance(message, str) else message.decode("utf-8", "replace")
        self._first_message = text
        if wanted is not None and (isinstance(message, bytes) or wanted not in text):
            raise WebSocketError(f"no {wanted!r} in {excerpt(text)}")
        return None, excerpt(text)

    async def _ping(self, websocket: WebSocket) -> tuple[None, str]:
        await websocket.ping()
        return None, "pong"

    async def _close(self, websocket: WebSocket) -> tuple[None, str]:
        self._close_code = await websocket.close()
        if self._close_code == CloseCode.ABNORMAL:
            raise ConnectionClosedError(CloseCode.ABNORMAL)
        return None, f"answered with {self._close_code}"


async def _connected(address: str, port: int) -> tuple[PlainConnection, str]:
    connection = PlainConnection(address, port)
    try:
        await connection.connected()
    except BaseException:
        connection.close()
        raise
    return connection, f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _os_words(error: OSError) -> str:
    import ssl

    if isinstance(error, ssl.SSLError):
        from devstack.supervisor.probes.tls import tls_words

        return tls_words(error)
    return plain_words(error)


def _quoted_body(head: Head, body: bytes) -> str:
    """Return the words with which a server refused, if they are any for a person."""
    if not body:
        return ""
    if "html" in head.get("content-type"):
        return ", with an HTML page"
    return f": {excerpt(body)}"


def excerpt(data: str | bytes) -> str:
    """Return the beginning of what came, on one line."""
    text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
    line = " ".join(text[: EXCERPT * 2].split())
    return line if len(line) <= EXCERPT and len(text) <= EXCERPT * 2 else f"{line[:EXCERPT]}…"
