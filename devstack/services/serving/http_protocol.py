"""HTTP/1.1 for one connection: uvicorn's httptools protocol, with what it leaves to be wished.

Its own WebSocket hand-over re-sends the request to a second parser, drops a frame that came in the same
packet, and answers a wrong version with 400; it reads headers without an end; and it resets a kept-alive
connection while a request may be on its way. All four are mended here, by overriding what it names so.
"""

from __future__ import annotations

import asyncio
import time
import urllib.parse
from email.utils import formatdate
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from devstack.services.http.problems import problem_bytes, response_bytes
from devstack.services.serving.opening import HANDLER_EXTENSION, Opening
from devstack.services.websocket.handshake import HandshakeRefusal, read_handshake

LONGEST_HEAD = 64 * 1024
HEAD_TIMEOUT = 20.0
LINGER = 0.25
"""Seconds that a kept-alive connection is still answered on after a stop was asked for."""


class State(ServerState):
    """What all connections of one server share; `stopping` makes each response a connection's last."""

    def __init__(self) -> None:
        super().__init__()
        self.stopping = False
        self._date_until = 0.0

    def refresh_date(self) -> None:
        """Renew the Date header, once a second at most, and only when a request comes."""
        now = time.time()
        if now >= self._date_until:
            self._date_until = int(now) + 1
            self.default_headers = [(b"date", formatdate(now, usegmt=True).encode())]


class HttpProtocol(HttpToolsProtocol):
    """One HTTP connection."""

    server_state: State

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_size = 0
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self.server_state.refresh_date()
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            if not self.transport.is_closing():
                self.send_400_response("the request is not HTTP/1.1")

    def _upgrade(self, rest: bytes) -> None:
        if self._should_upgrade():
            self._open_websocket(rest)
        elif self.cycle is not None:
            # An upgrade to something else is ignored (RFC 9110, section 7.8); the parser is past saving.
            self.cycle.keep_alive = False

    def _get_upgrade(self) -> bytes | None:
        tokens: dict[bytes, set[bytes]] = {b"connection": set(), b"upgrade": set()}
        for name, value in self.headers:
            if name in tokens:
                tokens[name].update(part.strip().lower() for part in value.split(b","))
        asked = b"upgrade" in tokens[b"connection"] and b"websocket" in tokens[b"upgrade"]
        return b"websocket" if asked else None

    def _should_upgrade(self) -> bool:
        return self._get_upgrade() is not None

    def _open_websocket(self, rest: bytes) -> None:
        self._head_arrived()
        self.parser = None  # type: ignore[assignment] # it refers to us: a circle per idle WebSocket
        answer = read_handshake(self.scope["method"], self.scope["http_version"], self.headers)
        if isinstance(answer, HandshakeRefusal):
            body = problem_bytes(answer.status, answer.detail)
            self._answer_and_close(answer.status, list(answer.headers), body)
            return
        self.connections.discard(self)
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        scope = dict(self.scope)
        scope |= {
            "type": "websocket",
            "scheme": "wss" if self.scheme == "https" else "ws",
            "path": urllib.parse.unquote(path),
            "raw_path": url.path,
            "query_string": url.query or b"",
            "subprotocols": list(answer.subprotocols),
            "extensions": {"websocket.http.response": {}, HANDLER_EXTENSION: {}},
        }
        opening = Opening(self.transport, answer, scope, self.server_state.connections)
        task = self.loop.create_task(opening.run(self.app, rest))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_size = 0
        self._expect_head()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._head_arrived()
        super().on_headers_complete()
        if self.server_state.stopping and self.cycle is not None:
            self._make_last()

    def _count(self, size: int) -> None:
        self._head_size += size
        if self._head_size > LONGEST_HEAD and not self.transport.is_closing():
            self._answer_and_close(431, [], problem_bytes(431, f"more than {LONGEST_HEAD} bytes of headers"))
            raise ValueError("the request's head is too long")  # ends the parser's work; caught above

    def _expect_head(self) -> None:
        """Give a client a bounded time for a request's head: a slow one must not hold a place for ever."""
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_TIMEOUT, self.transport.close)

    def _head_arrived(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def send_400_response(self, msg: str) -> None:
        self._answer_and_close(400, [], problem_bytes(400, msg))

    def _answer_and_close(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.transport.write(response_bytes(status, [*self.server_state.default_headers, *headers], body))
        self.transport.close()

    def shutdown(self) -> None:
        """Finish what runs; a connection that is idle now gets a moment more, for a request on its way."""
        if self._is_idle():
            self.loop.call_later(LINGER, self._close_if_idle)
        else:
            self._make_last()

    def _make_last(self) -> None:
        """Let the connection end with the present response, and say so in it."""
        self.cycle.keep_alive = False
        self.cycle.default_headers = [*self.cycle.default_headers, (b"connection", b"close")]

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _close_if_idle(self) -> None:
        if self._is_idle():
            self.transport.close()
