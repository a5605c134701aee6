"""WebSocket frames and messages out of bytes cut anywhere, for either end. No I/O.

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
from enum import IntEnum
from typing import assert_never

from devstack.errors import DevstackError

MAX_MESSAGE = 1024 * 1024
MAX_CONTROL = 125

NORMAL = 1000
PROTOCOL_BROKEN = 1002
NO_CODE = 1005  # a Close without a code; never on the wire
NO_CLOSE = 1006  # the connection ended without a Close; never on the wire
BAD_DATA = 1007
TOO_BIG = 1009


class WebSocketError(DevstackError):
    """A WebSocket conversation does not work."""


class ProtocolError(WebSocketError):
    """The other end broke RFC 6455."""

    def __init__(self, message: str, *, code: int = PROTOCOL_BROKEN) -> None:
        super().__init__(message)
        self.code = code


class ConnectionClosedError(WebSocketError):
    """The other end has closed the connection."""

    def __init__(self, code: int, reason: str = "") -> None:
        said = f" ({reason})" if reason else ""
        super().__init__(
            "ended without a Close" if code == NO_CLOSE else f"closed by the other end with {code}{said}"
        )
        self.code = code
        self.reason = reason


class Opcode(IntEnum):
    """RFC 6455, 5.2."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


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
    """`code` is NO_CODE where the frame carried none."""

    code: int
    reason: str = ""


Event = Message | Ping | Pong | Close


def apply_mask(payload: bytes, mask: bytes) -> bytes:
    """Return `payload` XORed with the 4 bytes of `mask` over and over (RFC 6455, 5.3); its own inverse."""
    repeated = (mask * (len(payload) // 4 + 1))[: len(payload)]
    mixed = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
    return mixed.to_bytes(len(payload), "big")


def encode_frame(opcode: Opcode, payload: bytes, *, mask: bytes | None = None, fin: bool = True) -> bytes:
    """Return one frame; a client hands in 4 fresh random bytes as `mask`, a server none."""
    first = opcode | (0x80 if fin else 0)
    masked = 0x80 if mask else 0
    size = len(payload)
    if size <= MAX_CONTROL:
        head = bytes((first, masked | size))
    elif size < 1 << 16:
        head = bytes((first, masked | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, masked | 127)) + size.to_bytes(8, "big")
    return head + mask + apply_mask(payload, mask) if mask else head + payload


def close_payload(code: int, reason: str = "") -> bytes:
    """Return what a Close frame carries: nothing for NO_CODE; the reason is cut to the 123 bytes that fit."""
    if code == NO_CODE:
        return b""
    text = reason.encode()[: MAX_CONTROL - 2].decode(errors="ignore")
    return code.to_bytes(2, "big") + text.encode()


def is_close_code(code: int) -> bool:
    """Say whether `code` may stand in a Close frame (RFC 6455, 7.4; 1012 to 1014 by IANA's registry)."""
    if code in (1004, NO_CODE, NO_CLOSE):
        return False
    return 1000 <= code <= 1014 or 3000 <= code <= 4999


class Receiver:
    """Bytes of the other end in, events out.

    `masked` says what the other end has to do: True for a server's receiver, False for a client's.
    `feed` and then `next_event` until it returns None.
    """

    def __init__(self, *, masked: bool = False, max_message: int = MAX_MESSAGE) -> None:
        self._masked = masked
        self._max_message = max_message
        self._buffer = bytearray()
        self._kind: Opcode | None = None  # of the message whose fragments are coming
        self._size = 0
        self._parts: list[bytes] = []
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._ended = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes, however they were cut."""
        if not self._ended:
            self._buffer += data

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

    def _next_frame(self) -> tuple[Opcode, bool, bytes] | None:
        """Take a whole frame from the buffer: what it is, whether it ends its message, and its payload."""
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        opcode, fin = _opcode_of(buffer[0])
        self._judge(opcode, fin, buffer[1])
        header = _payload_size(buffer)
        if header is None:
            return None
        start, size = header
        if opcode < Opcode.CLOSE and self._size + size > self._max_message:
            raise ProtocolError(f"a message is longer than {self._max_message} bytes", code=TOO_BIG)
        mask_start, start = start, start + (4 if self._masked else 0)
        if len(buffer) < start + size:
            return None
        payload = bytes(buffer[start : start + size])
        if self._masked:
            payload = apply_mask(payload, bytes(buffer[mask_start:start]))
        del buffer[: start + size]
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
        try:
            self._utf8.decode(payload, final=fin)
        except UnicodeDecodeError:
            raise ProtocolError("a text message is not UTF-8", code=BAD_DATA) from None


def _opcode_of(first: int) -> tuple[Opcode, bool]:
    """Return what a frame's first byte says: the opcode, and whether the frame is its message's last."""
    if first & 0x70:
        raise ProtocolError("a frame has a reserved bit set, and no extension was agreed on")
    try:
        return Opcode(first & 0x0F), bool(first & 0x80)
    except ValueError:
        raise ProtocolError(f"a frame has the unknown opcode {first & 0x0F}") from None


def _payload_size(buffer: bytearray) -> tuple[int, int] | None:
    """Return where the size ends and what it is, or None while its bytes are missing (RFC 6455, 5.2)."""
    short = buffer[1] & 0x7F
    if short <= MAX_CONTROL:
        return 2, short
    end, least = (4, MAX_CONTROL + 1) if short == 126 else (10, 1 << 16)
    if len(buffer) < end:
        return None
    size = int.from_bytes(buffer[2:end], "big")
    if size < least or size >> 63:
        raise ProtocolError("a frame's length is not written in the shortest form")
    return end, size


def _parse_close(payload: bytes) -> Close:
    if not payload:
        return Close(NO_CODE)
    code = int.from_bytes(payload[:2], "big")
    if len(payload) < 2 or not is_close_code(code):
        raise ProtocolError("a Close frame has no valid code")
    try:
        return Close(code, payload[2:].decode())
    except UnicodeDecodeError:
        raise ProtocolError("a Close frame's reason is not UTF-8", code=BAD_DATA) from None
