"""The opening handshake: what is asked, and which answers count."""

from __future__ import annotations

import sys

import pytest

from devstack.core.handshake import Handshake, HandshakeError, HandshakeFault, accept_for, new_key
from devstack.core.http import Head

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
ASKED = Handshake("localhost:3001", "/api/ws", KEY, ("vite-hmr", "other"), "http://localhost:3000")
GOOD = {"upgrade": "websocket", "connection": "Upgrade", "sec-websocket-accept": ACCEPT}


def answer(status: int = 101, version: tuple[int, int] = (1, 1), **changes: str | None) -> Head:
    headers = GOOD | {name.replace("_", "-"): value for name, value in changes.items()}
    present = tuple((name, value) for name, value in headers.items() if value is not None)
    return Head(version, status, "", present)


def fault_of(head: Head, asked: Handshake = ASKED) -> tuple[HandshakeFault, str]:
    with pytest.raises(HandshakeError) as caught:
        asked.check(head)
    assert caught.value.head is head
    return caught.value.fault, caught.value.message


def test_the_key_of_the_rfc_has_the_accept_of_the_rfc() -> None:
    assert accept_for(KEY) == ACCEPT
    assert new_key(b"the sample nonce") == KEY


def test_the_request_has_every_header_of_the_rfc() -> None:
    assert ASKED.request() == (
        b"GET /api/ws HTTP/1.1\r\nHost: localhost:3001\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        b"Origin: http://localhost:3000\r\nSec-WebSocket-Protocol: vite-hmr, other\r\n\r\n"
    )


def test_without_wishes_the_request_has_no_origin_and_no_subprotocol() -> None:
    request = Handshake("h", "/", KEY).request()
    assert b"Origin" not in request
    assert b"Protocol" not in request


def test_a_good_answer_yields_the_chosen_subprotocol_or_none() -> None:
    assert ASKED.check(answer()) is None
    assert ASKED.check(answer(sec_websocket_protocol="other")) == "other"


def test_upgrade_and_connection_are_compared_without_case_and_among_others() -> None:
    assert ASKED.check(answer(upgrade="WebSocket", connection="keep-alive, UPGRADE")) is None


@pytest.mark.parametrize(
    ("head", "fault", "words"),
    [
        (answer(404), HandshakeFault.STATUS, "404 instead of 101"),
        (answer(200), HandshakeFault.STATUS, "200 instead of 101"),
        (answer(version=(1, 0)), HandshakeFault.VERSION, "101 but by HTTP/1.0"),
        (answer(upgrade=None), HandshakeFault.UPGRADE, "101 but no Upgrade: websocket"),
        (answer(upgrade="h2c"), HandshakeFault.UPGRADE, "101 but no Upgrade: websocket"),
        (answer(connection="keep-alive"), HandshakeFault.UPGRADE, "101 but no Connection: Upgrade"),
        (answer(sec_websocket_accept=None), HandshakeFault.ACCEPT, "101 but no Sec-WebSocket-Accept"),
        (answer(sec_websocket_accept=KEY), HandshakeFault.ACCEPT, "101 but wrong Sec-WebSocket-Accept"),
        (
            answer(sec_websocket_accept=ACCEPT.lower()),
            HandshakeFault.ACCEPT,
            "101 but wrong Sec-WebSocket-Accept",
        ),
        (
            answer(sec_websocket_extensions="permessage-deflate"),
            HandshakeFault.EXTENSION,
            "101 but an extension that nobody asked for: permessage-deflate",
        ),
        (
            answer(sec_websocket_protocol="VITE-HMR"),
            HandshakeFault.SUBPROTOCOL,
            "101 but a subprotocol that nobody asked for: VITE-HMR",
        ),
        (
            answer(sec_websocket_protocol="vite-hmr, other"),
            HandshakeFault.SUBPROTOCOL,
            "101 but a subprotocol that nobody asked for: vite-hmr, other",
        ),
    ],
)
def test_a_wrong_answer_is_told_by_its_fault(head: Head, fault: HandshakeFault, words: str) -> None:
    assert fault_of(head) == (fault, words)


def test_an_accept_that_comes_twice_is_wrong() -> None:
    twice = Head((1, 1), 101, "", (*answer().headers, ("sec-websocket-accept", ACCEPT)))
    assert fault_of(twice)[0] is HandshakeFault.ACCEPT


def test_an_origin_with_a_line_break_never_becomes_a_header() -> None:
    with pytest.raises(ValueError, match="line break"):
        Handshake("h", "/", KEY, origin="http://x\r\nEvil: 1").request()


def test_a_python_without_a_sha1_of_its_own_answers_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    own = accept_for(KEY)
    monkeypatch.setitem(sys.modules, "_sha1", None)
    assert accept_for(KEY) == own == ACCEPT
