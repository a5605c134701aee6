"""The GET client against servers that answer in every way."""

from __future__ import annotations

import asyncio

import pytest

from devstack.core.http import HttpError
from devstack.supervisor.probes.connection import PlainConnection
from devstack.supervisor.probes.http import Response, get
from tests.raw_servers import Handler, response, saying, serving


def response_of(handler: Handler, path: str = "/", body_limit: int = 1000) -> Response:
    async def run() -> Response:
        async with serving(handler) as port:
            connection = PlainConnection("127.0.0.1", port)
            try:
                await connection.connected()
                return await get(connection, host=f"localhost:{port}", path=path, body_limit=body_limit)
            finally:
                connection.close()

    return asyncio.run(run())


def test_status_headers_and_body_arrive() -> None:
    got = response_of(saying(response(418, b"short and stout", "Content-Type: text/plain\r\n")))
    assert (got.status, got.body, got.is_complete) == (418, b"short and stout", True)
    assert got.head.get("content-type") == "text/plain"


def test_chunks_are_joined() -> None:
    body = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    assert response_of(saying(body)).body == b"abcde"


def test_a_body_without_length_ends_with_the_connection() -> None:
    assert response_of(saying(b"HTTP/1.0 200 OK\r\n\r\nall of it")).body == b"all of it"


def test_a_body_over_the_limit_is_cut_and_says_so() -> None:
    got = response_of(saying(response(200, b"x" * 100_000)), body_limit=500)
    assert (len(got.body), got.is_complete) == (500, False)


def test_a_body_cut_short_says_so() -> None:
    got = response_of(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"))
    assert (got.body, got.is_complete) == (b"abc", False)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "without an answer"),
        (b"HTTP/1.1 2", "in the middle"),
        (b"hello\r\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "no size"),
    ],
)
def test_what_cannot_be_read_is_said(answer: bytes, words: str) -> None:
    with pytest.raises(HttpError, match=words):
        response_of(saying(answer))
