"""The ASGI 3 types, and the few answers that every HTTP application of the stack gives."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
RawHeaders = list[tuple[bytes, bytes]]


def header(scope: Scope, name: bytes) -> str | None:
    """Return the request's header `name` (lower case), several of them joined as RFC 9110 5.3 has it."""
    values = [value for key, value in scope["headers"] if key == name]
    return b", ".join(values).decode("latin-1") if values else None


def encode_headers(pairs: Iterable[tuple[str, str]]) -> RawHeaders:
    """Return header pairs as ASGI wants them."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in pairs]


async def send_response(
    send: Send, status: int, headers: Iterable[tuple[str, str]], body: bytes = b""
) -> None:
    """Send a whole response."""
    await send({"type": "http.response.start", "status": status, "headers": encode_headers(headers)})
    await send({"type": "http.response.body", "body": body})


async def send_text(
    scope: Scope, send: Send, status: int, text: str, extra: Iterable[tuple[str, str]] = ()
) -> None:
    """Send a short plain text, its length alone to HEAD."""
    body = f"{text}\n".encode()
    headers = [
        ("content-type", "text/plain; charset=utf-8"),
        ("content-length", str(len(body))),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        *extra,
    ]
    await send_response(send, status, headers, b"" if scope.get("method") == "HEAD" else body)


async def refuse_websocket(scope: Scope, receive: Receive, send: Send, status: int, text: str) -> None:
    """Refuse a handshake with an HTTP status and a reason, where the server can send one (else 403)."""
    await receive()
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": text})
        return
    body = f"{text}\n".encode()
    headers = [("content-type", "text/plain; charset=utf-8"), ("content-length", str(len(body)))]
    await send(
        {"type": "websocket.http.response.start", "status": status, "headers": encode_headers(headers)}
    )
    await send({"type": "websocket.http.response.body", "body": body})


async def run_lifespan(
    receive: Receive,
    send: Send,
    start: Callable[[], Awaitable[None]] | None = None,
    stop: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Answer the server's start and stop messages, doing the application's own part in between."""
    await receive()
    if start is not None:
        await start()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    if stop is not None:
        await stop()
    await send({"type": "lifespan.shutdown.complete"})
