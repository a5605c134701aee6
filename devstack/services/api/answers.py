"""The API's answers as JSON bytes, from the market and a few numbers. Nothing here knows HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from devstack.services.market.market import Market
from devstack.services.market.wire import COMPACT, candle_json, quote_json, symbol_fields, time_text
from devstack.services.settings import PROD, Settings
from devstack.services.trading.client import PATH, PROTOCOL
from devstack.services.trading.feed import MarketSource

INTERVALS = {"5s": 5, "1m": 60, "5m": 300, "15m": 900, "1h": 3600, "4h": 14_400, "1d": 86_400}
"""Candle intervals and their seconds."""

DEFAULT_PAGE, LONGEST_PAGE = 100, 500


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for."""

    offset: int = 0
    limit: int = DEFAULT_PAGE


def encode(answer: dict[str, Any]) -> bytes:
    """Return an answer as JSON in UTF-8."""
    return COMPACT(answer).encode()


def health(redis: str, ready: bool) -> bytes:
    """Return whether all is well; `redis` is off, ok or away."""
    status = "ok" if ready and redis != "away" else "degraded"
    return encode({"status": status, "live": True, "ready": ready, "redis": redis})


def probe() -> bytes:
    """Return the answer to a probe that found what it looked for."""
    return encode({"status": "ok"})


def config(settings: Settings, market: Market) -> bytes:
    """Return what a client has to know before it connects."""
    port = None if settings.mode == PROD else settings.trading_port
    path = settings.base_path.rstrip("/") + PATH if settings.mode == PROD else PATH
    return encode(
        {
            "mode": settings.mode,
            "protocol": PROTOCOL,
            "session": market.session,
            "tick_ms": market.tick_ms,
            "trading": {"port": port, "path": path},
        }
    )


def symbols(market: Market, page: Page) -> bytes:
    """Return a page of what is traded."""
    names = list(market.symbols)
    shown = [symbol_fields(market.symbols[name]) for name in _part(names, page)]
    return encode({"symbols": shown, "next": _next_page(names, page)})


def quotes(source: MarketSource, names: list[str], page: Page, seq: int | None = None) -> bytes:
    """Return a page of the quotes of `names` as of tick `seq`, or now."""
    market, now = source.market, source.tick()
    tick = now if seq is None else min(seq, now)
    newest = [market.quote_at(name, tick) for name in _part(names, page)]
    listed = ",".join(quote_json(quote, market.time_of(quote.seq)) for quote in newest)
    following = _next_page(names, page, symbol=names, seq=tick)
    start = f'{{"session":"{market.session}","seq":{tick},"quotes":[{listed}],"next":'
    return f"{start}{COMPACT(following)}}}".encode()


def candles(source: MarketSource, name: str, interval: str, before_ms: int | None, limit: int) -> bytes:
    """Return the last `limit` candles that begin before `before_ms`, or now; older ones are on `next`."""
    market, length = source.market, INTERVALS[interval] * 1000
    now = market.time_of(source.tick())
    end = now + 1 if before_ms is None else max(0, min(before_ms, now + 1))
    newest = (end - 1) // length * length
    oldest = max(0, newest - (limit - 1) * length)
    symbol = market.symbols[name]
    shown = ",".join(
        candle_json(market.candle_until(name, start, length // 1000, now), symbol)
        for start in range(oldest, newest + 1, length)
    )
    following = None if oldest == 0 else _query(interval=interval, limit=limit, before=time_text(oldest))
    start = f'{{"symbol":"{name}","interval":"{interval}","candles":[{shown}],"next":'
    return f"{start}{COMPACT(following)}}}".encode()


def _part(names: list[str], page: Page) -> list[str]:
    return names[page.offset : page.offset + page.limit]


def _next_page(names: list[str], page: Page, **others: Any) -> str | None:
    after = page.offset + page.limit
    return _query(**others, limit=page.limit, offset=after) if after < len(names) else None


def _query(**parameters: Any) -> str:
    return f"?{urlencode(parameters, doseq=True)}"
