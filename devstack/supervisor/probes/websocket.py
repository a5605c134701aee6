"""A WebSocket client over a connection. The caller bounds the time and closes the connection."""

from __future__ import annotations

import asyncio
import os
from collections import deque

from devstack.core.handshake import Handshake, HandshakeError, HandshakeFault
from devstack.core.http import Head, HttpError
from devstack.core.websocket import (
    Close,
    ConnectionClosedError,
    Message,
    Ping,
    Pong,
    ProtocolError,
    Receiver,
    WebSocketError,
)
from devstack.core.websocket_frames import CloseCode, Opcode, close_payload, encode_frame
from devstack.supervisor.probes.connection import Connection
from devstack.supervisor.probes.http import read_body, read_head

MAX_RECEIVED = 16 * 1024 * 1024
"""Bytes of one message, and of the messages that are kept until they are asked for: a snapshot is large."""
KEPT_COSTS = 100
REFUSAL_LIMIT = 4 * 1024
REFUSAL_WAIT = 0.3


class WebSocket:
    """An open WebSocket, made by `upgrade`. Pings of the other end are answered while one waits for anything.

    Every method raises ProtocolError (and has told the other end why), ConnectionClosedError or OSError.
    """

    def __init__(self, connection: Connection, subprotocol: str | None, begun: bytes = b"") -> None:
        self.subprotocol = subprotocol
        self._connection = connection
        self._receiver = Receiver(max_message=MAX_RECEIVED)
        self._receiver.feed(begun)
        self._kept: deque[Message] = deque()
        self._kept_size = 0

    async def receive(self) -> str | bytes:
        """Return the next message."""
        if self._kept:
            return self._next_kept()
        while True:
            event = await self._next_event()
            if isinstance(event, Message):
                return event.data
            if isinstance(event, Close):
                raise await self._closed_by_peer(event)

    async def send(self, data: str | bytes) -> None:
        """Send one message: str as text, bytes as binary."""
        if isinstance(data, str):
            await self._send(Opcode.TEXT, data.encode())
        else:
            await self._send(Opcode.BINARY, data)

    async def ping(self) -> None:
        """Send a ping and return when its own pong has come; messages before it are kept for `receive`."""
        payload = os.urandom(4)
        await self._send(Opcode.PING, payload)
        while True:
            match await self._next_event():
                case Pong(answered) if answered == payload:
                    return
                case Message() as message:
                    self._keep(message)
                case Close() as closing:
                    raise await self._closed_by_peer(closing)

    async def close(self, code: int = CloseCode.NORMAL, reason: str = "") -> int:
        """Close, and return the code with which the other end closes; ABNORMAL if it just ends."""
        await self._send(Opcode.CLOSE, close_payload(code, reason))
        while True:
            try:
                event = await self._next_event()
            except (ConnectionClosedError, ConnectionError):
                return CloseCode.ABNORMAL
            if isinstance(event, Close):
                return event.code

    def _keep(self, message: Message) -> None:
        self._kept_size += len(message.data) + KEPT_COSTS
        if self._kept_size > MAX_RECEIVED:
            raise WebSocketError(f"{len(self._kept)} messages came, and no pong")
        self._kept.append(message)

    def _next_kept(self) -> str | bytes:
        data = self._kept.popleft().data
        self._kept_size -= len(data) + KEPT_COSTS
        return data

    async def _next_event(self) -> Message | Pong | Close:
        """Return the next event that is not a ping."""
        while True:
            try:
                event = self._receiver.next_event()
            except ProtocolError as broken:
                await self._fail(broken)
                raise
            if isinstance(event, Ping):
                await self._send(Opcode.PONG, event.payload)
            elif event is not None:
                return event
            else:
                await self._read()

    async def _read(self) -> None:
        data = await self._connection.receive()
        if not data:
            raise ConnectionClosedError(CloseCode.ABNORMAL)
        self._receiver.feed(data)

    async def _send(self, opcode: Opcode, payload: bytes) -> None:
        await self._connection.send(encode_frame(opcode, payload, mask=os.urandom(4)))

    async def _closed_by_peer(self, closing: Close) -> ConnectionClosedError:
        """Answer a Close with its own code (RFC 6455, 5.5.1)."""
        await self._goodbye(closing.code)
        return ConnectionClosedError(closing.code, closing.reason)

    async def _fail(self, broken: ProtocolError) -> None:
        await self._goodbye(broken.code, broken.message)

    async def _goodbye(self, code: int, reason: str = "") -> None:
        try:
            await self._send(Opcode.CLOSE, close_payload(code, reason))
        except ConnectionError:
            return  # the other end has gone already: what it did before is the news, and the caller has it


async def upgrade(connection: Connection, handshake: Handshake) -> WebSocket:
    """Shake hands and return the WebSocket. HandshakeError, HttpError, OSError: it did not come about.

    What came behind the server's 101 in the same packet is not lost.
    """
    await connection.send(handshake.request())
    head, rest = await read_head(connection)
    while head.status < 200 and head.status != 101:
        head, rest = await read_head(connection, rest)
    try:
        subprotocol = handshake.check(head)
    except HandshakeError as refused:
        if refused.fault is HandshakeFault.STATUS:
            refused.body = await _refusal(connection, head, rest)
        raise
    return WebSocket(connection, subprotocol, rest)


async def _refusal(connection: Connection, head: Head, rest: bytes) -> bytes:
    """Return the words with which a server refuses, as far as they come soon."""
    try:
        async with asyncio.timeout(REFUSAL_WAIT):
            return (await read_body(connection, head, rest, limit=REFUSAL_LIMIT)).body
    except (HttpError, OSError):
        return rest[:REFUSAL_LIMIT]  # the status is the answer, the words only explain it
