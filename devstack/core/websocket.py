"""WebSocket messages out of bytes cut anywhere, for either end. No I/O.

    WebSocketError             the conversation does not work; says why in plain words
    ├── HandshakeError         the server did not upgrade (devstack/core/handshake.py)
    ├── ProtocolError          the other end broke RFC 6455; `code` is the closing code that answers it
    └── ConnectionClosedError  the other end has closed; `code` and `reason` are what it said

Two rules hold all of it together. A frame is judged by its first two bytes, before the rest has come. And
after a Close, or a ProtocolError, whatever else arrives means nothing.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import assert_never

from devstack.core.websocket_frames import MAX_CONTROL, CloseCode, Opcode, apply_mask, is_close_code
from devstack.errors import DevstackError

MAX_MESSAGE = 1024 * 1024


class WebSocketError(DevstackError):
    """A WebSocket conversation does not work."""


class ProtocolError(WebSocketError):
    """The other end broke RFC 6455."""

    def __init__(self, message: str, *, code: int = CloseCode.PROTOCOL_ERROR) -> None:
        super().__init__(message)
        self.code = code


class ConnectionClosedError(WebSocketError):
    """The other end has closed the connection."""

    def __init__(self, code: int, reason: str = "") -> None:
        said = f" ({reason})" if reason else ""
        super().__init__(
            "ended without a Close"
            if code == CloseCode.ABNORMAL
            else f"closed by the other end with {code}{said}"
        )
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Message:
    """A whole message, its fragments joined: str for text, bytes for binary."""

    data: str | bytes


@dataclass(frozen=True, slots=True)
class Ping:
    payload: bytes


@dataclass(frozen=True, slots=True)
class Pong:
    payload: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """`code` is CloseCode.NO_STATUS where the frame carried none."""

    code: int
    reason: str = ""


Event = Message | Ping | Pong | Close


class Receiver:
    """Bytes of the other end in, events out.

    `masked` says what the other end has to do: True for a server's receiver, False for a client's.
    `feed` and then `next_event` until it returns None.
    """

    __slots__ = (
        "_buffer",
        "_ended",
        "_kind",
        "_masked",
        "_max_message",
        "_parts",
        "_size",
        "_start",
        "_utf8",
    )

    def __init__(self, *, masked: bool = False, max_message: int = MAX_MESSAGE) -> None:
        self._masked = masked
        self._max_message = max_message
        self._buffer = bytearray()
        self._start = 0  # of what is not taken yet: cutting it off for every frame would copy the rest
        self._kind: Opcode | None = None  # of the message whose fragments are coming
        self._size = 0
        self._parts: list[bytes] = []
        self._utf8: codecs.IncrementalDecoder | None = None
        self._ended = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes, however they were cut."""
        if not self._ended:
            del self._buffer[: self._start]
            self._buffer += data
            self._start = 0

    def next_event(self) -> Event | None:
        """Return the next event, or None until more bytes have come. ProtocolError: see there."""
        try:
            while not self._ended:
                frame = self._next_frame()
                if frame is None:
                    return None
                event = self._take(*frame)
                if event is not None:
                    return event
        except ProtocolError:
            self._end()
            raise
        return None

    def _end(self) -> None:
        self._ended = True
        self._buffer.clear()
        self._start = 0

    def _next_frame(self) -> tuple[Opcode, bool, bytes] | None:
        """Take a whole frame from the buffer: what it is, whether it ends its message, and its payload."""
        buffer, begin = self._buffer, self._start
        if len(buffer) - begin < 2:
            return None
        opcode, fin = _opcode_of(buffer[begin])
        self._judge(opcode, fin, buffer[begin + 1])
        header = _payload_size(buffer, begin)
        if header is None:
            return None
        start, size = header
        if opcode < Opcode.CLOSE and self._size + size > self._max_message:
            raise ProtocolError(f"a message is longer than {self._max_message} bytes", code=CloseCode.TOO_BIG)
        mask_start, start = start, start + (4 if self._masked else 0)
        end = start + size
        if len(buffer) < end:
            return None
        payload: bytes | bytearray = buffer[start:end]
        payload = apply_mask(payload, buffer[mask_start:start]) if self._masked else bytes(payload)
        self._start = end
        return opcode, fin, payload

    def _judge(self, opcode: Opcode, fin: bool, second: int) -> None:
        """Refuse what the first two bytes already show to be wrong (RFC 6455, 5.1, 5.4 and 5.5)."""
        if bool(second & 0x80) != self._masked:
            raise ProtocolError("a frame is not masked" if self._masked else "a frame is masked")
        if opcode >= Opcode.CLOSE:
            if not fin:
                raise ProtocolError("a control frame is fragmented")
            if second & 0x7F > MAX_CONTROL:
                raise ProtocolError(f"a control frame is longer than {MAX_CONTROL} bytes")
        elif opcode is Opcode.CONTINUATION and self._kind is None:
            raise ProtocolError("a continuation continues nothing")
        elif opcode is not Opcode.CONTINUATION and self._kind is not None:
            raise ProtocolError("a message starts within another's fragments")

    def _take(self, opcode: Opcode, fin: bool, payload: bytes) -> Event | None:
        """Return what a frame means, or None for a fragment that is not the last."""
        match opcode:
            case Opcode.PING:
                return Ping(payload)
            case Opcode.PONG:
                return Pong(payload)
            case Opcode.CLOSE:
                closing = _parse_close(payload)
                self._end()
                return closing
            case Opcode.TEXT | Opcode.BINARY if fin:
                return Message(_text(payload) if opcode is Opcode.TEXT else payload)
            case Opcode.TEXT | Opcode.BINARY:
                self._kind, self._size, self._parts = opcode, 0, []
                return self._add(payload, fin)
            case Opcode.CONTINUATION:
                return self._add(payload, fin)
            case _:
                assert_never(opcode)

    def _add(self, payload: bytes, fin: bool) -> Message | None:
        is_text = self._kind is Opcode.TEXT
        if is_text:
            self._check_utf8(payload, fin)
        self._parts.append(payload)
        self._size += len(payload)
        if not fin:
            return None
        whole = b"".join(self._parts)
        self._kind, self._size, self._parts = None, 0, []
        return Message(whole.decode() if is_text else whole)

    def _check_utf8(self, payload: bytes, fin: bool) -> None:
        """Check a fragment, which may end within a character; what is wrong fails before the rest comes."""
        if self._utf8 is None:
            self._utf8 = codecs.getincrementaldecoder("utf-8")()
        try:
            self._utf8.decode(payload, final=fin)
        except UnicodeDecodeError:
            raise ProtocolError("a text message is not UTF-8", code=CloseCode.INVALID_DATA) from None


