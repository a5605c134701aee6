"""The trading socket: `/api/ws` as docs/trading-protocol.md has it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from devstack.core.websocket_frames import CloseCode
from devstack.services.http.asgi import Receive, Scope, Send, run_lifespan
from devstack.services.http.origins import OriginPolicy, check_request, policy_for
from devstack.services.http.problems import deny_websocket, send_problem
from devstack.services.limits import AddressBuckets, Limits
from devstack.services.market.market import Market
from devstack.services.serving.opening import HANDLER_EXTENSION
from devstack.services.serving.server import Place, run_app
from devstack.services.settings import Settings
from devstack.services.trading.bots import Bots
from devstack.services.trading.channel import BotChannel, MemoryChannel
from devstack.services.trading.client import PATH, Client
from devstack.services.trading.feed import Feed, MarketSource

if TYPE_CHECKING:
    from devstack.services.trading.shared_market import SharedMarket

SWEEPS_PER_HEARTBEAT = 4
SILENT_HEARTBEATS = 3
UNANSWERED_PINGS = 2
"""Without so many a silence is ours: this process was stopped, or got no processor."""
WARM_UP_AFTER = 1.0
"""Seconds after the start, when the rest of the stack has started too."""


class Trading:
    """All clients of one process, and what they share."""

    def __init__(
        self,
        source: MarketSource,
        channel: BotChannel,
        limits: Limits,
        sharing: SharedMarket | None = None,
    ) -> None:
        self.limits = limits
        self._sharing = sharing
        self.feed = Feed(source)
        self.bots = Bots(channel)
        self._clients: set[Client] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._warming: asyncio.TimerHandle | None = None
        self._addresses = AddressBuckets(limits.connects_per_second, limits.connect_burst)

    def admits(self, address: str) -> bool:
        """Say whether one more connection from `address` is within its rate."""
        return self._addresses.admit(address, asyncio.get_running_loop().time())

    def enter(self, client: Client) -> bool:
        """Take a client in, if there is room."""
        if len(self._clients) >= self.limits.connections:
            return False
        self._clients.add(client)
        if self._sweeper is None:
            self._sweep_later()
        return True

    def exit(self, client: Client) -> None:
        """Forget a client that is gone, or was never let in."""
        self._clients.discard(client)
        if not self._clients and self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None

    def _sweep_later(self) -> None:
        wait = self.limits.heartbeat_s / SWEEPS_PER_HEARTBEAT
        self._sweeper = asyncio.get_running_loop().call_later(wait, self._sweep)

    def _sweep(self) -> None:
        """Ping the silent, give up the dead, close the idle: one timer for all of them."""
        self._sweep_later()
        now = asyncio.get_running_loop().time()
        for client in list(self._clients):
            silence = now - client.socket.heard_at
            was_asked = client.socket.unanswered >= UNANSWERED_PINGS
            if was_asked and silence >= SILENT_HEARTBEATS * self.limits.heartbeat_s:
                client.socket.abandon()
            elif not client.subscriptions and now - client.heard_at >= self.limits.idle_s:
                client.socket.close(CloseCode.POLICY, f"nothing asked for {self.limits.idle_s:g} s")
            elif silence >= self.limits.heartbeat_s * 0.999:
                client.socket.ping()

    async def start(self) -> None:
        """Agree with the other processes on the market, if there are any, and begin to deliver messages."""
        if self._sharing is not None:
            await self._sharing.start(self.feed.start_over)
        await self.bots.start()
        self._warming = asyncio.get_running_loop().call_later(WARM_UP_AFTER, _warm_up)

    async def stop(self) -> None:
        """Let go of the market's timer and the bot channel."""
        self.feed.close()
        if self._warming is not None:
            self._warming.cancel()
        if self._sweeper is not None:
            self._sweeper.cancel()
        await self.bots.channel.close()
        if self._sharing is not None:
            await self._sharing.stop()


def _warm_up() -> None:
    """Import what checks messages, beside the event loop: at the start it would double the time."""
    threading.Thread(target=import_module, args=("devstack.services.trading.protocol",), daemon=True).start()


class TradingApp:
    """The trading socket as an ASGI application, for requests that `policy` lets in."""

    def __init__(self, trading: Trading, policy: OriginPolicy) -> None:
        self.trading = trading
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "websocket":
                await self._open(scope, receive, send)
            case "http":
                await self._answer_http(scope, send)
            case "lifespan":
                await run_lifespan(receive, send, self.trading.start, self.trading.stop)

    async def _open(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        refusal = check_request(scope["headers"], self._policy)
        address = scope["client"][0] if scope["client"] else ""
        if refusal is not None:
            await deny_websocket(send, refusal.status, refusal.reason)
        elif scope["path"] != PATH:
            await deny_websocket(send, 404, f"the trading socket is at {PATH}")
        elif not self.trading.admits(address):
            await deny_websocket(send, 429, "too many new connections", [(b"retry-after", b"5")])
        elif HANDLER_EXTENSION not in scope["extensions"]:
            raise RuntimeError(f"the trading socket needs a server that offers {HANDLER_EXTENSION}")
        else:
            await send(
                {
                    "type": "websocket.accept",
                    "handler": Client(self.trading),
                    "longest_message": self.trading.limits.message_bytes,
                }
            )

    async def _answer_http(self, scope: Scope, send: Send) -> None:
        refusal = check_request(scope["headers"], self._policy)
        if refusal is not None:
            await send_problem(scope, send, refusal.status, refusal.reason)
        elif scope["path"] != PATH:
            await send_problem(scope, send, 404, f"nothing is here but the trading socket at {PATH}")
        elif scope["method"] not in ("GET", "HEAD"):
            await send_problem(scope, send, 405, "a WebSocket opens with GET", [(b"allow", b"GET, HEAD")])
        else:
            await send_problem(scope, send, 426, "this is a WebSocket: ask for an upgrade", UPGRADE)


UPGRADE = (
    (b"upgrade", b"websocket"),
    (b"connection", b"upgrade"),
    (b"sec-websocket-version", b"13"),
)


def market_source(settings: Settings) -> MarketSource:
    """Return the market that `settings` describe, on this machine's clock."""
    return MarketSource(Market(settings.market_seed, settings.market_tick_ms))


def market_sharing(settings: Settings, source: MarketSource) -> SharedMarket | None:
    """Return what keeps `source` in step with other processes, None without REDIS_URL."""
    if settings.redis_url is None:
        return None
    from devstack.services.trading.shared_market import SharedMarket

    return SharedMarket(settings.redis_url, source)


def _bot_channel(settings: Settings) -> BotChannel:
    if settings.redis_url is None:
        return MemoryChannel()
    from devstack.services.trading.redis_channel import RedisChannel

    return RedisChannel(settings.redis_url)


def trading_app(
    settings: Settings, source: MarketSource | None = None, own_port: int | None = None
) -> TradingApp:
    """Return the trading socket as an ASGI application (it needs this package's server).

    `own_port` is the port on which it is reached, where that is not the trading port.
    """
    source = source or market_source(settings)
    sharing = market_sharing(settings, source)
    trading = Trading(source, _bot_channel(settings), settings.limits, sharing)
    return TradingApp(trading, policy_for(settings, own_port or settings.trading_port))


def run(settings: Settings, announce: Callable[[str], None]) -> None:
    """Serve the trading socket on its own port until SIGTERM or SIGINT."""
    place = Place("trading", settings.host, settings.trading_port, "ws", PATH, settings.listen_fds)
    run_app(trading_app(settings), place, announce)
