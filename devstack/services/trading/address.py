"""Where a page's trading socket is: the decision of `web/trading-client.js`, as a Python function.

Both pass the table `tests/services/connection_cases.json`. What counts is what the server told the page
(`devstack-config`); a port number or a host name proves nothing about the mode.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address
from urllib.parse import SplitResult, urlsplit

from devstack.core.ports import is_port
from devstack.errors import DevstackError

SOCKET_PATH = "api/ws"
QUOTES_PATH = "api/quotes"
DEFAULT_TRADING_PORT = 3001
SOCKET_SCHEMES = {"http": ("ws", 80), "https": ("wss", 443)}
BASE = re.compile(r"/?(?:[A-Za-z0-9._~%-]+/)*(?:[A-Za-z0-9._~%-]+)?")


class NoConnectionError(DevstackError):
    """Nothing can be decided; `about` says because of what: `page`, `config`, `mode`, `port` or `base`."""

    def __init__(self, about: str, message: str) -> None:
        super().__init__(message)
        self.about = about


@dataclass(frozen=True, slots=True)
class Connection:
    """Which socket a page uses, where it polls quotes when that fails, in which mode, and why."""

    mode: str
    socket: str
    quotes: str
    why: str


@dataclass(frozen=True, slots=True)
class _Page:
    """What counts of a page's address. `host` has its brackets, `port` is None for the scheme's own."""

    scheme: str
    host: str
    port: int | None


def decide_connection(page: str, config: Mapping[str, object] | None) -> Connection:
    """Return the connection of the page at address `page`, given what its server told it.

    `config` has `mode` (`dev` or `prod`), `wsPort` (dev) and `base`; None: the server said nothing.
    NoConnectionError if either is unusable.
    """
    parts = _page(page)
    if config is not None and not isinstance(config, Mapping):
        raise NoConnectionError("config", "the page's config is no object")
    told = config or {}
    mode, base = told.get("mode"), _base(told.get("base", "/"))
    scheme, default_port = SOCKET_SCHEMES[parts.scheme]
    origin = _authority(parts.host, parts.port, default_port)
    quotes = f"{parts.scheme}://{origin}{base}{QUOTES_PATH}"
    if mode == "dev":
        port = _port(told.get("wsPort", DEFAULT_TRADING_PORT))
        socket = f"{scheme}://{_authority(parts.host, port, default_port)}/{SOCKET_PATH}"
        return Connection(
            "dev", socket, quotes, f"the server said dev, with the trading socket on port {port}"
        )
    if mode not in ("prod", None):
        raise NoConnectionError("mode", f"the server said mode {mode!r}; dev and prod are known")
    said = "the server said prod" if mode else "the server said no mode"
    why = f"{said}: the page's own origin" + (f", below {base}" if base != "/" else "")
    return Connection("prod", f"{scheme}://{origin}{base}{SOCKET_PATH}", quotes, why)


def _page(address: str) -> _Page:
    try:
        parts: SplitResult = urlsplit(address)
        port = parts.port
        host = _host(parts)
    except ValueError as error:
        raise NoConnectionError("page", f"{address!r} is no page's address: {error}") from None
    if parts.scheme not in SOCKET_SCHEMES or not host:
        raise NoConnectionError("page", f"{address!r} did not come from a server")
    return _Page(parts.scheme, host, port)


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    return f"[{IPv6Address(host).compressed}]" if ":" in host else host


def _authority(host: str, port: int | None, default_port: int) -> str:
    return host if port in (None, default_port) else f"{host}:{port}"


def _port(value: object) -> int:
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not whole or not is_port(int(str(value).partition(".")[0])):
        raise NoConnectionError("port", f"the server said wsPort {value!r}, which is no port number")
    return int(str(value).partition(".")[0])


def _base(value: object) -> str:
    """Return the path prefix with a slash at both ends."""
    segments = value.split("/") if isinstance(value, str) else [".."]
    if not isinstance(value, str) or not BASE.fullmatch(value) or {".", ".."} & set(segments):
        raise NoConnectionError("base", f"the server said base {value!r}, which is no path")
    inner = value.strip("/")
    return f"/{inner}/" if inner else "/"
