"""A follower that stops reading for a while is neither forgotten nor remembered for without bound."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import cast

from devstack.supervisor.control.server import GROWTH_EVERY, Client
from devstack.supervisor.run.running_stack import RunningStack

NAME = "x" * 40_000  # so that little time makes much to tell


def test_a_follower_that_does_not_read_for_long_still_hears_that_there_is_more() -> None:
    asyncio.run(_follow())


async def _follow() -> None:
    ours, theirs = socket.socketpair()
    _, writer = await asyncio.open_connection(sock=ours)
    client = Client(cast(RunningStack, None), set(), writer, "")
    theirs.settimeout(5)
    for _ in range(60):
        client.grew(NAME)
        await asyncio.sleep(GROWTH_EVERY * 1.2)
    assert not writer.is_closing()
    heard = await asyncio.to_thread(_read_all, theirs)
    assert all(message["method"] == "output" for message in heard)
    # Whatever grows from now on is told again.
    client.grew("a")
    await asyncio.sleep(GROWTH_EVERY * 1.2)
    assert json.loads(await asyncio.to_thread(theirs.recv, 65536))["params"] == {"services": ["a"]}
    writer.close()
    theirs.close()


def _read_all(connection: socket.socket) -> list[dict[str, object]]:
    """Return the messages that wait."""
    data = bytearray()
    connection.settimeout(0.5)
    while True:
        try:
            data += connection.recv(1 << 20)
        except TimeoutError:
            return [json.loads(line) for line in data.splitlines()]
