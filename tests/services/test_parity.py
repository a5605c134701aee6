"""The combined service and its parts in dev: the same requests, the same bytes.

Left out of the comparison: the Date header, the ports, the mode that each is told to be in, and (named below)
what dev adds so that a page can be changed while it runs.
"""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.services.raw_socket import CLOSE, RawSocket, client_frame, upgrade_request
from tests.services.running import Running, serving

TICK_MS = 60_000
"""A tick a minute: so that both are asked at the same one."""


@dataclass(frozen=True)
class Both:
    """The parts of dev, and the one process of prod."""

    frontend: Running
    api: Running
    trading: Running
    combined: Running

    def part_for(self, path: str) -> Running:
        if path == "/api/ws":
            return self.trading
        return self.api if path.startswith("/api") else self.frontend


@pytest.fixture(scope="module")
def both() -> Iterator[Both]:
    with (
        serving("api", market_tick_ms=TICK_MS) as api,
        serving("trading", market_tick_ms=TICK_MS) as trading,
        serving("frontend", api_port=api.port, trading_port=trading.port, hmr_token="t" * 32) as frontend,
        serving("combined", market_tick_ms=TICK_MS) as combined,
    ):
        yield Both(frontend, api, trading, combined)


PROBLEM_PATHS = [
    "/api",
    "/api/",
    "/api/nope",
    "/api/quotes/",
    "/api/candles/NO",
    "/api/%2e%2e/x",
    "/api/ws/x",
]
API_PATHS = [
    "/api/health",
    "/api/health/live",
    "/api/health/ready",
    "/api/symbols",
    "/api/symbols?limit=2&offset=1",
    "/api/quotes",
    "/api/quotes?symbol=BTC-USD",
    "/api/quotes?limit=0",
    "/api/quotes?symbol=NO",
    "/api/candles/EUR-USD?before=2024-05-01T00:00:00Z&limit=3",
    "/api/candles/EUR-USD?interval=never",
    "/api/openapi.json",
    "/api/ws",
]
FILE_PATHS = ["/style.css", "/icon.svg", "/nope.css", "/.env", "/%2e%2e/settings.py", "/app/"]
REQUESTS = [
    *[f"{method} {path}" for path in API_PATHS + PROBLEM_PATHS for method in ("GET", "HEAD")],
    *[f"{method} /api/quotes" for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE")],
    *[f"GET {path}" for path in FILE_PATHS],
    "HEAD /style.css",
    "POST /style.css",
    "POST /api/ws",
]
EXTRA_HEADERS = [
    "",
    "Origin: http://evil.example\r\n",
    "Origin: null\r\n",
    "Host: twice\r\n",
    "Range: bytes=0-9\r\n",
]


def exchange(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while data := connection.recv(65536):
                answer += data
        return answer


def normal(answer: bytes, port: int) -> str:
    """Return an answer without what may differ."""
    text = answer.decode("utf-8", "surrogateescape").replace(str(port), "PORT")
    return re.sub(r"(?m)^date: .*\r$", "date: NOW\r", text)


def answers(both: Both, request: str, extra: str = "") -> tuple[str, str]:
    """Return what the part in dev and the combined service answer to one request."""
    path = request.split(" ")[1]
    found = []
    for running in (both.part_for(path), both.combined):
        head = f"{request} HTTP/1.1\r\nHost: localhost:{running.port}\r\n{extra}Connection: close\r\n\r\n"
        found.append(normal(exchange(running.port, head.encode()), running.port))
    return found[0], found[1]


@pytest.mark.parametrize("extra", EXTRA_HEADERS)
@pytest.mark.parametrize("request_", REQUESTS)
def test_dev_and_prod_answer_byte_for_byte_alike(both: Both, request_: str, extra: str) -> None:
    dev, prod = answers(both, request_, extra)
    if dev != prod:
        dev, prod = answers(both, request_, extra)  # the minute may have turned between the two
    assert dev == prod


def test_the_stacks_own_origin_is_let_in_by_both(both: Both) -> None:
    found = []
    for running in (both.api, both.combined):
        answer = running.get("/api/symbols", Origin=f"http://localhost:{running.port}")
        headers = {name: value.replace(str(running.port), "PORT") for name, value in answer.headers.items()}
        found.append((answer.status, headers | {"date": ""}, answer.body))
    assert found[0] == found[1]


def test_config_differs_in_mode_and_port_alone(both: Both) -> None:
    dev, prod = both.api.get("/api/config").json, both.combined.get("/api/config").json
    assert (dev.pop("mode"), prod.pop("mode")) == ("dev", "prod")
    assert (dev["trading"].pop("port"), prod["trading"].pop("port")) == (3001, None)
    assert dev == prod


HANDSHAKES = {
    "sound": {},
    "wrong version": {"Sec_WebSocket_Version": "12"},
    "no version": {"Sec_WebSocket_Version": None},
    "bad key": {"Sec_WebSocket_Key": "test"},
    "foreign origin": {"Origin": "http://evil.example"},
    "no host": {"Host": None},
    "subprotocol": {"Sec_WebSocket_Protocol": "vite-hmr"},
}


@pytest.mark.parametrize("name", HANDSHAKES)
def test_handshakes_are_answered_alike(both: Both, name: str) -> None:
    found = []
    for running in (both.trading, both.combined):
        with RawSocket(running.port) as raw:
            raw.send(upgrade_request(running.port, **HANDSHAKES[name]))
            head = raw.read_head()
            body = b"" if head.startswith("HTTP/1.1 101") else raw.read_rest()
            found.append(normal(head.encode() + b"\r\n\r\n" + body, running.port))
    assert found[0] == found[1]


def test_a_conversation_is_the_same_in_both(both: Both) -> None:
    found = []
    for running in (both.trading, both.combined):
        with RawSocket(running.port) as raw:
            raw.shake_hands()
            said = [raw.frame().payload]
            for message in (
                {"type": "ping", "id": 5},
                {"type": "subscribe", "channel": "quotes"},
                {"type": "subscribe", "channel": "book", "symbols": ["BTC-USD"]},
                {"type": "subscribe", "channel": "news"},
                {"type": "unsubscribe", "channel": "quotes"},
            ):
                raw.say(**message)
                said.append(raw.frame().payload)
            raw.send(client_frame(CLOSE, b"\x03\xe8"))
            said.append(raw.close_frame().payload)
            found.append([re.sub(rb'"c-[0-9a-f]{12}"', b'"CONNECTION"', payload) for payload in said])
    assert found[0] == found[1]
