"""A WebSocket between its handshake and its being open: asks the ASGI application, answers, steps aside.

Beyond ASGI's own WebSocket messages (ASGI specification, "WebSocket"), an application that finds
`devstack.handler` among the scope's extensions may accept with `{"type": "websocket.accept", "handler": h}`.
Its task then ends, and the socket calls `h` (a `SocketHandler`) directly: no queue, no task per client.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Any

from devstack.core.websocket_frames import CloseCode, Opcode, encode_frame, text_frame
from devstack.services.http.asgi import App, Message, Scope
from devstack.services.http.problems import problem_bytes, response_bytes
from devstack.services.websocket.connection import Socket
from devstack.services.websocket.handshake import Handshake, accept_response

HANDLER_EXTENSION = "devstack.handler"
EARLY_BYTES = 64 * 1024
WAITING_MESSAGES = 16
DEFAULT_LONGEST_MESSAGE = 1024 * 1024


class Opening(asyncio.Protocol):
    """Runs the application for one handshake; what the client sends early is kept for the open socket."""

    def __init__(
        self, transport: asyncio.Transport, handshake: Handshake, scope: Scope, connections: set[Any]
    ) -> None:
        self.transport = transport
        self._handshake = handshake
        self._scope = scope
        self._connections = connections
        self._early = b""
        self._gone = asyncio.Event()
        self._asked = False
        self._answered = False
        self._denial: Message | None = None
        self._denial_body = b""
        self._inbox: Inbox | None = None
        self._socket: Socket | None = None

    async def run(self, app: App, early: bytes) -> None:
        """Let `app` answer the handshake, and, unless it gave a handler, carry the whole conversation."""
        self._connections.add(self)
        self.transport.set_protocol(self)
        self._early = early
        try:
            await app(self._scope, self._receive, self._send)
        except Exception:
            logging.getLogger("devstack").exception("error in %s", self._scope["path"])
            self._end(CloseCode.INTERNAL_ERROR, 500)
        else:
            self._end(CloseCode.NORMAL, 500)

    def _end(self, code: int, status: int) -> None:
        """Clean up after an application that has returned."""
        if not self._answered:
            self._refuse(status, [], problem_bytes(status))
        elif self._inbox is not None and self._socket is not None:
            self._socket.close(code)

    async def _receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "websocket.connect"}
        if self._inbox is not None:
            return await self._inbox.get()
        await self._gone.wait()
        return {"type": "websocket.disconnect", "code": CloseCode.ABNORMAL, "reason": ""}

    async def _send(self, message: Message) -> None:
        match message["type"]:
            case "websocket.accept" if not self._answered:
                self._accept(message)
            case "websocket.close" if not self._answered:
                self._refuse(403, [], problem_bytes(403, message.get("reason") or ""))
            case "websocket.http.response.start" if not self._answered:
                self._denial = message
            case "websocket.http.response.body" if self._denial is not None and not self._answered:
                self._deny(message)
            case "websocket.send" if self._inbox is not None:
                await self._send_message(self._inbox, message)
            case "websocket.close" if self._inbox is not None:
                if self._socket is not None:
                    self._socket.close(message.get("code", CloseCode.NORMAL), message.get("reason") or "")
            case unexpected:
                raise RuntimeError(f"ASGI message {unexpected!r} does not belong here")

    async def _send_message(self, inbox: Inbox, message: Message) -> None:
        await inbox.writable()
        if self._socket is not None:
            self._socket.write(_frame_of(message))

    def _accept(self, message: Message) -> None:
        self._answered = True
        self._connections.discard(self)
        if self._gone.is_set():  # the client did not wait for the answer
            self._inbox = Inbox()
            self._inbox.on_closed(CloseCode.ABNORMAL, "")
            return
        headers = list(message.get("headers", ()))
        self.transport.write(accept_response(self._handshake, message.get("subprotocol"), headers))
        handler = message.get("handler")
        if handler is None:
            handler = self._inbox = Inbox()
        longest = message.get("longest_message", DEFAULT_LONGEST_MESSAGE)
        self._socket = socket = Socket(self.transport, handler, self._connections, longest)
        socket.open()
        self.transport.resume_reading()
        if self._early:
            socket.data_received(self._early)

    def _deny(self, message: Message) -> None:
        self._denial_body += message.get("body", b"")
        if not message.get("more_body", False) and self._denial is not None:
            self._refuse(self._denial["status"], list(self._denial.get("headers", ())), self._denial_body)

    def _refuse(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self._answered = True
        self._connections.discard(self)
        self.transport.write(response_bytes(status, headers, body))
        self.transport.close()

    def shutdown(self) -> None:
        """Nothing to do when the server stops: the handshake is being answered."""

    def data_received(self, data: bytes) -> None:
        self._early += data
        if len(self._early) > EARLY_BYTES:
            self.transport.pause_reading()

    def connection_lost(self, _: Exception | None) -> None:
        self._connections.discard(self)
        self._gone.set()


class Inbox:
    """The handler of a socket whose application speaks ASGI: a short queue of what has come."""

    def __init__(self) -> None:
        self._messages: deque[Message] = deque()
        self._news = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()
        self._socket: Socket | None = None

    def on_open(self, socket: Socket) -> None:
        self._socket = socket

    def on_message(self, message: str | bytes) -> None:
        kind = "text" if isinstance(message, str) else "bytes"
        self._put({"type": "websocket.receive", kind: message})
        if len(self._messages) >= WAITING_MESSAGES and self._socket is not None:
            self._socket.transport.pause_reading()

    def on_drained(self) -> None:
        self._drained.set()

    def on_closed(self, code: int, reason: str) -> None:
        self._put({"type": "websocket.disconnect", "code": code, "reason": reason})
        self._socket = None
        self._drained.set()

    def _put(self, message: Message) -> None:
        self._messages.append(message)
        self._news.set()

    async def get(self) -> Message:
        """Return the next message; after the last one, again and again that the peer is gone."""
        while not self._messages:
            self._news.clear()
            await self._news.wait()
        if self._socket is not None and len(self._messages) < WAITING_MESSAGES:
            self._socket.transport.resume_reading()
        if self._messages[0]["type"] == "websocket.disconnect":
            return self._messages[0]
        return self._messages.popleft()

    async def writable(self) -> None:
        """Wait until the peer has taken what was sent before."""
        if self._socket is not None and self._socket.congested:
            self._drained.clear()
            await self._drained.wait()


def _frame_of(message: Message) -> bytes:
    text = message.get("text")
    if text is not None:
        return text_frame(text)
    return encode_frame(Opcode.BINARY, message["bytes"])
