"""The dev server's own parts: hot scripts, the client, and the way to the API."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from devstack.checks.vite.client import parse_client
from tests.raw_servers import serving
from tests.services.processes import Services, ask, services


class Api(BaseHTTPRequestHandler):
    """Tells what it was asked, as an API behind the proxy sees it."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        told = {
            "method": self.command,
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": body.decode(),
        }
        answer = json.dumps(told).encode()
        self.send_response(201 if self.command == "POST" else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.send_header("x-api", "yes")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    do_POST = do_HEAD = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def api_on(port: int) -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", port), Api)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    root = tmp_path_factory.mktemp("root")
    (root / "index.html").write_text('<script type="module" src="/app.js"></script>')
    (root / "app.js").write_text('import "./dep.js"; import.meta.hot.accept();')
    (root / "dep.js").write_text("1")
    with services(root.parent, root) as found:
        found.start("frontend")
        yield found


def test_an_api_request_is_handed_on_with_query_body_and_headers(site: Services) -> None:
    with api_on(site.port("api")):
        answer = ask(
            site.port("frontend"), "/api/candles/BTC-USD?interval=1m&limit=3", Accept="application/json"
        )
        told = json.loads(answer.body)
        assert (answer.status, answer.headers["x-api"]) == (200, "yes")
        assert told["path"] == "/api/candles/BTC-USD?interval=1m&limit=3"
        assert told["headers"]["host"] == f"localhost:{site.port('frontend')}"
        assert told["headers"]["x-forwarded-for"] == "127.0.0.1"
        assert ask(site.port("frontend"), "/api/x", "HEAD").body == b""


def test_an_api_that_is_away_is_502_in_plain_words(site: Services) -> None:
    answer = ask(site.port("frontend"), "/api/quotes")
    problem = json.loads(answer.body)
    assert (answer.status, answer.headers["content-type"]) == (502, "application/problem+json")
    assert f"127.0.0.1:{site.port('api')}" in problem["detail"]
    assert problem["status"] == 502


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-le"])
def test_an_api_that_answers_nothing_sensible_is_502(site: Services, answer: bytes) -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async def run() -> int:
        async with serving(behave, port=site.port("api")):
            return (await asyncio.to_thread(ask, site.port("frontend"), "/api/quotes")).status

    assert asyncio.run(run()) == 502


def test_a_long_answer_arrives_while_it_is_being_made(site: Services) -> None:
    arrived = threading.Event()

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        assert await asyncio.to_thread(arrived.wait, 10)
        writer.write(b"4\r\nlast\r\n0\r\n\r\n")
        await writer.drain()

    async def run() -> bytes:
        async with serving(behave, port=site.port("api")):
            reader, writer = await asyncio.open_connection("127.0.0.1", site.port("frontend"))
            writer.write(b"GET /api/stream HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            first = await reader.readuntil(b"first")
            arrived.set()
            rest = await reader.read()
            writer.close()
            return first + rest

    assert b"last" in asyncio.run(run())


def test_the_api_is_not_for_another_sites_page(site: Services) -> None:
    headers = [("Host", "localhost"), ("Origin", "http://evil.example")]
    assert ask(site.port("frontend"), "/api/quotes", headers=headers).status == 403


def test_a_path_that_only_begins_like_the_api_is_the_pages(site: Services) -> None:
    assert ask(site.port("frontend"), "/apis", accept="text/html").status == 200


def test_a_script_is_hot_and_its_imports_have_versions(site: Services) -> None:
    text = ask(site.port("frontend"), "/app.js").text
    assert 'import.meta.hot = __devstack_hot("/app.js");' in text
    assert "./dep.js?t=" in text


def test_the_client_says_port_and_token_as_vites_own_does(site: Services) -> None:
    text = ask(site.port("frontend"), "/@vite/client").text
    found = parse_client(text, site.port("frontend"))
    assert found is not None
    assert (found.port, found.base, found.host, found.protocol) == (site.port("hmr"), "/", "", "ws")
    assert found.is_built_in
    assert len(found.token) == 20
    assert "__" not in text.replace("__devstack", "")


@pytest.mark.parametrize("name", ["hot-context.js", "error-overlay.js"])
def test_the_clients_parts_are_served_beside_it(site: Services, name: str) -> None:
    assert (
        ask(site.port("frontend"), f"/@vite/{name}").headers["content-type"]
        == "text/javascript; charset=utf-8"
    )


def test_the_live_version_of_a_script_can_be_asked_for(site: Services) -> None:
    version = ask(site.port("frontend"), "/@devstack/version?path=/dep.js").text
    assert f"./dep.js?t={version}" in ask(site.port("frontend"), "/app.js").text
    for path in ("/gone.js", "/../secret", "", "x"):
        assert ask(site.port("frontend"), f"/@devstack/version?path={path}").text == "0"


def test_a_page_below_a_prefix_finds_everything_below_it(tmp_path: Path) -> None:
    with services(tmp_path, BASE_PATH="/trade") as found:
        found.start("frontend")
        text = ask(found.port("frontend")).text
        assert '<base href="/trade/">' in text
        assert 'src="/trade/@vite/client"' in text
        assert '"base":"/trade/"' in text
