"""One market for many processes and machines: seed, tick and time come from Redis.

The market is a function of seed and time, so it is shared by agreeing on these: the first process writes its
seed and tick length, all others take them; and all set their clocks by Redis', half a round trip allowed for.
While Redis is away everybody goes on by what was agreed.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from contextlib import suppress

from devstack.services.market.market import Market
from devstack.services.trading.feed import MarketSource
from devstack.services.trading.redis_link import connect, persist

KEY = "devstack:market"
SYNC_SECONDS = 10.0
FIRST_SYNC_SECONDS = 1.0
ROUND_TRIPS = 3


class SharedMarket:
    """Keeps `source` in step with Redis; `on_change` is called when the market becomes another one."""

    def __init__(self, url: str, source: MarketSource) -> None:
        self._redis = connect(url)
        self._source = source
        self._offset = 0.0
        self._on_change: Callable[[], None] = lambda: None
        self._task: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()

    async def start(self, on_change: Callable[[], None]) -> None:
        """Begin; returns when Redis has answered or failed once, within a second."""
        self._on_change = on_change
        self._source.redis = "away"
        self._source.clock = lambda: time.time() + self._offset
        self._task = asyncio.create_task(persist(self._sync, self._on_failure))
        with suppress(TimeoutError):
            await asyncio.wait_for(self._tried.wait(), FIRST_SYNC_SECONDS)

    async def stop(self) -> None:
        """Stop, and let the connection go."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._redis.aclose()

    async def _sync(self) -> None:
        """Agree with Redis once, then wait."""
        await self._agree_on_market()
        await self._set_clock()
        self._source.redis = "ok"
        self._tried.set()
        await asyncio.sleep(SYNC_SECONDS)

    def _on_failure(self) -> None:
        if self._source.redis == "ok":
            logging.getLogger("devstack").warning("Redis is away; the market goes on by this machine's clock")
        self._source.redis = "away"
        self._tried.set()

    async def _agree_on_market(self) -> None:
        ours = self._source.market
        proposal = json.dumps({"seed": ours.seed, "tick_ms": ours.tick_ms})
        await self._redis.set(KEY, proposal, nx=True)
        agreed = _read_market(await self._redis.get(KEY) or proposal)
        if agreed is None:
            logging.getLogger("devstack").warning("what Redis holds at %s is no market; replaced", KEY)
            await self._redis.set(KEY, proposal)
        elif agreed != (ours.seed, ours.tick_ms):
            logging.getLogger("devstack").warning("the market's seed and tick are those that Redis holds")
            self._source.market = Market(*agreed)
            self._on_change()

    async def _set_clock(self) -> None:
        """Set the clock by the quickest of a few answers: its time is known best."""
        answers = []
        for _ in range(ROUND_TRIPS):
            asked = time.time()
            seconds, microseconds = await self._redis.time()
            answered = time.time()
            middle = (asked + answered) / 2
            answers.append((answered - asked, seconds + microseconds / 1e6 - middle))
        self._offset = min(answers)[1]


def _read_market(text: str) -> tuple[int, int] | None:
    """Return seed and tick length of a market that another process wrote, or None if it is none."""
    try:
        fields = json.loads(text)
        seed, tick_ms = fields["seed"], fields["tick_ms"]
    except (ValueError, KeyError, TypeError):
        return None
    sound = isinstance(seed, int) and isinstance(tick_ms, int) and tick_ms >= 1
    return (seed, tick_ms) if sound else None
