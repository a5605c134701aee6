"""What stands before the API: who may ask, the answers that need no parameters, and HEAD and CORS.

FastAPI takes three times as long for a request as the market for its answer. So the paths that clients ask
for again and again, without a query, are answered here, from the same functions and with the same headers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from devstack.services.asgi import App, Message, RawHeaders, Receive, Scope, Send
from devstack.services.origins import OriginPolicy, check_request
from devstack.services.problems import deny_websocket, send_problem

JSON_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-type", b"application/json"),
)
VARY = (b"vary", b"origin")
ALLOWED = "GET, HEAD, OPTIONS"


class ApiGuard:
    """Lets in what `policy` lets in, answers what is in `quick`, and hands the rest to `inner`."""

    def __init__(self, inner: App, policy: OriginPolicy, quick: Mapping[str, Callable[[], bytes]]) -> None:
        self._inner = inner
        self._policy = policy
        self._quick = quick

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "http":
                await self._answer(scope, receive, send)
            case "websocket":
                await receive()
                await deny_websocket(send, 404, "no WebSocket is served here")
            case _:
                await self._inner(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = check_request(scope["headers"], self._policy)
        if refusal is not None:
            await send_problem(scope, send, refusal.status, refusal.reason, [VARY])
            return
        cors = _cors(scope)
        if scope["method"] == "OPTIONS":
            await _answer_options(send, cors)
            return
        if scope["method"] == "HEAD":
            # The server leaves the body out, by its own copy of the scope.
            scope = {**scope, "method": "GET"}
        quick = self._quick.get(scope["path"])
        if quick is not None and scope["method"] == "GET" and not scope["query_string"]:
            body = quick()
            length = (b"content-length", b"%d" % len(body))
            headers = [*JSON_HEADERS[:2], length, JSON_HEADERS[2], *cors]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})
            return
        await self._inner(scope, receive, _with_headers(send, cors))


def _cors(scope: Scope) -> RawHeaders:
    """Return the headers that let the asking page read the answer; its origin was let in before."""
    origins = [value for name, value in scope["headers"] if name == b"origin"]
    return [VARY, *((b"access-control-allow-origin", origin) for origin in origins)]


async def _answer_options(send: Send, cors: RawHeaders) -> None:
    """Say what may be asked: to anybody, and to a browser before it asks (Fetch, CORS preflight)."""
    allowed = [(b"allow", ALLOWED.encode()), (b"access-control-allow-methods", b"GET, HEAD")]
    await send({"type": "http.response.start", "status": 204, "headers": [*allowed, *cors]})
    await send({"type": "http.response.body", "body": b""})


def _with_headers(send: Send, extra: RawHeaders) -> Send:
    async def send_more(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *extra]}
        await send(message)

    return send_more
