"""Errors over HTTP as RFC 9457 has them: `application/problem+json`, one shape for all of the stack."""

from __future__ import annotations

import json
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from devstack.services.http.asgi import RawHeaders, Scope, Send

PROBLEM_TYPE = b"application/problem+json"
SAFE_HEADERS = (
    (b"content-type", PROBLEM_TYPE),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)


def title_of(status: int) -> str:
    """Return the registered phrase of an HTTP status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def problem(status: int, detail: str = "", **members: Any) -> dict[str, Any]:
    """Return a problem's members; with `type` about:blank `title` is the status' own (section 4.2.1)."""
    found: dict[str, Any] = {"type": "about:blank", "title": title_of(status), "status": status}
    if detail:
        found["detail"] = detail
    return found | members


def problem_bytes(status: int, detail: str = "", **members: Any) -> bytes:
    """Return a problem as JSON in UTF-8."""
    return json.dumps(problem(status, detail, **members), ensure_ascii=False, separators=(",", ":")).encode()


async def send_problem(
    scope: Scope, send: Send, status: int, detail: str = "", extra: Iterable[tuple[bytes, bytes]] = ()
) -> None:
    """Answer an HTTP request with a problem; HEAD gets its headers alone."""
    body = problem_bytes(status, detail)
    headers = [*SAFE_HEADERS, (b"content-length", b"%d" % len(body)), *extra]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


async def deny_websocket(
    send: Send, status: int, detail: str, extra: Iterable[tuple[bytes, bytes]] = ()
) -> None:
    """Answer a handshake with a problem (ASGI's extension `websocket.http.response`)."""
    headers = [*SAFE_HEADERS, *extra]
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": problem_bytes(status, detail)})


def response_bytes(status: int, headers: RawHeaders, body: bytes) -> bytes:
    """Return a whole HTTP/1.1 response that ends its connection, for a protocol that has no application."""
    given = {name for name, _ in headers}
    lines = [f"HTTP/1.1 {status} {title_of(status)}".encode()]
    lines += [name + b": " + value for name, value in headers]
    lines += [name + b": " + value for name, value in SAFE_HEADERS if name not in given]
    lines += [] if b"content-length" in given else [b"content-length: %d" % len(body)]
    lines += [] if b"connection" in given else [b"connection: close"]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body
