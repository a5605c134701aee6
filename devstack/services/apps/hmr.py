"""The HMR socket: watches the root and tells browsers what changed, in the words of Vite's own socket."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import os
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from devstack.services.hmr.hot_updates import HotState, Payload, plan, plan_invalidation
from devstack.services.hmr.token import hmr_token
from devstack.services.hmr.watched_files import Changes, WatchedFiles, watch_in_thread
from devstack.services.http.asgi import Receive, Scope, Send, refuse_websocket, run_lifespan, send_text
from devstack.services.http.origins import OriginPolicy, Refusal, check_request, policy_for
from devstack.services.modules.graph import ModuleGraph
from devstack.services.pages.static import WEB_ROOT
from devstack.services.serving.server import Part, Place, run_parts
from devstack.services.settings import Settings

HMR_PROTOCOL, PING_PROTOCOL = "vite-hmr", "vite-ping"
PUT_BACK_SECONDS = 0.25
"""How long a file may be gone, or empty, while an editor saves it (delete or cut, then write)."""

FIRST_LOOK_SECONDS = 0.3
"""When the files are looked at once more: a change while the watcher was starting came with no event."""

WAITING_MESSAGES = 64
RELOAD_ALL: Payload = {"type": "full-reload", "path": "*"}
UPGRADE = (("upgrade", "websocket"), ("connection", "upgrade"), ("sec-websocket-version", "13"))
Say = Callable[[str], None]


class Browser:
    """One page that listens; what it does not take in time is replaced by a reload."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[Payload] = asyncio.Queue()

    def tell(self, payload: Payload) -> None:
        if self._waiting.qsize() >= WAITING_MESSAGES:
            self._waiting = asyncio.Queue()
            payload = RELOAD_ALL
        self._waiting.put_nowait(payload)

    async def pass_on(self, send: Send) -> None:
        while True:
            payload = await self._waiting.get()
            await send({"type": "websocket.send", "text": json.dumps(payload)})


