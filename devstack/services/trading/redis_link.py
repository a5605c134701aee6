"""The connection to Redis that the shared market and the bot channel use: made late, lost without harm."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

from devstack.errors import ConfigError

CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 2.0
BLOCK_SECONDS = 5.0
"""How long a read waits for news before it is asked again; its answer may take ANSWER_SECONDS more."""

FIRST_RETRY, LONGEST_RETRY = 0.1, 3.0


def connect(url: str, *, waits: bool = False) -> Any:
    """Return redis-py's client for `url`, which connects when first used; `waits` is for reads that wait.

    Any, because redis-py's own types say less than its documentation and differ between its versions.

    ConfigError if the extra is not installed or the address is none. The address is never repeated in a
    message: it may hold a password.
    """
    try:
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff
    except ImportError:
        raise ConfigError(
            "REDIS_URL is set, but redis-py is not installed",
            source="shell",
            hint='pip install "devstack[redis]"',
        ) from None
    try:
        return Redis.from_url(
            url,
            decode_responses=True,
            socket_connect_timeout=CONNECT_SECONDS,
            socket_timeout=ANSWER_SECONDS + (BLOCK_SECONDS if waits else 0.0),
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError:
        raise ConfigError(
            "REDIS_URL is no address of a Redis",
            source="shell",
            hint="it is to look like redis://127.0.0.1:6379/0",
        ) from None


def failures() -> tuple[type[Exception], ...]:
    """Return what a lost, refused or silent Redis raises."""
    from redis.exceptions import RedisError

    return RedisError, OSError, TimeoutError


async def persist(work: Callable[[], Awaitable[None]], on_failure: Callable[[], None]) -> None:
    """Do `work` over and over; after a failure wait a growing, random time. Ends by cancellation."""
    expected, wait = failures(), FIRST_RETRY
    while True:
        try:
            await work()
            wait = FIRST_RETRY
        except expected:
            on_failure()
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))
            wait = min(wait * 2, LONGEST_RETRY)
