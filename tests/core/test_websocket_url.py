"""What is a WebSocket's address, and what to say where it is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.core.websocket_url import WebSocketUrl, parse_websocket_url
from devstack.errors import UsageError


@pytest.mark.parametrize(
    ("text", "url", "host_header"),
    [
        (
            "ws://localhost:3001/api/ws",
            WebSocketUrl(False, "localhost", 3001, "/api/ws"),
            "localhost:3001",
        ),
        ("ws://localhost", WebSocketUrl(False, "localhost", 80, "/"), "localhost"),
        ("wss://example.test/", WebSocketUrl(True, "example.test", 443, "/"), "example.test"),
        ("wss://example.test:80", WebSocketUrl(True, "example.test", 80, "/"), "example.test:80"),
        ("ws://[::1]:3002/?token=a%20b", WebSocketUrl(False, "::1", 3002, "/?token=a%20b"), "[::1]:3002"),
        ("ws://bücher.test/", WebSocketUrl(False, "xn--bcher-kva.test", 80, "/"), "xn--bcher-kva.test"),
        ("WS://127.0.0.1:1?x", WebSocketUrl(False, "127.0.0.1", 1, "/?x"), "127.0.0.1:1"),
    ],
)
def test_an_address_is_taken_apart(text: str, url: WebSocketUrl, host_header: str) -> None:
    assert parse_websocket_url(text) == url
    assert url.host_header == host_header
    assert parse_websocket_url(str(url)) == url


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("http://localhost:3001/api/ws", "write ws://localhost:3001/api/ws"),
        ("https://localhost/", "write wss://localhost/"),
        ("localhost:3001/api/ws", "write ws://localhost:3001/api/ws"),
        ("127.0.0.1", "write ws://127.0.0.1"),
        ("ws://localhost:3001/#part", "no part behind a #"),
        ("ws://user:secret@localhost/", "are not sent"),
        ("ftp://localhost/", "looks like ws://"),
        ("/api/ws", "looks like ws://"),
        ("3001", "write ws://localhost:3001"),
        (":3001/api/ws", "write ws://localhost:3001/api/ws"),
        ("ws://a..b/", "1 to 63 characters"),
        (f"ws://{'a' * 64}.test/", "1 to 63 characters"),
        ("", "looks like ws://"),
        ("ws://", "looks like ws://"),
        ("ws://local host/", "looks like ws://"),
        ("ws://localhost:99999/", "from 1 to 65535"),
        ("ws://localhost:0/", "from 1 to 65535"),
    ],
)
def test_what_is_none_is_refused_with_what_was_probably_meant(text: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_websocket_url(text)
    assert hint in caught.value.hint


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_a_usage_error(text: str) -> None:
    for candidate in (text, f"ws://{text}", f"wss://h:1/{text}"):
        try:
            parse_websocket_url(candidate)
        except UsageError as error:
            assert error.hint  # noqa: PT017 - either outcome is right
