"""The API over real HTTP: answers, pages, errors, and who may ask."""

from __future__ import annotations

import itertools
import re
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import urljoin

import pytest

from tests.services.running import Answer, Running, serving, until

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
HOSTS = ["localhost", "127.0.0.1", "[::1]"]


@pytest.fixture(scope="module")
def api() -> Iterator[Running]:
    with serving("api") as running:
        yield running


def assert_problem(answer: Answer, status: int) -> None:
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["status"] == status
    assert answer.json["type"] == "about:blank"
    assert answer.json["title"]
    assert "Traceback" not in answer.body.decode()


def test_health_tells_live_from_ready(api: Running) -> None:
    assert api.get("/api/health").json == {"status": "ok", "live": True, "ready": True, "redis": "off"}
    assert api.get("/api/health/live").json == {"status": "ok"}
    assert api.get("/api/health/ready").json == {"status": "ok"}


def test_config_says_where_the_trading_socket_is(api: Running) -> None:
    config = api.get("/api/config").json
    assert config["mode"] == "dev"
    assert config["protocol"] == 1
    assert config["trading"] == {"port": 3001, "path": "/api/ws"}


def test_in_prod_the_trading_socket_is_on_the_pages_own_origin() -> None:
    with serving("combined", mode="prod", base_path="/trade/") as running:
        assert running.get("/api/config").json["trading"] == {"port": None, "path": "/trade/api/ws"}


def test_quotes_have_exact_prices_and_utc_times(api: Running) -> None:
    found = api.get("/api/quotes").json
    assert [quote["symbol"] for quote in found["quotes"]] == [
        symbol["symbol"] for symbol in api.get("/api/symbols").json["symbols"]
    ]
    for quote in found["quotes"]:
        assert Decimal(quote["bid"]) < Decimal(quote["ask"])
        assert TIME.fullmatch(quote["time"])


def test_symbols_say_how_many_decimals_their_prices_have(api: Running) -> None:
    decimals = {
        symbol["symbol"]: symbol["price_decimals"] for symbol in api.get("/api/symbols").json["symbols"]
    }
    for quote in api.get("/api/quotes").json["quotes"]:
        assert len(quote["price"].partition(".")[2]) == decimals[quote["symbol"]]


def test_the_quotes_of_one_tick_stay_what_they_are(api: Running) -> None:
    first = api.get("/api/quotes").json
    assert api.get(f"/api/quotes?seq={first['seq']}").json["quotes"] == first["quotes"]


@pytest.mark.parametrize("member", ["symbols", "quotes"])
def test_pages_lead_through_the_whole_list(api: Running, member: str) -> None:
    whole = [item["symbol"] for item in api.get(f"/api/{member}").json[member]]
    seen, at = [], f"/api/{member}?limit=3"
    while at:
        page = api.get(at).json
        assert len(page[member]) <= 3
        seen += [item["symbol"] for item in page[member]]
        at = page["next"] and urljoin(at, page["next"])
    assert seen == whole


def test_quotes_can_be_had_of_some_symbols(api: Running) -> None:
    found = api.get("/api/quotes?symbol=ETH-USD&symbol=BTC-USD").json["quotes"]
    assert [quote["symbol"] for quote in found] == ["BTC-USD", "ETH-USD"]


@pytest.mark.parametrize(("interval", "seconds"), [("5s", 5), ("1m", 60), ("1h", 3600), ("1d", 86400)])
def test_candles_follow_each_other_without_a_hole(api: Running, interval: str, seconds: int) -> None:
    at, times = f"/api/candles/BTC-USD?interval={interval}&limit=20", []
    for _ in range(3):
        page = api.get(at).json
        assert len(page["candles"]) == 20
        times = [datetime.fromisoformat(candle["time"]) for candle in page["candles"]] + times
        at = urljoin(at, page["next"])
    steps = {later - earlier for earlier, later in itertools.pairwise(times)}
    assert steps == {timedelta(seconds=seconds)}
    assert times[-1] <= datetime.now(UTC) < times[-1] + timedelta(seconds=seconds + 5)


def test_candles_of_the_past_stay_what_they_are(api: Running) -> None:
    path = "/api/candles/EUR-USD?before=2024-05-01T00:00:00Z&limit=5"
    assert api.get(path).body == api.get(path).body
    assert api.get(path).json["candles"][-1]["time"] == "2024-04-30T23:59:00.000Z"


