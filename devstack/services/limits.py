"""What one client, one address and all clients together may ask of the trading socket."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the trading socket. The defaults let one address open 3,000 connections at once.

    `message_bytes` bounds one message, `messages_per_second` their rate after a burst of `message_burst`;
    who goes on for `refusals` refused messages is closed. `subscriptions` counts pairs of channel and symbol.
    `connects_per_second` and `connect_burst` are per address. `idle_s` is how long a connection may stay
    that has no subscription and says nothing. `heartbeat_s` is how long a connection may be silent before
    it is pinged; after three times that, and two pings, it is given up. `replay_ticks` is the longest gap
    that is replayed. `replayed_burst` bounds what one connection is replayed, in ticks of single symbols,
    and refills by `replayed_per_second`: enough for every symbol of both channels once, and then as fast as
    they tick.
    """

    message_bytes: int = 16 * 1024
    messages_per_second: float = 50.0
    message_burst: int = 100
    refusals: int = 500
    subscriptions: int = 100
    connections: int = 4000
    connects_per_second: float = 300.0
    connect_burst: int = 3000
    idle_s: float = 300.0
    heartbeat_s: float = 20.0
    replay_ticks: int = 200
    replayed_burst: int = 4000
    replayed_per_second: float = 200.0


DEFAULT_LIMITS = Limits()


class Bucket:
    """A token bucket: `burst` at once, then `rate` a second. Times are seconds of a monotonic clock."""

    __slots__ = ("_at", "_tokens")

    def __init__(self, burst: float, now: float) -> None:
        self._tokens = burst
        self._at = now

    def take(self, rate: float, burst: float, now: float, count: int = 1) -> bool:
        """Take `count` tokens, if there are so many."""
        self._tokens = min(burst, self._tokens + (now - self._at) * rate)
        self._at = now
        if self._tokens < count:
            return False
        self._tokens -= count
        return True


class AddressBuckets:
    """A token bucket for each of the addresses seen last; bounded, whoever connects."""

    REMEMBERED = 4096

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def admit(self, address: str, now: float) -> bool:
        """Say whether `address` may connect once more."""
        bucket = self._buckets.pop(address, None) or Bucket(self._burst, now)
        self._buckets[address] = bucket
        while len(self._buckets) > self.REMEMBERED:
            self._buckets.popitem(last=False)
        return bucket.take(self._rate, self._burst, now)
