"""The frontend dev server: the root's files, scripts made hot, and `/api/` handed on to the API."""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import blake2b
from urllib.parse import parse_qs

from devstack.services import hmr
from devstack.services.api.proxy import ApiProxy
from devstack.services.hmr.token import hmr_token
from devstack.services.http.asgi import Message, Receive, Scope, Send, refuse_websocket, send_text
from devstack.services.http.media_types import PAGES, SCRIPTS, extension
from devstack.services.http.origins import check_request
from devstack.services.http.representation import Representation
from devstack.services.http.served_files import ServedFile, read_part
from devstack.services.modules.graph import ModuleGraph
from devstack.services.modules.rewrite import (
    CLIENT_PATH,
    add_to_head,
    base_element,
    config_element,
    rewrite_page_scripts,
    rewrite_script,
)
from devstack.services.pages.static import WEB_ROOT, PageApp, page_app
from devstack.services.serving.server import Part, Place, run_parts
from devstack.services.settings import DEV, Settings

CLIENT_FOLDER = os.path.join(os.path.dirname(os.path.abspath(hmr.__file__)), "client")
CLIENT_FILES = {
    f"/{CLIENT_PATH}": "hmr-client.js",
    "/@vite/hot-context.js": "hot-context.js",
    "/@vite/error-overlay.js": "error-overlay.js",
}
VERSION_PATH = "/@devstack/version"
Say = Callable[[str], None]


class DevPages:
    """Pages get their config, the client and versioned scripts; scripts get `import.meta.hot`."""

    def __init__(self, settings: Settings, root: str) -> None:
        self._settings = settings
        self._graph = ModuleGraph(root)
        self._token = hmr_token(settings, root)
        self._config = config_element(
            {"mode": DEV, "base": settings.base_path, "wsPort": settings.trading_port}
        )

    def rewrites(self, file: ServedFile) -> bool:
        """Say whether `file` is a page or a script."""
        return extension(file.url) in PAGES | SCRIPTS

    def rewrite(self, file: ServedFile, content: bytes) -> bytes:
        """Return the page or script as the browser gets it."""
        text = content.decode("utf-8", "surrogateescape")
        self._graph.look()
        base_path = self._settings.base_path
        if extension(file.url) in SCRIPTS:
            text = rewrite_script(self._graph, file.url, text, base_path)
        else:
            client = f'<script type="module" src="{base_path}{CLIENT_PATH}"></script>'
            addition = base_element(file.url, text, base_path) + self._config + client
            text = add_to_head(rewrite_page_scripts(self._graph, file.url, text, base_path), addition)
        return text.encode("utf-8", "surrogateescape")

    def own_file(self, path: str, query: str) -> Representation | None:
        """Return the client module, or the version that a script is at."""
        if path in CLIENT_FILES:
            return _own("text/javascript; charset=utf-8", self._client_file(CLIENT_FILES[path]))
        if path == VERSION_PATH:
            self._graph.look()
            id_ = parse_qs(query).get("path", [""])[0]
            known = id_.startswith("/") and self._graph.module(id_) is not None
            return _own("text/plain; charset=utf-8", str(self._graph.version(id_) if known else 0).encode())
        return None

    def _client_file(self, name: str) -> bytes:
        """Return a file of the client with what it must know; the first two by the names that Vite has."""
        source = read_part(os.path.join(CLIENT_FOLDER, name), 0, 1024 * 1024)
        values = {
            b"__HMR_PORT__": str(self._settings.hmr_port),
            b"__WS_TOKEN__": self._token,
            b"__BASE__": self._settings.base_path,
        }
        for placeholder, value in values.items():
            source = source.replace(placeholder, value.encode())
        return source


def _own(kind: str, body: bytes) -> Representation:
    etag = f'"{blake2b(body, digest_size=12).hexdigest()}"'
    return Representation(kind, etag, len(body), body=body)


class Frontend:
    """The ASGI application: `/api/` goes to the API, all else is the page's."""

    def __init__(self, settings: Settings, page: PageApp, say: Say) -> None:
        self._settings = settings
        self._page = page
        self._api = ApiProxy(settings)
        self._say = say

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI connection."""
        match scope["type"]:
            case "websocket":
                place = f"port {self._settings.trading_port}, path /api/ws"
                await refuse_websocket(scope, receive, send, 404, f"the trading WebSocket is on {place}")
            case "http":
                await self._answer(scope, receive, _logged(scope, send, self._say))
            case _:
                await self._page(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _is_api(scope["path"]):
            await self._forward(scope, receive, send)
        else:
            await self._page(scope, receive, send)

    async def _forward(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = check_request(scope["headers"], self._page.policy)
        if refusal is not None:
            await send_text(scope, send, refusal.status, refusal.reason)
        else:
            await self._api(scope, receive, send)


def _logged(scope: Scope, send: Send, say: Say) -> Send:
    """Return `send` that says one line for a page and for what went wrong; all else would be noise."""

    async def logged(message: Message) -> None:
        if message["type"] == "http.response.start":
            status = message["status"]
            kind = dict(message["headers"]).get(b"content-type", b"")
            if status >= 400 or kind.startswith(b"text/html"):
                say(f"{scope['method']} {scope['raw_path'].decode('latin-1')} {status}")
        await send(message)

    return logged


def _is_api(path: str) -> bool:
    return path == "/api" or path.startswith("/api/")


def frontend_app(settings: Settings, root: str | None, say: Say) -> Frontend:
    """Return the dev server's application for `root` (default: the built-in page); `say` gets its log."""
    real = os.path.realpath(root or WEB_ROOT)
    page = page_app(settings, root=real, port=settings.frontend_port, pages=DevPages(settings, real))
    return Frontend(settings, page, say)


def run(settings: Settings, root: str | None, announce: Say) -> None:
    """Serve the page's files on the frontend's port until SIGTERM or SIGINT.

    The HMR socket is served by this process too, as Vite's is, where its port is a claim of this service.
    """
    place = Place("frontend", settings.host, settings.frontend_port, inherited=settings.listen_fds)
    parts: list[Part] = [(frontend_app(settings, root, announce), place)]
    if settings.owns_hmr:
        from devstack.services.apps.hmr import hmr_part

        parts.append(hmr_part(settings, root, announce))
    run_parts(parts, announce)
