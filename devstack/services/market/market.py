"""The simulated market: what every symbol costs at every moment, as a pure function of a seed and the time.

Nothing is stepped and nothing is stored. A price is the sum of smooth noises of growing period and strength
(fractal noise, which moves much as prices do), each a hash of seed, symbol and time. So any process that
knows the seed and the time knows the market: the API and the trading socket agree in dev, several machines
agree in prod, a restart changes nothing, and what a client missed can be computed again instead of kept.

Time is counted in ticks since the Unix epoch; the tick number is the sequence number of all quotes. Only
`+ - * /` of IEEE 754 doubles is used, which every machine computes alike, and prices are whole numbers of
the symbol's smallest step.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

MASK = (1 << 64) - 1
DAY_MS = 86_400_000
LONGEST_QUIET = 16
"""Ticks after which a symbol has a new quote at the latest."""

LADDER_LEVELS = 10

OCTAVES = tuple((period, (period / DAY_MS) ** 0.5) for period in (1_000 * 3**k for k in range(12)))
"""Periods in milliseconds, 1 s to 2 days, with the share of the daily volatility that each has."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """Something that is traded. A price is a whole number of steps of 10^-`decimals` of the quote currency.

    `start` is the price about which it moves, in steps; `volatility` the share by which it moves in a day.
    `activity` is how many of 256 ticks bring a new quote; `lot` the usual size of a trade, in steps of
    10^-`size_decimals`.
    """

    name: str
    title: str
    start: int
    decimals: int
    volatility: float
    activity: int
    spread: int
    lot: int
    size_decimals: int


SYMBOLS = (
    Symbol("BTC-USD", "Bitcoin", 6_421_500, 2, 0.030, 256, 150, 4_200, 5),
    Symbol("ETH-USD", "Ether", 312_400, 2, 0.036, 130, 12, 52_000, 4),
    Symbol("SOL-USD", "Solana", 14_870, 2, 0.048, 110, 2, 9_500, 2),
    Symbol("XRP-USD", "XRP", 52_410, 5, 0.040, 90, 12, 185_000, 0),
    Symbol("DOGE-USD", "Dogecoin", 12_340, 5, 0.055, 80, 6, 950_000, 0),
    Symbol("EUR-USD", "Euro", 108_420, 5, 0.006, 70, 3, 100_000, 0),
    Symbol("GBP-USD", "Pound sterling", 127_150, 5, 0.007, 60, 4, 100_000, 0),
    Symbol("XAU-USD", "Gold", 241_380, 2, 0.011, 60, 25, 1_500, 2),
)


@dataclass(frozen=True, slots=True)
class Quote:
    """A symbol's state since tick `seq`: last trade, best bid and ask, the UTC day's first price."""

    symbol: Symbol
    seq: int
    price: int
    bid: int
    ask: int
    size: int
    is_buy: bool
    open: int


@dataclass(frozen=True, slots=True)
class Candle:
    """Opening, highest, lowest and closing price of `seconds` from `start_ms` on, and what was traded."""

    start_ms: int
    open: int
    high: int
    low: int
    close: int
    volume: int


@dataclass(frozen=True, slots=True)
class Level:
    """One step of the order book: a price and what waits there."""

    price: int
    size: int


@dataclass(frozen=True, slots=True)
class Book:
    """The best `LADDER_LEVELS` bids and asks of a symbol, best first."""

    symbol: Symbol
    seq: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


class Market:
    """The market of one seed. `tick_ms` is the time between two ticks."""

    def __init__(self, seed: int = 1, tick_ms: int = 100, symbols: Iterable[Symbol] = SYMBOLS) -> None:
        self.seed = seed
        self.tick_ms = tick_ms
        self.symbols = {symbol.name: symbol for symbol in symbols}
        self._keys = {name: _key(seed, name) for name in self.symbols}
        named = ",".join(sorted(self.symbols))
        self.session = hashlib.blake2s(f"{seed}/{tick_ms}/{named}".encode(), digest_size=6).hexdigest()
        self.quote = lru_cache(maxsize=4096)(self._quote)
        self.candle = lru_cache(maxsize=32768)(self._candle)

    def tick_at(self, now: float) -> int:
        """Return the number of the tick that is in force at `now`, in seconds since the Unix epoch."""
        return int(now * 1000) // self.tick_ms

    def time_of(self, tick: int) -> int:
        """Return the milliseconds since the Unix epoch at which `tick` begins."""
        return tick * self.tick_ms

    def changes(self, name: str, tick: int) -> bool:
        """Say whether `name` has a new quote at `tick`."""
        key = self._keys[name]
        return tick % LONGEST_QUIET == key % LONGEST_QUIET or (
            _mix(key ^ tick * 0x9E3779B9) & 0xFF < self.symbols[name].activity
        )

    def changed_between(self, name: str, after: int, until: int) -> bool:
        """Say whether `name` has a new quote at any tick from `after` + 1 to `until`."""
        last = min(until, after + LONGEST_QUIET)
        return any(self.changes(name, tick) for tick in range(after + 1, last + 1))

    def quote_at(self, name: str, tick: int) -> Quote:
        """Return the newest quote of `name` that is not younger than `tick`; KeyError for an unknown name."""
        while not self.changes(name, tick):
            tick -= 1
        return self.quote(name, tick)

    def _quote(self, name: str, tick: int) -> Quote:
        symbol, key, at = self.symbols[name], self._keys[name], self.time_of(tick)
        chance = _mix(key + tick)
        middle = self.price(name, at)
        half = symbol.spread // 2 + chance % (symbol.spread // 2 + 1)
        bid, ask = max(1, middle - half), middle + half + 1
        is_buy = bool(chance & 0x10000)
        size = symbol.lot * (1 + (chance >> 20) % 97) // 24
        day = at - at % DAY_MS
        price = ask if is_buy else bid
        return Quote(symbol, tick, price, bid, ask, max(1, size), is_buy, self.price(name, day))

    def price(self, name: str, at_ms: int) -> int:
        """Return the middle price of `name`, in steps, at a time in milliseconds since the Unix epoch."""
        symbol, key = self.symbols[name], self._keys[name]
        drift = 0.0
        for octave, (period, strength) in enumerate(OCTAVES):
            index, rest = divmod(at_ms, period)
            share = rest / period
            here = _noise(key, octave, index)
            drift += strength * (
                here + share * share * (3.0 - 2.0 * share) * (_noise(key, octave, index + 1) - here)
            )
        return max(1, int(symbol.start * (1.0 + symbol.volatility * drift)))

    def book_at(self, name: str, tick: int) -> Book:
        """Return the order book of `name` around its newest quote at `tick`."""
        quote = self.quote_at(name, tick)
        return Book(quote.symbol, quote.seq, self._side(quote, -1), self._side(quote, 1))

    def _side(self, quote: Quote, direction: int) -> tuple[Level, ...]:
        symbol, key = quote.symbol, self._keys[quote.symbol.name]
        price, step = (quote.ask, 1) if direction > 0 else (quote.bid, -1)
        levels = []
        for depth in range(LADDER_LEVELS):
            chance = _mix(key ^ (quote.seq * 64 + depth * 2 + (direction > 0)))
            levels.append(Level(max(1, price), max(1, symbol.lot * (8 + depth * 3 + chance % 40) // 24)))
            price += step * (1 + chance // 64 % max(1, symbol.spread // 2))
        return tuple(levels)

    def candle_until(self, name: str, start_ms: int, seconds: int, now_ms: int) -> Candle:
        """Return the candle of `seconds` from `start_ms` on, as far as it has come at `now_ms`."""
        length = seconds * 1000
        if now_ms >= start_ms + length:
            return self.candle(name, start_ms, length, length)
        return self._candle(name, start_ms, length, now_ms - start_ms)

    def _candle(self, name: str, start_ms: int, length: int, done: int) -> Candle:
        """Return the candle of the middle price, looked at twenty times: each third second of a minute."""
        symbol, step = self.symbols[name], max(1, length // 20)
        prices = [self.price(name, start_ms + after) for after in (*range(0, done, step), done)]
        chance = _mix(self._keys[name] + start_ms)
        usual = symbol.lot * length * symbol.activity // 256_000
        volume = usual * (64 + chance % 128) // 64 * done // length
        return Candle(start_ms, prices[0], max(prices), min(prices), prices[-1], volume)


def _key(seed: int, name: str) -> int:
    return int.from_bytes(hashlib.blake2s(f"{seed}/{name}".encode(), digest_size=8).digest(), "big")


def _mix(number: int) -> int:
    """Return 64 well-mixed bits of `number` (the finaliser of SplitMix64)."""
    number = (number + 0x9E3779B97F4A7C15) & MASK
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & MASK
    return number ^ (number >> 31)


@lru_cache(maxsize=65536)
def _noise(key: int, octave: int, index: int) -> float:
    """Return the noise, -1 to 1, of one octave at one point of its grid."""
    return _mix(key ^ (octave << 56) ^ index) / (1 << 63) - 1.0


def decimal_text(steps: int, decimals: int) -> str:
    """Return a whole number of steps of 10^-`decimals` as a decimal number: 6421500, 2 -> 64215.00."""
    if not decimals:
        return str(steps)
    sign = "-" if steps < 0 else ""
    digits = str(abs(steps)).rjust(decimals + 1, "0")
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}"


def change_text(price: int, since: int) -> str:
    """Return by how many per cent `price` is above `since`, with two decimals."""
    hundredths = round((price - since) * 10_000 / since)
    return decimal_text(hundredths, 2)
