"""WebSocket framing after RFC 6455, section 5: bytes in, messages out. No socket, no clock.

`FrameReader` takes what a client sends, cut anywhere; the functions below it build what a server sends.
Two rules: a violation ends the connection, so the reader raises and is not used again; and nothing is
buffered beyond one message of the size that is allowed, so a header that announces more is refused at once.
"""

from __future__ import annotations

import codecs
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

LONGEST_CONTROL_PAYLOAD = 125


class Opcode(IntEnum):
    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


class CloseCode(IntEnum):
    """The close codes used here: RFC 6455, section 7.4.1, and IANA's registry for the last two."""

    NORMAL = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    NO_STATUS = 1005  # never on the wire: the peer's Close frame was empty
    ABNORMAL = 1006  # never on the wire: the connection ended without a Close frame
    INVALID_DATA = 1007
    POLICY = 1008
    TOO_BIG = 1009
    INTERNAL_ERROR = 1011
    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013


class ProtocolViolation(Exception):  # noqa: N818 - the RFC's own word
    """The peer broke the protocol; `code` and `reason` belong into the Close frame."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Ping:
    payload: bytes


@dataclass(frozen=True, slots=True)
class Pong:
    payload: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """The peer's Close frame; `code` is 1005 where it was empty."""

    code: int
    reason: str


Received = str | bytes | Ping | Pong | Close


class FrameReader:
    """The receiving half of one server-side connection.

    `feed` yields text as str, binary as bytes, and control frames, in the order of arrival; it raises
    ProtocolViolation after whatever came intact before it. `longest_message` is in bytes of payload.
    """

    __slots__ = ("_buffer", "_decoder", "_message", "_message_opcode", "longest_message")

    def __init__(self, longest_message: int) -> None:
        self.longest_message = longest_message
        self._buffer = b""
        self._message: bytearray | None = None
        self._message_opcode = 0
        self._decoder: codecs.IncrementalDecoder | None = None

    def feed(self, data: bytes) -> Iterator[Received]:
        buffer = self._buffer + data if self._buffer else data
        start = 0
        while header := self._header(buffer, start):
            first, body_start, body_end = header
            if len(buffer) < body_end:
                break
            payload = unmask(buffer[body_start:body_end], buffer[body_start - 4 : body_start])
            start = body_end
            received = self._frame(first & 0x0F, bool(first & 0x80), payload)
            if received is not None:
                yield received
        self._buffer = buffer[start:] if start else buffer

    def _header(self, buffer: bytes, start: int) -> tuple[int, int, int] | None:
        """Return first byte, start and end of the payload, or None while the header is incomplete."""
        available = len(buffer) - start
        if available < 2:
            return None
        first, second = buffer[start], buffer[start + 1]
        self._check_first_bytes(first, second)
        length, size = second & 0x7F, 2
        if length >= 126:
            size = 4 if length == 126 else 10
            if available < size:
                return None
            length = _extended_length(buffer[start + 2 : start + size])
        self._check_length(first & 0x0F, length)
        if available < size + 4:
            return None
        return first, start + size + 4, start + size + 4 + length

    def _check_first_bytes(self, first: int, second: int) -> None:
        opcode, final = first & 0x0F, first & 0x80
        if first & 0x70:
            raise _error("reserved bits are set and no extension was agreed on")
        if opcode in (3, 4, 5, 6, 7) or opcode > Opcode.PONG:
            raise _error(f"opcode {opcode} is reserved")
        if not second & 0x80:
            raise _error("a client's frame must be masked")
        if opcode >= Opcode.CLOSE:
            if not final:
                raise _error("a control frame must not be fragmented")
            if second & 0x7F > LONGEST_CONTROL_PAYLOAD:
                raise _error("a control frame carries at most 125 bytes")
        elif opcode == Opcode.CONTINUATION and self._message is None:
            raise _error("a continuation frame without a message to continue")
        elif opcode != Opcode.CONTINUATION and self._message is not None:
            raise _error("a new message before the last one was complete")

    def _check_length(self, opcode: int, length: int) -> None:
        if opcode >= Opcode.CLOSE:
            return
        if length + len(self._message or b"") > self.longest_message:
            raise ProtocolViolation(
                CloseCode.TOO_BIG, f"a message may have at most {self.longest_message} bytes"
            )

    def _frame(self, opcode: int, final: bool, payload: bytes) -> Received | None:
        if opcode >= Opcode.CLOSE:
            return _control(opcode, payload)
        if final and self._message is None:
            return _text(payload) if opcode == Opcode.TEXT else payload
        return self._fragment(opcode, final, payload)

    def _fragment(self, opcode: int, final: bool, payload: bytes) -> str | bytes | None:
        if self._message is None:
            self._message, self._message_opcode = bytearray(), opcode
            self._decoder = codecs.getincrementaldecoder("utf-8")() if opcode == Opcode.TEXT else None
        self._message += payload
        if self._decoder is not None:
            _check_utf8(self._decoder, payload, final)
        if not final:
            return None
        message, self._message, self._decoder = bytes(self._message), None, None
        return message.decode() if self._message_opcode == Opcode.TEXT else message


