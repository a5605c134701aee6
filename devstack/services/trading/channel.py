"""The bot channel: messages between the clients of the trading socket, the last ones kept for latecomers.

A `BotChannel` takes messages in and hands each to `deliver`, in order, on this process' event loop. This one
lives in memory; `redis_channel` carries messages between processes.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

KEPT = 256
SHOWN = 50
COUNTER_BITS = 10
"""A sequence number is the milliseconds of its time, shifted by these bits, and a counter in them."""


@dataclass(frozen=True, slots=True)
class BotMessage:
    """One message. `sender` is a name, or the connection where it has none; `to` is None for everybody."""

    seq: int
    sender: str
    connection: str
    to: str | None
    text: str

    @property
    def at_ms(self) -> int:
        return self.seq >> COUNTER_BITS

    def is_for(self, names: tuple[str, str]) -> bool:
        """Say whether one of these names (a client's own and its connection's) may see this message."""
        return self.to is None or self.to in names or self.connection in names


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that is to be sent; `failed` is called, once, if it cannot be."""

    sender: str
    connection: str
    to: str | None
    text: str
    failed: Callable[[], None]


class BotChannel(Protocol):
    """Where messages go and come from."""

    history: History

    async def start(self, deliver: Callable[[BotMessage], None]) -> None:
        """Hand every message from now on to `deliver`; called once. Then the history is there."""

    def publish(self, draft: Draft) -> None:
        """Send a message, or say by `draft.failed` that it was not sent."""

    async def close(self) -> None:
        """Deliver no more."""


class History:
    """The last messages. `since` is the sequence number from which on none is missing."""

    def __init__(self, since: int) -> None:
        self.since = since
        self._messages: deque[BotMessage] = deque(maxlen=KEPT)

    @property
    def last(self) -> int:
        return self._messages[-1].seq if self._messages else self.since

    def add(self, message: BotMessage) -> None:
        """Keep one more message, and forget the oldest if there are too many."""
        if len(self._messages) == KEPT:
            self.since = self._messages[0].seq
        self._messages.append(message)

    def after(self, seq: int) -> tuple[list[BotMessage], bool]:
        """Return the messages after `seq`, and whether some after it are forgotten."""
        return [message for message in self._messages if message.seq > seq], seq < self.since


def first_seq(now_ms: int) -> int:
    """Return the lowest sequence number of a message sent at this time."""
    return now_ms << COUNTER_BITS


class MemoryChannel:
    """The bot channel of one process."""

    def __init__(self) -> None:
        self.history = History(first_seq(_now_ms()))
        self._deliver: Callable[[BotMessage], None] | None = None

    async def start(self, deliver: Callable[[BotMessage], None]) -> None:
        self._deliver = deliver

    def publish(self, draft: Draft) -> None:
        seq = max(self.history.last + 1, first_seq(_now_ms()))
        message = BotMessage(seq, draft.sender, draft.connection, draft.to, draft.text)
        self.history.add(message)
        if self._deliver is not None:
            self._deliver(message)

    async def close(self) -> None:
        self._deliver = None


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
