"""One client of the trading socket: what it says, what it is subscribed to, what it may still do."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Any, Protocol

from devstack.core.websocket_frames import CloseCode, text_frame
from devstack.services.limits import Bucket
from devstack.services.market.wire import COMPACT
from devstack.services.trading.bots import CHANNEL as BOTS
from devstack.services.trading.channel import Draft
from devstack.services.trading.feed import TOPICS
from devstack.services.websocket.connection import Socket

if TYPE_CHECKING:
    from devstack.services.limits import Limits
    from devstack.services.trading.bots import Bots
    from devstack.services.trading.feed import Feed
    from devstack.services.trading.protocol import Bot, ClientMessage, Resume, Subscribe, Unsubscribe

PATH = "/api/ws"
PROTOCOL = 1
CONNECTION_PREFIX = "c-"
QUIET_AFTER_REFUSAL = 1.0


class Trading(Protocol):
    """The trading socket as a client knows it; `apps/trading.py` implements it."""

    @property
    def limits(self) -> Limits: ...

    @property
    def feed(self) -> Feed: ...

    @property
    def bots(self) -> Bots: ...

    def enter(self, client: Client) -> bool:
        """Let `client` in; False when there are too many."""
        ...

    def exit(self, client: Client) -> None:
        """Forget `client`."""
        ...


class Client:
    """The handler of one socket (`websocket.SocketHandler`)."""

    __slots__ = (
        "_bucket",
        "_refusals",
        "_replays",
        "_trading",
        "_warned_at",
        "connection",
        "heard_at",
        "lags",
        "name",
        "socket",
        "subscriptions",
    )

    socket: Socket

    def __init__(self, trading: Trading) -> None:
        now = asyncio.get_running_loop().time()
        self._trading = trading
        self._bucket = Bucket(trading.limits.message_burst, now)
        self._refusals = 0
        self._replays = Bucket(trading.limits.replayed_burst, now)
        self._warned_at = 0.0
        self.connection = f"{CONNECTION_PREFIX}{secrets.token_hex(6)}"
        self.name = self.connection
        self.heard_at = now
        self.lags: dict[str, int] = {}
        self.subscriptions: dict[str, frozenset[str]] = {}

    @property
    def names(self) -> tuple[str, str]:
        return self.name, self.connection

    def on_open(self, socket: Socket) -> None:
        self.socket = socket
        if not self._trading.enter(self):
            socket.close(CloseCode.TRY_AGAIN_LATER, "the server is full; try again later")
            return
        market, limits = self._trading.feed.source.market, self._trading.limits
        self._send(
            type="hello",
            protocol=PROTOCOL,
            connection=self.connection,
            session=market.session,
            heartbeat_s=limits.heartbeat_s,
            tick_ms=market.tick_ms,
            symbols=list(market.symbols),
            channels=[*TOPICS, BOTS],
        )

    def on_message(self, message: str | bytes) -> None:
        now = asyncio.get_running_loop().time()
        self.heard_at = now
        limits = self._trading.limits
        if not self._bucket.take(limits.messages_per_second, limits.message_burst, now):
            self._refuse_rate(now)
            return
        self._refusals = 0
        if isinstance(message, bytes):
            self._error("not_text", "a message must be a text frame")
            return
        self._handle(message)

    def on_drained(self) -> None:
        if not self.lags:
            return
        for channel in list(self.lags):
            if channel == BOTS:
                self._trading.bots.catch_up(self)
            else:
                self._trading.feed.catch_up(self, channel, self.subscriptions[channel])

    def on_closed(self, _code: int, _reason: str) -> None:
        for channel in list(self.subscriptions):
            self._leave(channel)
        self._trading.exit(self)

    def _refuse_rate(self, now: float) -> None:
        limits = self._trading.limits
        self._refusals += 1
        if self._refusals >= limits.refusals:
            self.socket.fail(CloseCode.POLICY, "too many messages")
        elif now - self._warned_at >= QUIET_AFTER_REFUSAL:
            self._warned_at = now
            self._error(
                "rate_limited",
                f"at most {limits.messages_per_second:g} messages a second; this one was dropped",
            )

    def _handle(self, text: str) -> None:
        from devstack.services.trading.protocol import BadMessageError, parse_message

        try:
            self._carry_out(parse_message(text))
        except BadMessageError as error:
            self._error(error.code, error.message)

    def _carry_out(self, message: ClientMessage) -> None:
        match message.type:
            case "subscribe":
                self._subscribe(message)
            case "unsubscribe":
                self._unsubscribe(message)
            case "bot":
                self._publish(message)
            case "ping":
                self._send(type="pong", id=message.id)

    def _subscribe(self, message: Subscribe) -> None:
        if message.channel == BOTS:
            self._subscribe_to_bots(message)
            return
        wanted = self._checked_symbols(message.symbols)
        had = self.subscriptions.get(message.channel, frozenset())
        self._check_count(message.channel, had | wanted)
        feed = self._trading.feed
        seq = feed.catch_up_with_clock()
        if had:
            feed.catch_up(self, message.channel, had)
            feed.leave(self, message.channel, had)
        if had | wanted:  # an empty list of symbols is answered, and is no subscription
            self.subscriptions[message.channel] = had | wanted
            feed.join(self, message.channel, had | wanted)
        if message.resume is not None and self._can_resume(message.resume, seq, len(wanted)):
            session = feed.source.market.session
            self._send(type="resumed", channel=message.channel, session=session, seq=message.resume.seq)
            self.socket.write(feed.missed(message.channel, wanted, message.resume.seq))
        else:
            self.socket.write(feed.snapshot(message.channel, wanted))

    def _subscribe_to_bots(self, message: Subscribe) -> None:
        bots = self._trading.bots
        if message.name is not None:
            self.name = _checked_name(message.name)
        self.subscriptions[BOTS] = frozenset()
        after = message.resume.seq if message.resume is not None else None
        self.lags.pop(BOTS, None)
        bots.join(self)
        self.socket.write(bots.snapshot(self, self._trading.feed.source.market.session, after))

    def _can_resume(self, resume: Resume, seq: int, symbols: int) -> bool:
        """Say whether the gap of so many symbols is to be replayed.

        Another machine's clock may be a moment ahead of ours, so `seq` may be a little below theirs.
        """
        limits, gap = self._trading.limits, seq - resume.seq
        if resume.session != self._trading.feed.source.market.session or abs(gap) > limits.replay_ticks:
            return False
        now = asyncio.get_running_loop().time()
        cost = max(0, gap) * symbols
        return self._replays.take(limits.replayed_per_second, limits.replayed_burst, now, cost)

    def _checked_symbols(self, names: list[str] | None) -> frozenset[str]:
        from devstack.services.trading.protocol import BadMessageError

        known = self._trading.feed.source.market.symbols
        if names is None:
            return frozenset(known)
        if len(names) > self._trading.limits.subscriptions:
            raise BadMessageError("too_many_subscriptions", self._subscription_limit())
        unknown = [name for name in names if name not in known]
        if unknown:
            raise BadMessageError(
                "unknown_symbol", f"there is no {', '.join(unknown[:5])}; there are {', '.join(known)}"
            )
        return frozenset(names)

    def _check_count(self, channel: str, symbols: frozenset[str]) -> None:
        from devstack.services.trading.protocol import BadMessageError

        others = sum(len(held) for name, held in self.subscriptions.items() if name != channel)
        if others + len(symbols) > self._trading.limits.subscriptions:
            raise BadMessageError("too_many_subscriptions", self._subscription_limit())

    def _subscription_limit(self) -> str:
        return f"at most {self._trading.limits.subscriptions} symbols, all channels together"

    def _unsubscribe(self, message: Unsubscribe) -> None:
        had = self.subscriptions.get(message.channel, frozenset())
        ended = had if message.symbols is None else had & frozenset(message.symbols)
        kept = had - ended
        if message.channel in self.subscriptions and (ended or not had):
            self._leave(message.channel)
            if kept:
                self.subscriptions[message.channel] = kept
                self._trading.feed.join(self, message.channel, kept)
        self._send(type="unsubscribed", channel=message.channel, symbols=sorted(ended))

    def _leave(self, channel: str) -> None:
        symbols = self.subscriptions.pop(channel)
        if channel == BOTS:
            self._trading.bots.leave(self)
        else:
            self._trading.feed.leave(self, channel, symbols)

    def _publish(self, message: Bot) -> None:
        def failed() -> None:
            self._error("bots_unavailable", "the bot channel cannot be reached just now; try again later")

        self._trading.bots.channel.publish(
            Draft(self.name, self.connection, message.to, message.text, failed)
        )

    def _error(self, code: str, message: str) -> None:
        self._send(type="error", code=code, message=message)

    def _send(self, **fields: Any) -> None:
        self.socket.write(text_frame(COMPACT(fields)))


def _checked_name(name: str) -> str:
    """Return a bot's name, unless it could be taken for a connection's: those get private messages too."""
    from devstack.services.trading.protocol import BadMessageError

    if name.startswith(CONNECTION_PREFIX):
        raise BadMessageError(
            "invalid_message", f"`name`: {CONNECTION_PREFIX} begins the names of connections"
        )
    return name
