"""Kept-alive HTTP connections in one process, each with one request under way: answers a second."""

from __future__ import annotations

import selectors
import socket
import time


def measure(port: int, path: str, connections: int = 32, seconds: float = 3.0) -> float:
    """Return the requests a second that the server at `port` answers for `path`."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept-Encoding: identity\r\n\r\n".encode()
    chosen = selectors.DefaultSelector()
    sockets = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(connections)]
    for connection in sockets:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setblocking(False)
        chosen.register(connection, selectors.EVENT_READ, bytearray())
        connection.send(request)
    _exchange(chosen, request, 0.5)
    started = time.perf_counter()
    answered = _exchange(chosen, request, seconds)
    elapsed = time.perf_counter() - started
    for connection in sockets:
        connection.close()
    return answered / elapsed


def _exchange(chosen: selectors.BaseSelector, request: bytes, seconds: float) -> int:
    answered, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        for key, _ in chosen.select(0.1):
            data: bytearray = key.data
            data += key.fileobj.recv(262144)  # type: ignore[union-attr]
            if _is_complete(data):
                assert data.startswith(b"HTTP/1.1 200"), bytes(data[:200])
                data.clear()
                answered += 1
                key.fileobj.send(request)  # type: ignore[union-attr]
    return answered


def _is_complete(data: bytearray) -> bool:
    head, separator, body = data.partition(b"\r\n\r\n")
    if not separator:
        return False
    at = head.lower().index(b"content-length:") + 15
    return len(body) >= int(head[at:].split(b"\r\n", 1)[0])