@pytest.mark.parametrize("before", ["1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_any_time_that_can_be_written_can_be_asked_for(api: Running, before: str) -> None:
    assert api.get(f"/api/candles/EUR-USD?before={before}").status == 200


@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/api/nope", "/api/quotes/", "/api/ws/x", "/api/candles/", "/x"]
)
def test_an_unknown_path_is_a_problem(api: Running, path: str) -> None:
    assert_problem(api.get(path), 404)


def test_an_unknown_symbol_is_a_problem_that_says_where_to_look(api: Running) -> None:
    answer = api.get("/api/candles/NO-SUCH")
    assert_problem(answer, 404)
    assert "/api/symbols" in answer.json["detail"]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("quotes?limit=0", "limit"),
        ("quotes?limit=501", "limit"),
        ("quotes?limit=x", "limit"),
        ("quotes?offset=-1", "offset"),
        ("quotes?symbol=NO-SUCH", "symbol"),
        ("quotes?seq=-5", "seq"),
        ("candles/BTC-USD?interval=2m", "interval"),
        ("candles/BTC-USD?before=yesterday", "before"),
        ("candles/BTC-USD?before=2024-05-01T00:00:00", "before"),
        ("candles/BTC-USD?before=1714521600", "before"),
        ("candles/BTC-USD?before=1.5e-47", "before"),
        ("candles/BTC-USD?before=", "before"),
    ],
)
def test_a_wrong_parameter_is_a_problem_that_names_it(api: Running, query: str, parameter: str) -> None:
    answer = api.get(f"/api/{query}")
    assert_problem(answer, 422)
    assert [error["parameter"] for error in answer.json["errors"]] == [parameter]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE"])
def test_another_method_is_a_problem_that_says_which_there_are(api: Running, method: str) -> None:
    answer = api.get("/api/quotes", method)
    assert_problem(answer, 405)
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("path", ["/api/quotes?limit=1", "/api/health", "/api/nope"])
def test_head_is_get_without_its_body(api: Running, path: str) -> None:
    head, got = api.get(path, "HEAD"), api.get(path)
    assert head.status == got.status
    assert head.body == b""
    assert set(head.headers) == set(got.headers)
    assert head.headers["content-length"] == got.headers["content-length"]


@pytest.mark.parametrize("path", ["/api/health", "/api/quotes", "/api/candles/BTC-USD?limit=3"])
def test_an_answer_that_is_given_again_is_the_same_and_is_renewed_with_the_tick(path: str) -> None:
    def content(answer: Answer) -> tuple[int, dict[str, str], bytes]:
        return (
            answer.status,
            {name: value for name, value in answer.headers.items() if name != "date"},
            answer.body,
        )

    with serving("api", market_tick_ms=2000) as slow:
        seq = slow.get("/api/quotes").json["seq"]
        until(lambda: slow.get("/api/quotes").json["seq"] > seq)
        first, head, again = slow.get(path), slow.get(path, "HEAD"), slow.get(path)
        assert content(first) == content(again)
        assert content(head)[:2] == content(first)[:2]
        if "health" not in path:
            until(lambda: slow.get(path).body != first.body)


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("own", [True, False])
def test_the_stacks_own_pages_may_read_the_answers(api: Running, host: str, own: bool) -> None:
    origin = f"http://{host}:{api.port if own else 3000}"
    answer = api.get("/api/quotes", Origin=origin)
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["vary"] == "origin"


def test_a_page_of_another_origin_gets_a_problem(api: Running) -> None:
    for origin in ("http://evil.example", "null", f"https://localhost.evil.example:{api.port}"):
        answer = api.get("/api/quotes", Origin=origin)
        assert_problem(answer, 403)
        assert "access-control-allow-origin" not in answer.headers


def test_a_preflight_is_answered(api: Running) -> None:
    origin = f"http://localhost:{api.port}"
    answer = api.get("/api/quotes", "OPTIONS", Origin=origin, Access_Control_Request_Method="GET")
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == origin
    assert "GET" in answer.headers["access-control-allow-methods"]


def exchange(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        answer = b""
        while data := connection.recv(65536):
            answer += data
        return answer


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /api/quotes HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET /api/quotes HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"GET /api/quotes HTTP/1.1\r\nHost: \r\nConnection: close\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET /api/quotes HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"GET /api HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
    ],
)
def test_a_request_without_one_host_or_without_sense_is_400(api: Running, request_: bytes) -> None:
    answer = exchange(api.port, request_)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in answer


def test_another_sites_name_for_this_machine_is_refused(api: Running) -> None:
    answer = exchange(
        api.port, b"GET /api/quotes HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 403 ")


def test_a_head_without_an_end_is_431(api: Running) -> None:
    request = b"GET /api/quotes HTTP/1.1\r\nHost: localhost\r\n" + b"X-Filler: %s\r\n" % (b"x" * 1000) * 70
    with socket.create_connection(("127.0.0.1", api.port), timeout=10) as connection:
        connection.sendall(request)
        assert connection.recv(65536).startswith(b"HTTP/1.1 431 ")


def test_requests_may_be_pipelined(api: Running) -> None:
    one = b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    assert exchange(api.port, one * 4 + last).count(b"HTTP/1.1 200 OK") == 5
