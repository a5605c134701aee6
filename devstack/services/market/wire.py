"""The market as JSON: the one shape that a quote, a book and a candle have on the socket and in the API.

Prices and sizes are strings of decimal digits, exact at any precision; times are ISO 8601 in UTC.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from devstack.services.market.market import Book, Candle, Level, Quote, Symbol, change_text, decimal_text

COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def time_text(at_ms: int) -> str:
    """Return milliseconds since the Unix epoch as ISO 8601 in UTC, with milliseconds."""
    seconds, rest = divmod(at_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"


def quote_fields(quote: Quote, at_ms: int) -> dict[str, Any]:
    """Return a quote's members; `at_ms` is when it came."""
    symbol = quote.symbol
    return {
        "symbol": symbol.name,
        "price": decimal_text(quote.price, symbol.decimals),
        "bid": decimal_text(quote.bid, symbol.decimals),
        "ask": decimal_text(quote.ask, symbol.decimals),
        "size": decimal_text(quote.size, symbol.size_decimals),
        "side": "buy" if quote.is_buy else "sell",
        "open": decimal_text(quote.open, symbol.decimals),
        "change_percent": change_text(quote.price, quote.open),
        "time": time_text(at_ms),
    }


def book_fields(book: Book, at_ms: int) -> dict[str, Any]:
    """Return an order book's members; a level is a pair of price and size, best first."""
    return {
        "symbol": book.symbol.name,
        "bids": [_level(level, book.symbol) for level in book.bids],
        "asks": [_level(level, book.symbol) for level in book.asks],
        "time": time_text(at_ms),
    }


def _level(level: Level, symbol: Symbol) -> list[str]:
    return [decimal_text(level.price, symbol.decimals), decimal_text(level.size, symbol.size_decimals)]


def candle_fields(candle: Candle, symbol: Symbol) -> dict[str, Any]:
    """Return a candle's members."""
    return {
        "time": time_text(candle.start_ms),
        "open": decimal_text(candle.open, symbol.decimals),
        "high": decimal_text(candle.high, symbol.decimals),
        "low": decimal_text(candle.low, symbol.decimals),
        "close": decimal_text(candle.close, symbol.decimals),
        "volume": decimal_text(candle.volume, symbol.size_decimals),
    }


def symbol_fields(symbol: Symbol) -> dict[str, Any]:
    """Return what a client should know of a symbol: its name, and how finely price and size are counted."""
    return {
        "symbol": symbol.name,
        "title": symbol.title,
        "price_decimals": symbol.decimals,
        "size_decimals": symbol.size_decimals,
    }


@lru_cache(maxsize=4096)
def quote_json(quote: Quote, at_ms: int) -> str:
    """Return a quote as JSON text."""
    return COMPACT(quote_fields(quote, at_ms))


@lru_cache(maxsize=512)
def book_json(book: Book, at_ms: int) -> str:
    """Return an order book as JSON text."""
    return COMPACT(book_fields(book, at_ms))


@lru_cache(maxsize=16384)
def candle_json(candle: Candle, symbol: Symbol) -> str:
    """Return a candle as JSON text."""
    return COMPACT(candle_fields(candle, symbol))
