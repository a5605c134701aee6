"""What stands before the API: who may ask, what was just answered, HEAD and CORS.

All answers are functions of the request's path and query and of the market's tick. So one that was given
during this tick is given again as it is: however many clients poll, FastAPI works once for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from devstack.services.http.asgi import App, Message, RawHeaders, Receive, Scope, Send
from devstack.services.http.origins import OriginPolicy, check_request
from devstack.services.http.problems import deny_websocket, send_problem
from devstack.services.serving.server import STOPPING

VARY = (b"vary", b"origin")
ALLOWED = "GET, HEAD, OPTIONS"
MOST_ANSWERS = 256
LONGEST_ANSWER = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer with status 200."""

    headers: RawHeaders
    body: bytes


class Answers:
    """The answers of one moment; `moment` tells which it is, and all are forgotten when it is another."""

    def __init__(self, moment: Callable[[], Hashable]) -> None:
        self._moment = moment
        self._of: Hashable = None
        self._answers: dict[Hashable, Answer] = {}

    def find(self, scope: Scope) -> Answer | None:
        """Return what was answered to such a request at this moment."""
        now = self._moment()
        if now != self._of:
            self._of = now
            self._answers.clear()
        return self._answers.get(_key(scope))

    def keep(self, scope: Scope, answer: Answer) -> None:
        """Remember an answer, if it is short and there is room."""
        if len(self._answers) < MOST_ANSWERS and len(answer.body) <= LONGEST_ANSWER:
            self._answers[_key(scope)] = answer


def _key(scope: Scope) -> Hashable:
    return scope["path"], scope["query_string"], STOPPING in scope["state"]


class ApiGuard:
    """Lets in what `policy` lets in, and hands it to `inner` unless it was just answered."""

    def __init__(self, inner: App, policy: OriginPolicy, moment: Callable[[], Hashable]) -> None:
        self._inner = inner
        self._policy = policy
        self._answers = Answers(moment)

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
        if scope["method"] in ("GET", "HEAD"):
            await self._get(scope, receive, send, cors)
        elif scope["method"] == "OPTIONS":
            await _answer_options(send, cors)
        else:
            await self._inner(scope, receive, _with_headers(send, cors))

    async def _get(self, scope: Scope, receive: Receive, send: Send, cors: RawHeaders) -> None:
        answer = self._answers.find(scope)
        if answer is None:
            # HEAD is GET here; the server leaves the body out, by its own copy of the scope.
            asked = {**scope, "method": "GET"}
            keeper = _Keeper(send, cors)
            await self._inner(asked, receive, keeper.send)
            if keeper.answer is not None:
                self._answers.keep(scope, keeper.answer)
            return
        await send({"type": "http.response.start", "status": 200, "headers": [*answer.headers, *cors]})
        await send({"type": "http.response.body", "body": answer.body})


class _Keeper:
    """Passes an answer on with more headers, and has it afterwards if it was a plain 200 in one piece."""

    def __init__(self, send: Send, extra: RawHeaders) -> None:
        self._send = send
        self._extra = extra
        self._headers: RawHeaders | None = None
        self.answer: Answer | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            self._headers = headers if message["status"] == 200 else None
            message = {**message, "headers": [*headers, *self._extra]}
        elif self._headers is not None and not message.get("more_body", False):
            self.answer = Answer(self._headers, message.get("body", b""))
        else:
            self._headers = None
        await self._send(message)


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
