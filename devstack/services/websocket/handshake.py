"""The opening handshake of a WebSocket, server side (RFC 6455, section 4.2): headers in, an answer out."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

Headers = Sequence[tuple[bytes, bytes]]

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
VERSION = b"13"


@dataclass(frozen=True, slots=True)
class Handshake:
    """A sound opening handshake: the value of Sec-WebSocket-Accept, and the subprotocols on offer."""

    accept: bytes
    subprotocols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HandshakeRefusal:
    """Why a handshake is none: an HTTP status, words for the person, and headers that say what would be."""

    status: int
    detail: str
    headers: tuple[tuple[bytes, bytes], ...] = ()


def read_handshake(method: str, http_version: str, headers: Headers) -> Handshake | HandshakeRefusal:
    """Return what the server answers to a request that asks for an upgrade to `websocket`."""
    if method != "GET":
        return HandshakeRefusal(405, f"a WebSocket opens with GET, not {method}", ((b"allow", b"GET"),))
    if http_version != "1.1":
        return HandshakeRefusal(400, "a WebSocket needs HTTP/1.1")
    if len(_all(headers, b"host")) != 1:
        return HandshakeRefusal(400, "a request needs exactly one Host header")
    if refusal := _check_version(_all(headers, b"sec-websocket-version")):
        return refusal
    keys = _all(headers, b"sec-websocket-key")
    if len(keys) != 1 or not _is_key(keys[0]):
        return HandshakeRefusal(
            400,
            "Sec-WebSocket-Key must be 16 random bytes in base64 (RFC 6455, section 4.1), "
            "for example dGhlIHNhbXBsZSBub25jZQ==",
        )
    offered = b",".join(_all(headers, b"sec-websocket-protocol")).decode("latin-1")
    return Handshake(
        accept_value(keys[0]), tuple(part.strip() for part in offered.split(",") if part.strip())
    )


def _check_version(versions: list[bytes]) -> HandshakeRefusal | None:
    if versions == [VERSION]:
        return None
    required = ((b"sec-websocket-version", VERSION),)
    if len(versions) != 1:
        return HandshakeRefusal(400, "a handshake needs exactly one Sec-WebSocket-Version, 13", required)
    upgrade = ((b"upgrade", b"websocket"), (b"connection", b"upgrade, close"))
    return HandshakeRefusal(426, "only version 13 of the WebSocket protocol is spoken", required + upgrade)


def _all(headers: Headers, name: bytes) -> list[bytes]:
    return [value.strip() for key, value in headers if key == name]


def _is_key(value: bytes) -> bool:
    try:
        return len(base64.b64decode(value, validate=True)) == 16 and len(value) == 24
    except (binascii.Error, ValueError):
        return False


def accept_value(key: bytes) -> bytes:
    """Return Sec-WebSocket-Accept for Sec-WebSocket-Key `key`."""
    return base64.b64encode(hashlib.sha1(key + GUID, usedforsecurity=False).digest())


def accept_response(handshake: Handshake, subprotocol: str | None, headers: Headers) -> bytes:
    """Return the whole 101 response."""
    lines = [
        b"HTTP/1.1 101 Switching Protocols",
        b"upgrade: websocket",
        b"connection: Upgrade",
        b"sec-websocket-accept: " + handshake.accept,
    ]
    if subprotocol is not None:
        lines.append(b"sec-websocket-protocol: " + subprotocol.encode("latin-1"))
    lines += [name + b": " + value for name, value in headers]
    return b"\r\n".join(lines) + b"\r\n\r\n"
