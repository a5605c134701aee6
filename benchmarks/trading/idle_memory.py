"""What an idle connection costs the server: its growth when many have connected and ask for nothing."""

from __future__ import annotations

import contextlib
import time

import psutil
from socket_load import connect


def measure(pid: int, port: int, connections: int) -> float:
    """Return kilobytes a connection, with `connections` of them open and silent."""
    server = psutil.Process(pid)
    # The first ones bring in what is imported and allocated once.
    warm = [connect(port) for _ in range(50)]
    time.sleep(0.5)
    before = server.memory_full_info().uss
    with contextlib.ExitStack() as stack:
        for _ in range(connections):
            stack.enter_context(connect(port))
        time.sleep(1.0)
        after = server.memory_full_info().uss
    for connection in warm:
        connection.close()
    return (after - before) / connections / 1000
