"""Many subscribers in one process: counts the ticks that reach them and how old each one is.

A selector and plain sockets: what the load costs must not hide what the server costs. The age of a tick is
from the moment it begins by the clock (`seq` times the tick's length) until its frame was read here.
"""

from __future__ import annotations

import contextlib
import json
import re
import selectors
import socket
import time
from dataclasses import dataclass

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
SEQ = re.compile(rb'"update","channel":"quotes","seq":(\d+)')


@dataclass(frozen=True)
class Outcome:
    """What came: ticks, and a second, over all clients; and percentiles of their age in milliseconds."""

    ticks: int
    ticks_per_second: float
    p50_ms: float
    p99_ms: float


def connect(port: int) -> socket.socket:
    """Open one WebSocket, and read up to the end of the 101 response."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(
        b"GET /api/ws HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n" % (port, KEY)
    )
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(4096)
    assert answer.startswith(b"HTTP/1.1 101"), answer
    return connection


def masked(message: dict[str, object]) -> bytes:
    """Return a client's text frame, masked with zeros."""
    payload = json.dumps(message).encode()
    assert len(payload) < 126
    return bytes((0x81, 0x80 | len(payload))) + b"\0\0\0\0" + payload


def measure(port: int, clients: int, seconds: float, tick_ms: int) -> Outcome:
    """Subscribe `clients` to one symbol, warm up for a second, and count for `seconds`."""
    connections = [connect(port) for _ in range(clients)]
    chosen = selectors.DefaultSelector()
    for connection in connections:
        connection.sendall(masked({"type": "subscribe", "channel": "quotes", "symbols": ["BTC-USD"]}))
        connection.setblocking(False)
        chosen.register(connection, selectors.EVENT_READ)
    _count(chosen, 1.0, tick_ms)
    started = time.perf_counter()
    ages = _count(chosen, seconds, tick_ms)
    elapsed = time.perf_counter() - started
    for connection in connections:
        connection.close()
    ages.sort()
    if not ages:
        return Outcome(0, 0.0, 0.0, 0.0)
    return Outcome(len(ages), len(ages) / elapsed, ages[len(ages) // 2], ages[int(len(ages) * 0.99)])


def _count(chosen: selectors.BaseSelector, seconds: float, tick_ms: int) -> list[float]:
    ages: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for key, _ in chosen.select(0.1):
            with contextlib.suppress(BlockingIOError):
                data = key.fileobj.recv(262144)  # type: ignore[union-attr]
                now = time.time() * 1000
                # A tick whose head is cut by a read is not counted: the same for everybody.
                ages.extend(now - int(seq) * tick_ms for seq in SEQ.findall(data))
    return ages
