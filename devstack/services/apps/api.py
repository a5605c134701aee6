"""The REST API: FastAPI for what takes parameters and for the OpenAPI description, mounted at `/api`."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import AwareDatetime, BeforeValidator
from starlette.exceptions import HTTPException as RoutingError

from devstack import __version__
from devstack.services.api import answers, models
from devstack.services.api.answers import DEFAULT_PAGE, INTERVALS, LONGEST_PAGE, Page
from devstack.services.api.guard import ALLOWED, ApiGuard
from devstack.services.api.openapi import describe
from devstack.services.apps.trading import market_sharing, market_source
from devstack.services.http.origins import policy_for
from devstack.services.http.problems import SAFE_HEADERS, problem_bytes, title_of
from devstack.services.market.market import SYMBOLS
from devstack.services.serving.server import STOPPING, Place, run_app
from devstack.services.settings import Settings
from devstack.services.trading.feed import MarketSource

if TYPE_CHECKING:
    from devstack.services.trading.shared_market import SharedMarket

HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
PROBLEM_HEADERS = {name.decode(): value.decode() for name, value in SAFE_HEADERS}
LARGEST_INTEGER = 2**53  # what every JSON reader takes exactly

# Enumerations, so that the API's description says what there is.
Interval = StrEnum("Interval", {name: name for name in INTERVALS})  # type: ignore[misc] # a table's names
SymbolName = StrEnum("SymbolName", {symbol.name: symbol.name for symbol in SYMBOLS})  # type: ignore[misc]
Limit = Annotated[int, Query(ge=1, le=LONGEST_PAGE, description="the longest page")]
Offset = Annotated[int, Query(ge=0, le=LARGEST_INTEGER, description="how many to leave out")]
Seq = Annotated[
    int | None, Query(ge=0, le=LARGEST_INTEGER, description="as of this tick; the newest without")
]
DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _rfc_3339(text: object) -> object:
    """Refuse what pydantic would take for a time beyond what the description says: numbers, for instance."""
    if isinstance(text, str) and not DATE_TIME.fullmatch(text):
        raise ValueError("a time looks like 2024-05-01T00:00:00Z")
    return text


Time = Annotated[AwareDatetime, BeforeValidator(_rfc_3339)]
Before = Annotated[Time | None, Query(description="only candles that begin before this time")]


def api_app(settings: Settings, source: MarketSource | None = None) -> ApiGuard:
    """Return the API as an ASGI application, for the requests that Host and Origin let in.

    Without `source` it has a market of its own, the same one that the trading socket has.
    """
    market = market_source(settings) if source is None else source
    sharing = market_sharing(settings, market) if source is None else None

    def moment() -> tuple[Hashable, ...]:
        """Return what tells two moments apart: the market, its tick, and a tenth of a second."""
        return market.market.session, market.tick(), int(time.monotonic() * 10)

    return ApiGuard(_fastapi(settings, market, sharing), policy_for(settings, settings.api_port), moment)


def run(settings: Settings, announce: Callable[[str], None]) -> None:
    """Serve the API on its own port until SIGTERM or SIGINT."""
    place = Place("api", settings.host, settings.api_port, path="/api", inherited=settings.listen_fds)
    run_app(api_app(settings), place, announce)


def _fastapi(settings: Settings, source: MarketSource, sharing: SharedMarket | None) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if sharing is not None:
            await sharing.start(lambda: None)
        yield
        if sharing is not None:
            await sharing.stop()

    app = FastAPI(
        title="devstack trading API",
        version=__version__,
        description="A simulated market. Prices and sizes are decimal strings, times ISO 8601 in UTC.",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.add_exception_handler(RoutingError, _on_routing_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(Exception, _on_our_fault)
    _add_status(app, settings, source)
    _add_market(app, source)
    describe(app)
    return app


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json", headers=HEADERS)


def _is_stopping(request: Request) -> bool:
    return bool(getattr(request.state, STOPPING, False))


def _add_status(app: FastAPI, settings: Settings, source: MarketSource) -> None:
    """Add what tells how the API itself is."""

    @app.get("/api/health", response_model=models.Health, tags=["status"])
    async def health(request: Request) -> Response:
        """Say whether the API lives, is ready, and has what it needs."""
        return _json(answers.health(source.redis, ready=not _is_stopping(request)))

    @app.get("/api/health/live", response_model=models.Probe, tags=["status"])
    async def live() -> Response:
        """Answer as long as the process works; what fails this is to be restarted."""
        return _json(answers.probe())

    @app.get("/api/health/ready", response_model=models.Probe, tags=["status"])
    async def ready(request: Request) -> Response:
        """Answer as long as requests are welcome; what fails this is to be given none."""
        if _is_stopping(request):
            raise HTTPException(503, "this process is stopping")
        return _json(answers.probe())

    @app.get("/api/config", response_model=models.Config, tags=["status"])
    async def config() -> Response:
        """Say in which mode this is and where the trading socket is."""
        return _json(answers.config(settings, source.market))


def _add_market(app: FastAPI, source: MarketSource) -> None:
    """Add what tells of the market."""
    names = list(source.market.symbols)

    @app.get("/api/symbols", response_model=models.Symbols, tags=["market"])
    async def symbols(limit: Limit = DEFAULT_PAGE, offset: Offset = 0) -> Response:
        """List what is traded."""
        return _json(answers.symbols(source.market, Page(offset, limit)))

    @app.get("/api/quotes", response_model=models.Quotes, tags=["market"])
    async def quotes(
        symbol: Annotated[list[SymbolName] | None, Query(description="these alone; all without")] = None,
        seq: Seq = None,
        limit: Limit = DEFAULT_PAGE,
        offset: Offset = 0,
    ) -> Response:
        """Return the newest quotes, or those of an earlier tick."""
        wanted = [name for name in names if symbol is None or name in symbol]
        return _json(answers.quotes(source, wanted, Page(offset, limit), seq))

    @app.get("/api/candles/{symbol}", response_model=models.Candles, tags=["market"])
    async def candles(
        symbol: str,
        interval: Interval = Interval["1m"],
        limit: Limit = DEFAULT_PAGE,
        before: Before = None,
    ) -> Response:
        """Return candles of one symbol, the newest page first, each page in order of time."""
        if symbol not in source.market.symbols:
            raise HTTPException(404, f"there is no symbol {symbol[:40]}; /api/symbols lists them")
        return _json(answers.candles(source, symbol, interval.value, _milliseconds(before), limit))


def _milliseconds(at: datetime | None) -> int | None:
    """Return a time as milliseconds since the Unix epoch, rounded up."""
    if at is None:
        return None
    since = at - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1000 + -(-since.microseconds // 1000)


def _problem(status: int, detail: str = "", **members: Any) -> Response:
    return Response(problem_bytes(status, detail, **members), status, headers=PROBLEM_HEADERS)


async def _on_routing_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RoutingError)  # noqa: S101 - Starlette calls it for nothing else
    path = request.url.path[:200]
    said = "" if error.detail == title_of(error.status_code) else error.detail
    missing = {404: f"nothing is at {path}", 405: f"{request.method[:20]} is not for {path}"}
    response = _problem(error.status_code, said or missing.get(error.status_code, ""))
    response.headers.update(error.headers or {})
    if error.status_code == 405:
        response.headers["allow"] = ALLOWED
    return response


async def _on_invalid_request(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
    errors = [
        {
            "parameter": str(wrong["loc"][1]) if len(wrong["loc"]) > 1 else "",
            "message": wrong["msg"].removeprefix("Value error, "),
        }
        for wrong in error.errors()
    ]
    return _problem(422, "the request has parameters that are not as they should be", errors=errors)


async def _on_our_fault(_request: Request, _error: Exception) -> Response:
    """Say nothing of what went wrong: that is in this service's output."""
    return _problem(500, "this is the server's fault; its output says more")
