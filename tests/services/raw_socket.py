"""A WebSocket client of bare bytes, for frames that no library would send."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
MASK = b"\x37\xfa\x21\x3d"


@dataclass(frozen=True)
class Frame:
    """A frame that came."""

    opcode: int
    payload: bytes

    @property
    def close_code(self) -> int:
        assert self.opcode == CLOSE, self
        return int.from_bytes(self.payload[:2], "big")

    @property
    def json(self) -> Any:
        assert self.opcode == TEXT, self
        return json.loads(self.payload)


def upgrade_request(port: int, path: str = "/api/ws", **changed: str | None) -> bytes:
    """Return an opening handshake; a header set to None is left out, underscores are hyphens."""
    headers: dict[str, str | None] = {
        "Host": f"127.0.0.1:{port}",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": KEY,
    }
    headers |= {name.replace("_", "-"): value for name, value in changed.items()}
    lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
    return "\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode()


def client_frame(
    opcode: int, payload: bytes = b"", *, final: bool = True, reserved: int = 0, masked: bool = True
) -> bytes:
    """Return one frame as a client sends it."""
    head = bytes(((0x80 if final else 0) | reserved << 4 | opcode,))
    flag = 0x80 if masked else 0
    size = len(payload)
    if size < 126:
        head += bytes((flag | size,))
    elif size < 65536:
        head += bytes((flag | 126,)) + size.to_bytes(2, "big")
    else:
        head += bytes((flag | 127,)) + size.to_bytes(8, "big")
    if not masked:
        return head + payload
    return head + MASK + bytes(byte ^ MASK[index % 4] for index, byte in enumerate(payload))


class RawSocket:
    """A TCP connection to a service; `shake_hands` makes it a WebSocket."""

    def __init__(self, port: int, *, receive_buffer: int | None = None) -> None:
        self.port = port
        self.connection = socket.socket()
        if receive_buffer is not None:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.connection.settimeout(20)
        self.connection.connect(("127.0.0.1", port))
        self._buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def say(self, **message: Any) -> None:
        """Send one JSON message as a text frame."""
        self.send(client_frame(TEXT, json.dumps(message).encode()))

    def shake_hands(self, also: bytes = b"", **headers: str | None) -> str:
        """Open the WebSocket, `also` in the same packet; return the head of the answer."""
        self.send(upgrade_request(self.port, **headers) + also)
        head = self.read_head()
        assert head.startswith("HTTP/1.1 101 "), head
        return head

    def read_head(self) -> str:
        """Return the head of an HTTP answer, lower-cased names and all, as it came."""
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        return head.decode()

    def read_rest(self) -> bytes:
        """Return all that comes until the end."""
        while True:
            data = self.connection.recv(65536)
            if not data:
                rest, self._buffer = self._buffer, b""
                return rest
            self._buffer += data

    def frame(self) -> Frame:
        """Return the next frame; EOFError at the end of the stream."""
        head = self._take(2)
        size = head[1] & 0x7F
        assert not head[1] & 0x80, "a server must not mask"
        if size == 126:
            size = int.from_bytes(self._take(2), "big")
        elif size == 127:
            size = int.from_bytes(self._take(8), "big")
        assert head[0] & 0xF0 == 0x80, "one final frame a message"
        return Frame(head[0] & 0x0F, self._take(size))

    def message(self, kind: str) -> Any:
        """Return the next JSON message of type `kind`, leaving out what comes before it."""
        while True:
            found = self.frame()
            if found.opcode == TEXT and found.json["type"] == kind:
                return found.json
            assert found.opcode in (TEXT, PING), found

    def close_frame(self) -> Frame:
        """Return the server's Close frame, leaving out what comes before it, and wait for the end."""
        while True:
            found = self.frame()
            if found.opcode == CLOSE:
                return found

    def ends(self) -> bool:
        """Say whether the server ends the connection, in order and not by a reset."""
        return self.read_rest() == b""

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._more()
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def _more(self) -> None:
        data = self.connection.recv(65536)
        if not data:
            raise EOFError
        self._buffer += data