def _error(reason: str) -> ProtocolViolation:
    return ProtocolViolation(CloseCode.PROTOCOL_ERROR, reason)


def _extended_length(field: bytes) -> int:
    length = int.from_bytes(field, "big")
    if length >> 63:
        raise _error("the highest bit of a 64-bit length must be 0")
    if length < (126 if len(field) == 2 else 65536):
        raise _error("a length must be written in as few bytes as possible")
    return length


def _check_utf8(decoder: codecs.IncrementalDecoder, payload: bytes, final: bool) -> None:
    """Fail at the first fragment that no continuation can mend (RFC 6455, section 8.1)."""
    try:
        decoder.decode(payload, final)
    except UnicodeDecodeError:
        raise _not_utf8() from None


def _text(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise _not_utf8() from None


def _not_utf8() -> ProtocolViolation:
    return ProtocolViolation(CloseCode.INVALID_DATA, "text must be UTF-8")


def _control(opcode: int, payload: bytes) -> Received:
    if opcode == Opcode.PING:
        return Ping(payload)
    if opcode == Opcode.PONG:
        return Pong(payload)
    if not payload:
        return Close(CloseCode.NO_STATUS, "")
    if len(payload) == 1:
        raise _error("a Close frame's body starts with a code of two bytes")
    code = int.from_bytes(payload[:2], "big")
    if not is_sendable_close_code(code):
        raise _error(f"close code {code} may not be sent")
    return Close(code, _text(payload[2:]))


def is_sendable_close_code(code: int) -> bool:
    """Say whether a Close frame may carry `code` (RFC 6455, section 7.4, and IANA's registry)."""
    return (1000 <= code <= 1014 and code not in (1004, 1005, 1006)) or 3000 <= code <= 4999


def unmask(payload: bytes, key: bytes) -> bytes:
    """Return `payload` XORed with the four bytes of `key`, repeated (RFC 6455, section 5.3).

    As one big number: a loop over the bytes is fifty times slower.
    """
    length = len(payload)
    pad = (key * (length // 4 + 1))[:length]
    order = sys.byteorder
    return (int.from_bytes(payload, order) ^ int.from_bytes(pad, order)).to_bytes(length, order)


def frame(opcode: Opcode, payload: bytes) -> bytes:
    """Return one final, unmasked frame: what a server sends."""
    length = len(payload)
    if length < 126:
        return bytes((0x80 | opcode, length)) + payload
    if length < 65536:
        return bytes((0x80 | opcode, 126)) + length.to_bytes(2, "big") + payload
    return bytes((0x80 | opcode, 127)) + length.to_bytes(8, "big") + payload


def text_frame(text: str) -> bytes:
    """Return one text message as a frame."""
    return frame(Opcode.TEXT, text.encode())


def close_frame(code: int, reason: str = "") -> bytes:
    """Return a Close frame; a reason too long for a control frame is cut at a character's end."""
    room = LONGEST_CONTROL_PAYLOAD - 2
    cut = reason.encode()[:room].decode(errors="ignore").encode()
    return frame(Opcode.CLOSE, code.to_bytes(2, "big") + cut)
