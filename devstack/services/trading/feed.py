"""The fan-out: one tick of the market to all who want it, each frame built once and written to many.

Clients that subscribe to the same symbols of a channel are a group, and a group gets the same bytes. A
client whose connection is full gets nothing now; remembered is only the last tick that it has seen, and once
its buffer is empty it gets the newest state of whatever changed since. So a slow reader costs one number.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from devstack.core.websocket_frames import text_frame
from devstack.services.market.market import Market
from devstack.services.market.wire import book_json, quote_json
from devstack.services.websocket.connection import Socket

LONGEST_WAIT_TICKS = 20
"""Ticks by which the clock may be set back before everybody gets a snapshot instead of waiting for it."""


@dataclass(slots=True)
class MarketSource:
    """The market as it is now: which one, and what time it is there (seconds since the Unix epoch)."""

    market: Market
    clock: Callable[[], float] = time.time
    redis: str = "off"  # off: there is none to share the market; ok; away

    def tick(self) -> int:
        return self.market.tick_at(self.clock())


@dataclass(frozen=True, slots=True)
class Topic:
    """A channel of the market: its name, the member that holds its entries, and how one is written."""

    channel: str
    member: str
    entry: Callable[[Market, str, int], str]


def _quote_entry(market: Market, name: str, tick: int) -> str:
    quote = market.quote_at(name, tick)
    return quote_json(quote, market.time_of(quote.seq))


def _book_entry(market: Market, name: str, tick: int) -> str:
    book = market.book_at(name, tick)
    return book_json(book, market.time_of(book.seq))


TOPICS = {
    "quotes": Topic("quotes", "quotes", _quote_entry),
    "book": Topic("book", "books", _book_entry),
}


class Reader(Protocol):
    """A client, as far as the feed knows it."""

    socket: Socket
    lags: dict[str, int]  # channel -> the last tick that a client whose connection is full has seen


@dataclass(slots=True)
class Group:
    """The clients that want the same symbols of the same channel."""

    topic: Topic
    symbols: frozenset[str]
    readers: set[Reader] = field(default_factory=set)


class Feed:
    """Ticks while anybody listens, and sleeps otherwise."""

    def __init__(self, source: MarketSource) -> None:
        self.source = source
        self.seq = 0
        self._groups: dict[tuple[str, frozenset[str]], Group] = {}
        self._timer: asyncio.TimerHandle | None = None

    def join(self, reader: Reader, channel: str, symbols: frozenset[str]) -> None:
        """Give `reader` the updates of these symbols from the tick after `seq` on."""
        key = (channel, symbols)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(TOPICS[channel], symbols)
        group.readers.add(reader)
        if self._timer is None:
            self._schedule()

    def leave(self, reader: Reader, channel: str, symbols: frozenset[str]) -> None:
        """Give `reader` no more updates of these symbols."""
        group = self._groups.get((channel, symbols))
        if group is None:
            return
        group.readers.discard(reader)
        reader.lags.pop(channel, None)
        if not group.readers:
            del self._groups[(channel, symbols)]
        if not self._groups and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def catch_up_with_clock(self) -> int:
        """Return the current sequence number; a feed that slept learns the time first."""
        if self._timer is None:
            self.seq = self.source.tick()
        return self.seq

    def snapshot(self, channel: str, symbols: Iterable[str]) -> bytes:
        """Return the frame with the whole state of these symbols at `seq`."""
        topic, market = TOPICS[channel], self.source.market
        entries = ",".join(topic.entry(market, name, self.seq) for name in _in_order(market, symbols))
        return text_frame(
            f'{{"type":"snapshot","channel":"{channel}","session":"{market.session}","seq":{self.seq},'
            f'"{topic.member}":[{entries}]}}'
        )

    def update(self, channel: str, symbols: Iterable[str], after: int, until: int) -> bytes | None:
        """Return the frame with the state at `until` of what changed after tick `after`, None for nothing."""
        topic, market = TOPICS[channel], self.source.market
        entries = [
            topic.entry(market, name, until)
            for name in _in_order(market, symbols)
            if market.changed_between(name, after, until)
        ]
        if not entries:
            return None
        conflated = ',"conflated":true' if until - after > 1 else ""
        return text_frame(
            f'{{"type":"update","channel":"{channel}","seq":{until}{conflated},'
            f'"{topic.member}":[{",".join(entries)}]}}'
        )

    def missed(self, channel: str, symbols: Iterable[str], after: int) -> bytes:
        """Return the frames, tick by tick, of all that changed after tick `after`."""
        wanted = list(symbols)
        ticks = range(after, self.seq)
        return b"".join(filter(None, (self.update(channel, wanted, tick, tick + 1) for tick in ticks)))

    def catch_up(self, reader: Reader, channel: str, symbols: frozenset[str]) -> None:
        """Send a reader that has room again the newest state of what it was not sent."""
        after = reader.lags.pop(channel, None)
        if after is None:
            return
        frame = self.update(channel, symbols, after, self.seq)
        if frame is not None:
            reader.socket.write(frame)

    def start_over(self) -> None:
        """Send everybody a snapshot: the market is another one, or its time was set back."""
        self.seq = self.source.tick()
        for group in self._groups.values():
            frame = self.snapshot(group.topic.channel, group.symbols)
            for reader in group.readers:
                reader.lags.pop(group.topic.channel, None)
                reader.socket.write(frame)

    def close(self) -> None:
        """Tick no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _schedule(self) -> None:
        """Wake up when the next tick begins."""
        market, now = self.source.market, self.source.clock()
        begins = market.time_of(market.tick_at(now) + 1) / 1000
        self._timer = asyncio.get_running_loop().call_later(max(0.0, begins - now), self._on_tick)

    def _on_tick(self) -> None:
        self._schedule()
        tick, last = self.source.tick(), self.seq
        if tick > last:
            self.seq = tick
            for group in self._groups.values():
                self._send(group, last)
        elif tick < last - LONGEST_WAIT_TICKS:
            self.start_over()

    def _send(self, group: Group, last: int) -> None:
        """Write one tick to a group; the inner loop of the service."""
        channel = group.topic.channel
        frame = self.update(channel, group.symbols, last, self.seq)
        if frame is None:
            return
        for reader in group.readers:
            socket = reader.socket
            if socket.congested:
                reader.lags.setdefault(channel, last)
            elif socket.is_open:
                socket.transport.write(frame)


def _in_order(market: Market, symbols: Iterable[str]) -> list[str]:
    wanted = frozenset(symbols)
    return [name for name in market.symbols if name in wanted]
