"""One open WebSocket on the server's side: framing, closing, flow control, over an asyncio transport.

No task and no queue belong to a socket: what arrives is handed to its handler by a call, what is sent is
written at once. So two thousand idle ones cost little, and one frame, built once, can be written to many.
"""

from __future__ import annotations

import asyncio
import socket as sockets
import sys
from collections.abc import MutableSet
from enum import Enum
from typing import Any, Protocol

from devstack.core.websocket import Close, Message, Ping, Pong, ProtocolError, Receiver
from devstack.core.websocket_frames import CloseCode, Opcode, close_frame, encode_frame

CLOSE_TIMEOUT = 2.0
"""Seconds that the peer has to answer a Close frame, or to read it."""

RESTART_CLOSE_TIMEOUT = 0.5
"""The same while the server stops."""

UNSENT_BYTES = 16 * 1024
"""Bytes that the kernel may hold unsent for one socket: more would be old prices by the time they leave."""

UNREAD_REPLIES = 64 * 1024
"""Bytes of answers that a peer may leave unread before it is not listened to any more."""

NOT_SENT_LOW_WATER = getattr(sockets, "TCP_NOTSENT_LOWAT", {"linux": 25, "darwin": 0x201}.get(sys.platform))

PING_FRAME = encode_frame(Opcode.PING, b"")


class SocketHandler(Protocol):
    """What is done with a socket's messages. All calls come from the event loop's thread."""

    def on_open(self, socket: Socket) -> None:
        """The handshake is done; `socket` may be written to."""

    def on_message(self, message: str | bytes) -> None:
        """A whole text or binary message came."""

    def on_drained(self) -> None:
        """What was written is out of the buffer: `socket.congested` is False again."""

    def on_closed(self, code: int, reason: str, /) -> None:
        """The socket is gone; called exactly once. `code` is 1006 where no Close frame came."""


class State(Enum):
    OPEN = "open"
    CLOSING = "closing"  # our Close frame is out; the peer's is awaited
    FAILED = "failed"  # our Close frame is out; whatever else comes is thrown away
    CLOSED = "closed"


class Socket(asyncio.Protocol):
    """An open WebSocket. `heard_at` is the loop's time at which the peer last sent anything; `unanswered` is
    how often it was pinged since."""

    __slots__ = (
        "_connections",
        "_loop",
        "_peer_code",
        "_peer_reason",
        "_reader",
        "_state",
        "_timer",
        "congested",
        "handler",
        "heard_at",
        "transport",
        "unanswered",
    )

    def __init__(
        self,
        transport: asyncio.Transport,
        handler: SocketHandler,
        connections: MutableSet[Any],
        longest_message: int,
    ) -> None:
        self.transport = transport
        self.handler = handler
        self.congested = False
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._reader = Receiver(masked=True, max_message=longest_message)
        self._state = State.OPEN
        self._timer: asyncio.TimerHandle | None = None
        self._peer_code: int = CloseCode.ABNORMAL
        self._peer_reason = ""
        self.heard_at = self._loop.time()
        self.unanswered = 0

    @property
    def is_open(self) -> bool:
        return self._state is State.OPEN

    def open(self) -> None:
        """Take over the transport, after the 101 response was written."""
        self._connections.add(self)
        self.transport.set_protocol(self)
        self.transport.set_write_buffer_limits(high=0)
        _limit_unsent(self.transport)
        self.handler.on_open(self)

    def write(self, frames: bytes) -> None:
        """Write whole frames, if the socket is still open and its connection not just lost."""
        if self._state is State.OPEN and not self.transport.is_closing():
            self.transport.write(frames)

    def ping(self) -> None:
        """Ask the peer for a sign of life; a congested one owes us reading first."""
        self.unanswered += 1
        if not self.congested:
            self.write(PING_FRAME)

    def close(self, code: int, reason: str = "", *, timeout: float = CLOSE_TIMEOUT) -> None:
        """Begin the closing handshake (RFC 6455, section 7.1.2); `timeout` in seconds bounds it."""
        if self._state is not State.OPEN:
            return
        self.transport.write(close_frame(code, reason))
        self._state = State.CLOSING
        self._end_within(timeout)

    def fail(self, code: int, reason: str) -> None:
        """Close without waiting for the peer's consent: it broke the protocol or a limit.

        The Close frame must not be lost in a reset, so what the peer still sends is read and dropped.
        """
        if self._state is not State.OPEN:
            return
        self.transport.write(close_frame(code, reason))
        self._state = State.FAILED
        self._end_within(CLOSE_TIMEOUT)
        self.transport.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def abandon(self) -> None:
        """End a connection whose peer does not answer any more."""
        self.transport.abort()

    def shutdown(self) -> None:
        """Close because this server stops, as the server asks all its connections to."""
        self.close(CloseCode.SERVICE_RESTART, "the server is restarting", timeout=RESTART_CLOSE_TIMEOUT)

    def data_received(self, data: bytes) -> None:
        self.heard_at = self._loop.time()
        self.unanswered = 0
        if self._state in (State.FAILED, State.CLOSED):
            return
        try:
            self._reader.feed(data)
            while (received := self._reader.next_event()) is not None:
                self._dispatch(received)
        except ProtocolError as violation:
            self._peer_code, self._peer_reason = violation.code, violation.message
            if self._state is State.OPEN:
                self.fail(violation.code, violation.message)
            else:
                self.transport.close()
        if self.congested and self.transport.get_write_buffer_size() > UNREAD_REPLIES:
            # A peer that does not read the answers must not go on asking.
            self.transport.pause_reading()

    def _dispatch(self, received: object) -> None:
        match received:
            case Message(data):
                if self._state is State.OPEN:
                    self.handler.on_message(data)
            case Ping(payload):
                self.write(encode_frame(Opcode.PONG, payload))
            case Pong():
                pass
            case Close(code, reason):
                self._on_close_frame(code, reason)

    def _on_close_frame(self, code: int, reason: str) -> None:
        """Answer the peer's Close and let the connection go; a server closes first (section 7.1.1)."""
        if self._state in (State.FAILED, State.CLOSED):
            return
        self._peer_code, self._peer_reason = code, reason
        if self._state is State.OPEN:
            self.transport.write(close_frame(code))
            self._state = State.CLOSING
            self._end_within(CLOSE_TIMEOUT)
        self.transport.close()
        self._state = State.CLOSED

    def _end_within(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self.transport.abort)

    def eof_received(self) -> None:
        self._state = State.CLOSED  # and the transport closes itself

    def pause_writing(self) -> None:
        self.congested = True

    def resume_writing(self) -> None:
        self.congested = False
        if not self.transport.is_closing():
            self.transport.resume_reading()
        if self._state is State.OPEN:
            self.handler.on_drained()

    def connection_lost(self, _: Exception | None) -> None:
        self._state = State.CLOSED
        self._connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        self.handler.on_closed(self._peer_code, self._peer_reason)


def _limit_unsent(transport: asyncio.Transport) -> None:
    """Let old data pile up neither here nor in the kernel: it says early that a reader is slow."""
    connection = transport.get_extra_info("socket")
    if connection is None or NOT_SENT_LOW_WATER is None:
        return
    connection.setsockopt(sockets.IPPROTO_TCP, NOT_SENT_LOW_WATER, UNSENT_BYTES)