class HotReload:
    """The files of one root, those who are told of their changes, and what they are told."""

    def __init__(self, root: str, say: Say) -> None:
        self._root = root
        self._say = say
        self._graph = ModuleGraph(root)
        self._state = HotState(self._graph)
        self._browsers: set[Browser] = set()
        self._paths: set[str] = set()
        self._news = asyncio.Event()
        self._stop = threading.Event()
        self._invalidated: dict[str, int] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read the root and begin to watch it."""
        self._files = WatchedFiles(self._graph)
        self._state.look()
        loop = asyncio.get_running_loop()

        def on_change(paths: set[str]) -> None:
            loop.call_soon_threadsafe(self._note, paths)

        watch_in_thread(self._root, on_change, self._say, self._stop)
        loop.call_later(FIRST_LOOK_SECONDS, self._note, {self._root})
        self._task = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """End the watch."""
        self._stop.set()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _note(self, paths: set[str]) -> None:
        self._paths |= paths
        self._news.set()

    async def _work(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self._take_news()
            except Exception as error:  # noqa: BLE001 - an error of ours must not end hot replacement
                self._say(f"this change could not be worked out, and every page is loaded again: {error!r}")
                self._tell_all(RELOAD_ALL)

    async def _take_news(self) -> None:
        if self._files.looks_unfinished(self._paths):
            await asyncio.sleep(PUT_BACK_SECONDS)
        paths, self._paths = self._paths, set()
        everywhere = self._root in paths
        self._announce(self._files.compare(None if everywhere else paths))

    def _announce(self, changes: Changes) -> None:
        if not changes.all:
            return
        for payload in plan(self._state, changes.all, changes.created):
            self._say(f"{describe(payload)} ({_count(len(self._browsers), 'browser')})")
            self._tell_all(payload)
        self._tell_all(self._state_message())

    def _state_message(self) -> Payload:
        """Return what lets a page know, when it comes back, whether it missed anything."""
        data = {"state": self._files.fingerprint()}
        return {"type": "custom", "event": "devstack:state", "data": data}

    def _tell_all(self, payload: Payload) -> None:
        for browser in self._browsers:
            browser.tell(payload)

    def join(self) -> Browser:
        """Return a new listener, told first that it is connected and what is broken just now."""
        browser = Browser()
        browser.tell({"type": "connected"})
        browser.tell(self._state_message())
        for payload in list(self._state.broken.values())[:1]:
            browser.tell(payload)
        self._browsers.add(browser)
        return browser

    def leave(self, browser: Browser) -> None:
        """Forget a listener."""
        self._browsers.discard(browser)

    def hear(self, text: str) -> None:
        """Take a message from a page; what is not understood is none of ours (Vite's plugins speak too)."""
        try:
            message = json.loads(text)
        except ValueError:
            return
        if isinstance(message, dict) and message.get("type") == "custom":
            data = message.get("data")
            if message.get("event") == "vite:invalidate" and isinstance(data, dict):
                self._invalidate(data)

    def _invalidate(self, data: dict[str, Any]) -> None:
        """Pass a change on to the importers of the module that gave it back, once for each version."""
        id_, first = data.get("path"), data.get("firstInvalidatedBy")
        if not isinstance(id_, str) or id_ not in self._state.reached:
            return
        self._graph.look()
        version = self._graph.version(id_)
        if self._invalidated.get(id_) == version:
            return
        self._invalidated[id_] = version
        first = first if isinstance(first, str) else id_
        payload = plan_invalidation(self._state, id_, first, int(time.time() * 1000))
        self._say(f"{id_} cannot take the change: {describe(payload)}")
        self._tell_all(payload)


def describe(payload: Payload) -> str:
    """Return in a few words what a message to the browsers says."""
    match payload["type"]:
        case "update":
            return "update " + ", ".join(sorted({update["acceptedPath"] for update in payload["updates"]}))
        case "full-reload":
            return f"reload because of {payload.get('triggeredBy', 'a change')}"
        case "prune":
            return "no longer used: " + ", ".join(payload["paths"])
        case "error":
            return f"error: {payload['err']['message']}"
        case kind:
            return str(kind)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


class HmrApp:
    """The ASGI application: WebSockets for pages that carry the token, 426 for anything else."""

    def __init__(self, policy: OriginPolicy, token: str, hot: HotReload) -> None:
        self._policy = policy
        self._token = token
        self._hot = hot

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI connection."""
        match scope["type"]:
            case "lifespan":
                await run_lifespan(receive, send, self._hot.start, self._hot.stop)
            case "websocket":
                await self._open(scope, receive, send)
            case _:
                refusal = check_request(scope["headers"], self._policy)
                upgrade = UPGRADE if refusal is None else ()
                refusal = refusal or Refusal(426, "Upgrade Required: this is the HMR WebSocket")
                await send_text(scope, send, refusal.status, refusal.reason, upgrade)

    async def _open(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = check_request(scope["headers"], self._policy) or self._check_handshake(scope)
        if refusal is not None:
            await refuse_websocket(scope, receive, send, refusal.status, refusal.reason)
            return
        await receive()
        if PING_PROTOCOL in scope["subprotocols"]:
            await send({"type": "websocket.accept", "subprotocol": PING_PROTOCOL})
            await send({"type": "websocket.close", "code": 1000})
            return
        await send({"type": "websocket.accept", "subprotocol": HMR_PROTOCOL})
        await self._talk(receive, send)

    def _check_handshake(self, scope: Scope) -> Refusal | None:
        """Refuse other subprotocols, and a browser (it sends an Origin) without the page's token, as Vite."""
        offered = scope["subprotocols"]
        if PING_PROTOCOL in offered:
            return None
        if HMR_PROTOCOL not in offered:
            return Refusal(400, f"the subprotocol is to be {HMR_PROTOCOL} or {PING_PROTOCOL}")
        token = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        from_browser = any(name == b"origin" for name, _ in scope["headers"])
        if (token or from_browser) and not hmac.compare_digest(token.encode(), self._token.encode()):
            return Refusal(400, "the token is not this server's: is it another checkout's page?")
        return None

    async def _talk(self, receive: Receive, send: Send) -> None:
        browser = self._hot.join()
        passing_on = asyncio.create_task(browser.pass_on(send))
        try:
            while (message := await receive())["type"] == "websocket.receive":
                self._hot.hear(message.get("text") or "")
        finally:
            self._hot.leave(browser)
            passing_on.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await passing_on


def hmr_app(settings: Settings, root: str | None, say: Say) -> HmrApp:
    """Return the HMR socket's application for `root` (default: the built-in page); `say` gets its log."""
    real = os.path.realpath(root or WEB_ROOT)
    return HmrApp(policy_for(settings, settings.hmr_port), hmr_token(settings, real), HotReload(real, say))


def hmr_part(settings: Settings, root: str | None, say: Say, inherited: int = 0) -> Part:
    """Return the HMR socket's application and its place, `inherited` of whose sockets were handed over."""
    place = Place("hmr", settings.host, settings.hmr_port, "ws", inherited=inherited)
    return hmr_app(settings, root, say), place


def run(settings: Settings, root: str | None, announce: Say) -> None:
    """Serve the HMR socket on its own port until SIGTERM or SIGINT."""
    run_parts([hmr_part(settings, root, announce, settings.listen_fds)], announce)
