"""The opening handshake of RFC 6455, section 4, as a client sees it. No I/O."""

from __future__ import annotations

from binascii import b2a_base64
from dataclasses import dataclass
from enum import StrEnum

from devstack.core.http import Head, get_request
from devstack.core.websocket import WebSocketError

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class HandshakeFault(StrEnum):
    """What was wrong with the server's answer."""

    STATUS = "status"  # not 101
    VERSION = "version"  # 101 by HTTP/1.0
    UPGRADE = "upgrade"  # Upgrade or Connection missing or wrong
    ACCEPT = "accept"
    EXTENSION = "extension"
    SUBPROTOCOL = "subprotocol"


class HandshakeError(WebSocketError):
    """The server did not upgrade; `head` and `body` are its answer."""

    def __init__(self, fault: HandshakeFault, message: str, head: Head, body: bytes = b"") -> None:
        super().__init__(message)
        self.fault = fault
        self.head = head
        self.body = body


def new_key(entropy: bytes) -> str:
    """Return a Sec-WebSocket-Key made of 16 random bytes."""
    return b2a_base64(entropy, newline=False).decode()


def accept_for(key: str) -> str:
    """Return the Sec-WebSocket-Accept that answers `key` (RFC 6455, 4.2.2)."""
    return b2a_base64(_sha1((key + _GUID).encode()), newline=False).decode()


def _sha1(data: bytes) -> bytes:
    # hashlib loads OpenSSL, which costs a supervisor 3.6 MB; CPython's own module is nothing beside it.
    try:
        from _sha1 import sha1  # type: ignore[import-not-found]
    except ImportError:
        from hashlib import sha1
    digest: bytes = sha1(data, usedforsecurity=False).digest()
    return digest


@dataclass(frozen=True, slots=True)
class Handshake:
    """What a client asks for: `host` as the Host header has it, `path`, a fresh `key`, and its wishes."""

    host: str
    path: str
    key: str
    subprotocols: tuple[str, ...] = ()
    origin: str | None = None

    def request(self) -> bytes:
        """Return the upgrade request."""
        headers = [
            ("Host", self.host),
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Key", self.key),
            ("Sec-WebSocket-Version", "13"),
        ]
        if self.origin is not None:
            headers.append(("Origin", self.origin))
        if self.subprotocols:
            headers.append(("Sec-WebSocket-Protocol", ", ".join(self.subprotocols)))
        return get_request(self.path, tuple(headers))

    def check(self, head: Head) -> str | None:
        """Return the subprotocol that the server chose, if any. HandshakeError: it did not upgrade (4.1)."""
        if head.status != 101:
            raise HandshakeError(HandshakeFault.STATUS, f"{head.status} instead of 101", head)
        for fault, words in self._faults(head):
            raise HandshakeError(fault, f"101 but {words}", head)
        return head.get("sec-websocket-protocol") or None

    def _faults(self, head: Head) -> list[tuple[HandshakeFault, str]]:
        """Return all that is wrong with a 101, the worst first."""
        faults = []
        if head.version < (1, 1):
            faults.append((HandshakeFault.VERSION, "by HTTP/1.0"))
        if head.tokens("upgrade") != ("websocket",):
            faults.append((HandshakeFault.UPGRADE, "no Upgrade: websocket"))
        if "upgrade" not in head.tokens("connection"):
            faults.append((HandshakeFault.UPGRADE, "no Connection: Upgrade"))
        accepts = head.all("sec-websocket-accept")
        if accepts != (accept_for(self.key),):
            words = "wrong Sec-WebSocket-Accept" if accepts else "no Sec-WebSocket-Accept"
            faults.append((HandshakeFault.ACCEPT, words))
        extensions = head.get("sec-websocket-extensions")
        if extensions:
            words = f"an extension that nobody asked for: {extensions[:80]}"
            faults.append((HandshakeFault.EXTENSION, words))
        return faults + self._subprotocol_faults(head)

    def _subprotocol_faults(self, head: Head) -> list[tuple[HandshakeFault, str]]:
        chosen = head.all("sec-websocket-protocol")
        if not chosen or (len(chosen) == 1 and chosen[0] in self.subprotocols):
            return []
        words = f"a subprotocol that nobody asked for: {', '.join(chosen)[:80]}"
        return [(HandshakeFault.SUBPROTOCOL, words)]
