"""The bot channel between processes: a Redis stream, which every process reads from where it was.

A stream and not publish/subscribe: after Redis was lost and is back, what others sent in between is still
there. A message's sequence number is its id in the stream.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress

from devstack.services.trading.channel import COUNTER_BITS, KEPT, BotMessage, Draft, History
from devstack.services.trading.redis_link import BLOCK_SECONDS, connect, failures, persist

STREAM = "devstack:bots"
KEPT_IN_STREAM = 1000
WAITING_DRAFTS = 256
FIRST_READ_SECONDS = 1.0
LARGEST_COUNTER = (1 << COUNTER_BITS) - 1


class RedisChannel:
    """The bot channel of all processes that share one Redis (a `channel.BotChannel`)."""

    def __init__(self, url: str) -> None:
        self.history = History(0)
        self._reading, self._writing = connect(url, waits=True), connect(url)
        self._last_id: str | None = None
        self._drafts: asyncio.Queue[Draft] = asyncio.Queue(WAITING_DRAFTS)
        self._deliver: Callable[[BotMessage], None] = lambda _: None
        self._tasks: list[asyncio.Task[None]] = []
        self._tried = asyncio.Event()

    async def start(self, deliver: Callable[[BotMessage], None]) -> None:
        self._deliver = deliver
        read = persist(self._read, self._tried.set)
        self._tasks = [asyncio.create_task(read), asyncio.create_task(self._write())]
        with suppress(TimeoutError):
            await asyncio.wait_for(self._tried.wait(), FIRST_READ_SECONDS)

    def publish(self, draft: Draft) -> None:
        try:
            self._drafts.put_nowait(draft)
        except asyncio.QueueFull:
            draft.failed()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self._reading.aclose()
        await self._writing.aclose()

    async def _write(self) -> None:
        """Send draft after draft; one that fails is said at once and not tried again."""
        expected = failures()
        while True:
            draft = await self._drafts.get()
            fields = {"from": draft.sender, "connection": draft.connection, "text": draft.text}
            if draft.to is not None:
                fields["to"] = draft.to
            try:
                await self._writing.xadd(STREAM, fields, maxlen=KEPT_IN_STREAM, approximate=True)
            except expected:
                draft.failed()

    async def _read(self) -> None:
        """Take what has come since the last time, or wait for it; the first time, what is worth knowing."""
        if self._last_id is None:
            newest = await self._reading.xrevrange(STREAM, count=KEPT)
            self._last_id = "0-0"
            for identity, fields in reversed(newest):
                self._keep(identity, fields)
            self._tried.set()
            return
        news = await self._reading.xread({STREAM: self._last_id}, block=int(BLOCK_SECONDS * 1000))
        for _, entries in news or ():
            for identity, fields in entries:
                self._deliver(self._keep(identity, fields))

    def _keep(self, identity: str, fields: Mapping[str, str]) -> BotMessage:
        self._last_id = identity
        message = BotMessage(
            sequence_number(identity),
            fields.get("from", ""),
            fields.get("connection", ""),
            fields.get("to"),
            fields.get("text", ""),
        )
        self.history.add(message)
        return message


def sequence_number(identity: str) -> int:
    """Return the protocol's number of a stream entry, whose id is `milliseconds-counter`."""
    at_ms, _, counter = identity.partition("-")
    return int(at_ms) << COUNTER_BITS | min(int(counter), LARGEST_COUNTER)
