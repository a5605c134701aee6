"""WebSocket frames as bytes, for either end: opcodes, closing codes, masks (RFC 6455, 5 and 7). No I/O."""

from __future__ import annotations

import sys
from enum import IntEnum

MAX_CONTROL = 125
"""Bytes that a control frame may carry (RFC 6455, 5.5)."""


class Opcode(IntEnum):
    """RFC 6455, 5.2."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


class CloseCode(IntEnum):
    """Closing codes: RFC 6455, 7.4.1, and IANA's registry for the last two."""

    NORMAL = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    NO_STATUS = 1005  # never on the wire: the Close frame was empty
    ABNORMAL = 1006  # never on the wire: the connection ended without a Close frame
    INVALID_DATA = 1007
    POLICY = 1008
    TOO_BIG = 1009
    INTERNAL_ERROR = 1011
    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013


def apply_mask(payload: bytes | bytearray, mask: bytes | bytearray) -> bytes:
    """Return `payload` XORed with the 4 bytes of `mask`, repeated (RFC 6455, 5.3); its own inverse.

    As one big number: a loop over the bytes is fifty times slower.
    """
    size, order = len(payload), sys.byteorder
    repeated = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, order) ^ int.from_bytes(repeated, order)).to_bytes(size, order)


def encode_frame(opcode: Opcode, payload: bytes, *, mask: bytes | None = None, fin: bool = True) -> bytes:
    """Return one frame. A client passes 4 fresh random bytes as `mask`, a server none."""
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


def text_frame(text: str) -> bytes:
    """Return one text message as a server's frame."""
    return encode_frame(Opcode.TEXT, text.encode())


def close_frame(code: int, reason: str = "") -> bytes:
    """Return a server's Close frame."""
    return encode_frame(Opcode.CLOSE, close_payload(code, reason))


def close_payload(code: int, reason: str = "") -> bytes:
    """Return what a Close frame carries: nothing for NO_STATUS, else at most 123 bytes of `reason`."""
    if code == CloseCode.NO_STATUS:
        return b""
    text = reason.encode()[: MAX_CONTROL - 2].decode(errors="ignore")
    return code.to_bytes(2, "big") + text.encode()


def is_close_code(code: int) -> bool:
    """Return True if a Close frame may carry `code` (RFC 6455, 7.4; 1012 to 1014 by IANA's registry)."""
    if code in (1004, CloseCode.NO_STATUS, CloseCode.ABNORMAL):
        return False
    return 1000 <= code <= 1014 or 3000 <= code <= 4999
