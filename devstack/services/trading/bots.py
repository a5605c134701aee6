"""Hands the bot channel's messages to the clients that listen to it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from devstack.core.websocket_frames import text_frame
from devstack.services.market.wire import COMPACT, time_text
from devstack.services.trading.channel import SHOWN, BotChannel, BotMessage
from devstack.services.websocket.connection import Socket

CHANNEL = "bots"


class Listener(Protocol):
    """A client, as far as the bot channel knows it."""

    socket: Socket
    lags: dict[str, int]

    @property
    def names(self) -> tuple[str, str]: ...


def message_fields(message: BotMessage) -> dict[str, Any]:
    """Return a bot's message as the protocol has it."""
    return {
        "type": "bot",
        "seq": message.seq,
        "from": message.sender,
        "connection": message.connection,
        "to": message.to,
        "text": message.text,
        "time": time_text(message.at_ms),
    }


class Bots:
    """The listeners of one process."""

    def __init__(self, channel: BotChannel) -> None:
        self.channel = channel
        self._listeners: set[Listener] = set()

    async def start(self) -> None:
        """Begin to deliver."""
        await self.channel.start(self._deliver)

    def join(self, listener: Listener) -> None:
        self._listeners.add(listener)

    def leave(self, listener: Listener) -> None:
        self._listeners.discard(listener)
        listener.lags.pop(CHANNEL, None)

    def snapshot(self, listener: Listener, session: str, after: int | None) -> bytes:
        """Return the frame with the messages after `after`, or the last ones, that `listener` may see."""
        history = self.channel.history
        messages, gap = history.after(0 if after is None else after)
        seen = [message_fields(message) for message in messages if message.is_for(listener.names)]
        shown, missing = (seen[-SHOWN:], False) if after is None else (seen, gap)
        fields = {
            "type": "snapshot",
            "channel": CHANNEL,
            "session": session,
            "seq": history.last,
            "gap": missing,
            "messages": shown,
        }
        return text_frame(COMPACT(fields))

    def catch_up(self, listener: Listener) -> None:
        """Send a listener what it was not sent, as far as it has room, and say what is lost."""
        after = listener.lags.pop(CHANNEL, None)
        if after is None:
            return
        messages, gap = self.channel.history.after(after)
        if gap:
            lost = {"type": "gap", "channel": CHANNEL, "seq": self.channel.history.since}
            listener.socket.write(text_frame(COMPACT(lost)))
        for message in messages:
            if listener.socket.congested:
                listener.lags[CHANNEL] = message.seq - 1
                return
            if message.is_for(listener.names):
                listener.socket.write(_frame(message))

    def _deliver(self, message: BotMessage) -> None:
        frame = _frame(message)
        for listener in _that_may_see(message, self._listeners):
            if listener.socket.congested:
                listener.lags.setdefault(CHANNEL, message.seq - 1)
            else:
                listener.socket.write(frame)


def _that_may_see(message: BotMessage, listeners: Iterable[Listener]) -> list[Listener]:
    return [listener for listener in listeners if message.is_for(listener.names)]


def _frame(message: BotMessage) -> bytes:
    return text_frame(COMPACT(message_fields(message)))
