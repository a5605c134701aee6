"""Prod's one process: page, API and trading socket on one port, each the same application as in dev."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from devstack.services.apps.api import api_app
from devstack.services.apps.trading import market_source, trading_app
from devstack.services.http.asgi import App, Receive, Scope, Send
from devstack.services.pages.static import WEB_ROOT, page_app
from devstack.services.serving.server import Place, run_app
from devstack.services.settings import PROD, Settings
from devstack.services.trading.client import PATH

API = "/api"


class CombinedApp:
    """Hands each request to the part that serves its path."""

    def __init__(self, page: App, api: App, trading: App) -> None:
        self._page = page
        self._api = api
        self._trading = trading

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._trading(scope, receive, send)  # the one part that has anything to start or stop
        else:
            await self._part_for(scope["path"])(scope, receive, send)

    def _part_for(self, path: str) -> App:
        if path == PATH:
            return self._trading
        return self._api if path == API or path.startswith(f"{API}/") else self._page


def combined_app(settings: Settings, root: str | None = None) -> CombinedApp:
    """Return page, API and trading socket as one ASGI application; `root` holds the page's files."""
    settings = replace(settings, mode=PROD)
    source = market_source(settings)
    return CombinedApp(
        page_app(settings, root=root or WEB_ROOT, port=settings.api_port),
        api_app(settings, source),
        trading_app(settings, source, settings.api_port),
    )


def run(settings: Settings, root: str | None, announce: Callable[[str], None]) -> None:
    """Serve everything on one port until SIGTERM or SIGINT."""
    place = Place("combined", settings.host, settings.api_port, inherited=settings.listen_fds)
    run_app(combined_app(settings, root), place, announce)
