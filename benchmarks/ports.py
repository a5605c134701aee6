"""Free ports for the children, below those that the kernel hands to clients."""

from __future__ import annotations

import random
import socket

_FIRST, _LAST = 10_000, 31_000


def free_ports(count: int) -> tuple[int, ...]:
    """Return `count` TCP ports of 127.0.0.1 that nobody holds, in a row where that is possible."""
    start = random.randrange(_FIRST, _LAST - count)
    found: list[int] = []
    for port in (*range(start, _LAST), *range(_FIRST, start)):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return tuple(found)
    raise OSError(f"no {count} free ports between {_FIRST} and {_LAST}")
