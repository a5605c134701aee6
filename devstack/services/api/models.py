"""What the API answers, as pydantic models: they make its OpenAPI description, and tests check by them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

DECIMAL = r"^-?[0-9]+(\.[0-9]+)?$"


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Health(_Answer):
    """Whether the API lives, and whether it is ready for work."""

    status: Literal["ok", "degraded"] = Field(description="degraded: it answers, but stops, or Redis is away")
    live: bool
    ready: bool
    redis: Literal["off", "ok", "away"] = Field(description="off: REDIS_URL is not set")


class Probe(_Answer):
    """The answer to a probe."""

    status: Literal["ok"]


class TradingAddress(_Answer):
    """Where the trading socket is: on `port` of the API's host, or, without one, of the page's own origin."""

    port: int | None
    path: str


class Config(_Answer):
    """What a client has to know before it connects."""

    mode: Literal["dev", "prod"]
    protocol: int = Field(description="the trading protocol's version")
    session: str = Field(description="names the market; sequence numbers of one session can be compared")
    tick_ms: int
    trading: TradingAddress


class Symbol(_Answer):
    """Something that is traded."""

    symbol: str
    title: str
    price_decimals: int = Field(description="decimals of every price")
    size_decimals: int = Field(description="decimals of every size and volume")


class Symbols(_Answer):
    """A page of symbols."""

    symbols: list[Symbol]
    next: str | None = Field(description="the next page, relative to this one; null at the end")


class Quote(_Answer):
    """A symbol's last trade, and its best bid and ask."""

    symbol: str
    price: str = Field(pattern=DECIMAL)
    bid: str = Field(pattern=DECIMAL)
    ask: str = Field(pattern=DECIMAL)
    size: str = Field(pattern=DECIMAL)
    side: Literal["buy", "sell"] = Field(description="who took the offer")
    open: str = Field(pattern=DECIMAL, description="the UTC day's first price")
    change_percent: str = Field(pattern=DECIMAL, description="since `open`")
    time: datetime


class Quotes(_Answer):
    """A page of quotes, all as of tick `seq`."""

    session: str
    seq: int
    quotes: list[Quote]
    next: str | None = Field(description="the next page, relative to this one; null at the end")


class Candle(_Answer):
    """Prices and volume from `time` on, for the interval's length; the newest may not be complete."""

    time: datetime
    open: str = Field(pattern=DECIMAL)
    high: str = Field(pattern=DECIMAL)
    low: str = Field(pattern=DECIMAL)
    close: str = Field(pattern=DECIMAL)
    volume: str = Field(pattern=DECIMAL)


class Candles(_Answer):
    """Candles in order of time; `next` leads to older ones."""

    symbol: str
    interval: str
    candles: list[Candle]
    next: str | None = Field(description="the page before these in time; null where the history begins")


class InvalidParameter(_Answer):
    """A parameter that is wrong, and how."""

    parameter: str
    message: str


class Problem(BaseModel):
    """An error (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str | None = None
    errors: list[InvalidParameter] | None = None
