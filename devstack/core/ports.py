"""Port claims: what a service is to listen on, and the seed's table of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, assert_never

FIRST_PORT = 1
LAST_PORT = 65535


OWN_CLAIMS = "DEVSTACK_CLAIMS"
"""The variable that tells a service with several port claims which variables are its own, by commas."""


class Protocol(StrEnum):
    TCP = "tcp"
    HTTP = "http"
    WS = "ws"


@dataclass(frozen=True, slots=True)
class PortClaim:
    """A port that `service` (an instance's name) is to listen on, and how its clients reach it.

    `variable` is the environment variable that hands the number over, None where nothing does. `path` and
    `subprotocol` matter to WebSockets; `also_ws` says that an HTTP claim serves a WebSocket at `path` too.
    `source` is where the claim stands, for people; `is_inferred` says that nobody declared it.
    """

    service: str
    port: int
    variable: str | None = None
    protocol: Protocol = Protocol.TCP
    purpose: str = ""
    path: str | None = None
    subprotocol: str | None = None
    also_ws: bool = False
    source: str = field(default="", compare=False)
    is_inferred: bool = False

    @property
    def url(self) -> str:
        """Return the address at which a person or a client would look, on this machine."""
        host = f"localhost:{self.port}"
        match self.protocol:
            case Protocol.HTTP:
                return f"http://{host}"
            case Protocol.WS:
                return f"ws://{host}{self.path or '/'}"
            case Protocol.TCP:
                return host
            case _:
                assert_never(self.protocol)

    @property
    def websocket_url(self) -> str | None:
        """Return the address of the WebSocket that this claim serves, None where it serves none."""
        serves = self.protocol is Protocol.WS or self.also_ws
        return f"ws://localhost:{self.port}{self.path or '/'}" if serves else None


class TableRow(NamedTuple):
    """One row of the seed's port table: the claim that a service of that name has by default."""

    name: str
    variable: str
    default: int
    protocol: Protocol
    purpose: str
    modes: tuple[str, ...]
    path: str | None = None
    subprotocol: str | None = None
    also_ws: bool = False


SEED_TABLE = (
    TableRow("frontend", "FRONTEND_PORT", 3000, Protocol.HTTP, "frontend dev server", ("dev",)),
    TableRow("hmr", "HMR_PORT", 3002, Protocol.WS, "hot-reload socket", ("dev",), "/", "vite-hmr"),
    TableRow("api", "PORT", 5000, Protocol.HTTP, "REST API", ("dev",)),
    TableRow("trading", "WS_PORT", 3001, Protocol.WS, "trading WebSocket", ("dev",), "/api/ws"),
    TableRow(
        "server",
        "PORT",
        5000,
        Protocol.HTTP,
        "page, API and trading WebSocket",
        ("prod",),
        "/api/ws",
        None,
        True,
    ),
)


def is_port(number: int) -> bool:
    """Say whether `number` can be a TCP port that a service listens on (RFC 6335, section 6)."""
    return FIRST_PORT <= number <= LAST_PORT
