"""Lets a coroutine wait until something has become true in the supervisor."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio


class Waiters:
    """Those who wait; they look again whenever `wake` says that something has happened."""

    def __init__(self) -> None:
        self._looks: list[Callable[[], bool]] = []

    def wake(self) -> None:
        """Have everybody look; who has found what it waited for waits no more."""
        self._looks = [look for look in self._looks if not look()]

    async def until(self, is_true: Callable[[], bool], within: float) -> bool:
        """Wait until `is_true` says so, for `within` seconds at most; return whether it did."""
        import asyncio

        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def _look() -> bool:
            if not future.done() and is_true():
                future.set_result(None)
            return future.done()

        if _look():
            return True
        self._looks.append(_look)
        try:
            async with asyncio.timeout(within):
                await future
            return True
        except TimeoutError:
            return False
        finally:
            if _look in self._looks:
                self._looks.remove(_look)