_OPCODES = {int(opcode): opcode for opcode in Opcode}
"""By number: a call of the enumeration takes ten times as long."""


def _opcode_of(first: int) -> tuple[Opcode, bool]:
    """Return what a frame's first byte says: the opcode, and whether the frame is its message's last."""
    if first & 0x70:
        raise ProtocolError("a frame has a reserved bit set, and no extension was agreed on")
    opcode = _OPCODES.get(first & 0x0F)
    if opcode is None:
        raise ProtocolError(f"a frame has the unknown opcode {first & 0x0F}")
    return opcode, bool(first & 0x80)


def _payload_size(buffer: bytearray, begin: int) -> tuple[int, int] | None:
    """Return where the size ends and what it is, or None while its bytes are missing (RFC 6455, 5.2)."""
    short = buffer[begin + 1] & 0x7F
    if short <= MAX_CONTROL:
        return begin + 2, short
    end, least = (begin + 4, MAX_CONTROL + 1) if short == 126 else (begin + 10, 1 << 16)
    if len(buffer) < end:
        return None
    size = int.from_bytes(buffer[begin + 2 : end], "big")
    if size < least or size >> 63:
        raise ProtocolError("a frame's length is not written in the shortest form")
    return end, size


def _text(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise ProtocolError("a text message is not UTF-8", code=CloseCode.INVALID_DATA) from None


def _parse_close(payload: bytes) -> Close:
    if not payload:
        return Close(CloseCode.NO_STATUS)
    code = int.from_bytes(payload[:2], "big")
    if len(payload) < 2 or not is_close_code(code):
        raise ProtocolError("a Close frame has no valid code")
    try:
        return Close(code, payload[2:].decode())
    except UnicodeDecodeError:
        raise ProtocolError("a Close frame's reason is not UTF-8", code=CloseCode.INVALID_DATA) from None
