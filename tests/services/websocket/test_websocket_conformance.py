"""RFC 6455 by raw sockets, against the trading socket as it runs."""

from __future__ import annotations

import contextlib
import random
import signal
import sys
from collections.abc import Iterator

import pytest

from tests.services.raw_socket import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    RawSocket,
    client_frame,
    upgrade_request,
)
from tests.services.running import Running, serving
from tests.stack import pause

PING_MESSAGE = b'{"type":"ping","id":1}'


@pytest.fixture(scope="module")
def trading() -> Iterator[Running]:
    with serving("trading") as running:
        yield running


@pytest.fixture
def client(trading: Running) -> Iterator[RawSocket]:
    with RawSocket(trading.port) as raw:
        raw.shake_hands()
        assert raw.frame().json["type"] == "hello"
        yield raw


def refused(trading: Running, request: bytes) -> tuple[str, bytes]:
    with RawSocket(trading.port) as raw:
        raw.send(request)
        return raw.read_head(), raw.read_rest()


def test_the_accept_value_is_the_one_of_the_rfc(trading: Running) -> None:
    with RawSocket(trading.port) as raw:
        head = raw.shake_hands()
    assert "\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in f"{head}\r\n"


def test_a_frame_in_the_packet_of_the_handshake_is_not_lost(trading: Running) -> None:
    with RawSocket(trading.port) as raw:
        raw.shake_hands(also=client_frame(TEXT, PING_MESSAGE))
        assert raw.frame().json["type"] == "hello"
        assert raw.frame().json == {"type": "pong", "id": 1}


def test_a_handshake_may_come_byte_by_byte(trading: Running) -> None:
    with RawSocket(trading.port) as raw:
        for byte in upgrade_request(trading.port):
            raw.send(bytes((byte,)))
        assert raw.read_head().startswith("HTTP/1.1 101 ")


def test_header_names_and_the_upgrade_token_are_read_in_any_case(trading: Running) -> None:
    with RawSocket(trading.port) as raw:
        raw.shake_hands(Connection="keep-alive, UPGRADE", Upgrade="WebSocket")


@pytest.mark.parametrize("version", ["12", "8", "0", "14", "x", "13, 8"])
def test_another_version_gets_426_and_the_version_that_is_spoken(trading: Running, version: str) -> None:
    head, body = refused(trading, upgrade_request(trading.port, Sec_WebSocket_Version=version))
    assert head.startswith("HTTP/1.1 426 ")
    assert "\r\nsec-websocket-version: 13\r\n" in f"{head.lower()}\r\n"
    assert b'"status":426' in body


@pytest.mark.parametrize("key", ["test", "", "dGVzdA==", "dGhlIHNhbXBsZSBub25jZQ", "!" * 24, None])
def test_a_bad_key_gets_400(trading: Running, key: str | None) -> None:
    head, body = refused(trading, upgrade_request(trading.port, Sec_WebSocket_Key=key))
    assert head.startswith("HTTP/1.1 400 ")
    assert b"Sec-WebSocket-Key" in body


@pytest.mark.parametrize("missing", ["Upgrade", "Connection"])
def test_a_request_without_an_upgrade_gets_426(trading: Running, missing: str) -> None:
    request = upgrade_request(trading.port, **{missing: None, "Accept": "*/*"})
    with RawSocket(trading.port) as raw:
        raw.send(request)
        head = raw.read_head().lower()
    assert head.startswith("http/1.1 426 ")
    assert "upgrade: websocket" in head
    assert "sec-websocket-version: 13" in head


def test_only_get_opens_a_websocket(trading: Running) -> None:
    request = upgrade_request(trading.port).replace(b"GET ", b"POST ", 1)
    head, _ = refused(trading, request)
    assert head.startswith("HTTP/1.1 405 ")
    assert "allow: get" in head.lower()


def test_http_1_0_cannot_open_a_websocket(trading: Running) -> None:
    head, _ = refused(trading, upgrade_request(trading.port).replace(b"HTTP/1.1", b"HTTP/1.0", 1))
    assert head.startswith("HTTP/1.1 4")


@pytest.mark.parametrize("hosts", [[], ["127.0.0.1", "127.0.0.1"]])
def test_a_handshake_needs_exactly_one_host(trading: Running, hosts: list[str]) -> None:
    lines = "".join(f"Host: {host}\r\n" for host in hosts).encode()
    request = upgrade_request(trading.port, Host=None).replace(b"\r\n", b"\r\n" + lines, 1)
    head, _ = refused(trading, request)
    assert head.startswith("HTTP/1.1 400 ")


def test_a_foreign_origin_and_a_foreign_host_are_refused(trading: Running) -> None:
    for header, value in (("Origin", "http://evil.example"), ("Host", "evil.example"), ("Origin", "null")):
        head, _ = refused(trading, upgrade_request(trading.port, **{header: value}))
        assert head.startswith("HTTP/1.1 403 "), (header, value)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_the_frontends_page_may_connect_by_every_loopback_name(trading: Running, host: str) -> None:
    with RawSocket(trading.port) as raw:
        raw.shake_hands(Origin=f"http://{host}:3000")


def test_another_path_is_404(trading: Running) -> None:
    head, _ = refused(trading, upgrade_request(trading.port, path="/api/other"))
    assert head.startswith("HTTP/1.1 404 ")


BROKEN_FRAMES = {
    "an unmasked frame": (client_frame(TEXT, b"{}", masked=False), 1002),
    "reserved bit 1": (client_frame(TEXT, b"{}", reserved=4), 1002),
    "reserved bit 2": (client_frame(TEXT, b"{}", reserved=2), 1002),
    "reserved bit 3": (client_frame(PING, b"", reserved=1), 1002),
    "reserved opcode 3": (client_frame(3), 1002),
    "reserved opcode 11": (client_frame(11), 1002),
    "a fragmented ping": (client_frame(PING, b"x", final=False), 1002),
    "a fragmented close": (client_frame(CLOSE, b"", final=False), 1002),
    "a ping of 126 bytes": (client_frame(PING, b"x" * 126), 1002),
    "a close of 126 bytes": (client_frame(CLOSE, b"\x03\xe8" + b"x" * 124), 1002),
    "a close of one byte": (client_frame(CLOSE, b"\x03"), 1002),
    "a close with a bad reason": (client_frame(CLOSE, b"\x03\xe8\xff\xfe"), 1007),
    "a continuation of nothing": (client_frame(0, b"x"), 1002),
    "a message inside another": (client_frame(TEXT, b"a", final=False) + client_frame(TEXT, b"b"), 1002),
    "bad UTF-8": (client_frame(TEXT, b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80"), 1007),
    "bad UTF-8 over frames": (
        client_frame(TEXT, b"\xce", final=False)
        + client_frame(0, b"\xba\xe1", final=False)
        + client_frame(0, b"\xff"),
        1007,
    ),
    "UTF-8 that stops in a character": (
        client_frame(TEXT, b"\xce\xba", final=False) + client_frame(0, b"\xe1\xbd"),
        1007,
    ),
    "a length of 64 bits with the highest set": (b"\x81\xff" + b"\x80" + b"\0" * 7 + b"\0" * 4, 1002),
    "a length written too long": (b"\x81\xfe\x00\x05" + b"\0" * 4 + b"hello", 1002),
    "a message too big": (client_frame(TEXT, b"x" * 16385), 1009),
    "a message announced too big": (b"\x81\xff" + (1 << 40).to_bytes(8, "big"), 1009),
    "a message too big over frames": (
        client_frame(TEXT, b"x" * 16000, final=False) + client_frame(0, b"x" * 400),
        1009,
    ),
}


@pytest.mark.parametrize("name", BROKEN_FRAMES)
def test_broken_frames_close_with_the_rfcs_code(client: RawSocket, name: str) -> None:
    frames, code = BROKEN_FRAMES[name]
    client.send(frames)
    assert client.close_frame().close_code == code
    assert client.ends()


def test_bad_utf8_is_refused_before_the_message_is_complete(client: RawSocket) -> None:
    client.send(client_frame(TEXT, b"\xff", final=False))
    assert client.close_frame().close_code == 1007


def test_the_close_frame_is_not_lost_when_the_client_goes_on_sending(client: RawSocket) -> None:
    client.send(client_frame(TEXT, b"{}", masked=False) + b"\x81\x80\0\0\0\0" * 5000)
    assert client.close_frame().close_code == 1002
    assert client.ends()


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1007, 1011, 1012, 1013, 1014, 3000, 4999])
def test_a_sound_close_is_answered_alike(client: RawSocket, code: int) -> None:
    client.send(client_frame(CLOSE, code.to_bytes(2, "big") + "bye ✓".encode()))
    assert client.close_frame().close_code == code
    assert client.ends()


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535])
def test_a_code_that_may_not_be_sent_is_a_protocol_error(client: RawSocket, code: int) -> None:
    client.send(client_frame(CLOSE, code.to_bytes(2, "big")))
    assert client.close_frame().close_code == 1002
    assert client.ends()


def test_an_empty_close_is_answered_by_an_empty_one(client: RawSocket) -> None:
    client.send(client_frame(CLOSE))
    assert client.close_frame().payload == b""
    assert client.ends()


def test_after_a_close_nothing_more_is_carried_out(client: RawSocket) -> None:
    client.send(client_frame(CLOSE, b"\x03\xe8") + client_frame(TEXT, PING_MESSAGE))
    assert client.frame().close_code == 1000
    assert client.ends()


def test_a_ping_is_answered_with_its_payload_even_inside_a_message(client: RawSocket) -> None:
    start, middle, end = PING_MESSAGE[:5], PING_MESSAGE[5:9], PING_MESSAGE[9:]
    client.send(
        client_frame(TEXT, start, final=False)
        + client_frame(PING, b"p" * 125)
        + client_frame(0, middle, final=False)
        + client_frame(0, b"", final=False)
        + client_frame(0, end)
    )
    pong = client.frame()
    assert (pong.opcode, pong.payload) == (PONG, b"p" * 125)
    assert client.frame().json == {"type": "pong", "id": 1}


def test_a_pong_that_nobody_asked_for_is_ignored(client: RawSocket) -> None:
    client.send(client_frame(PONG, b"hm") + client_frame(TEXT, PING_MESSAGE))
    assert client.frame().json == {"type": "pong", "id": 1}


def test_frames_may_come_byte_by_byte(client: RawSocket) -> None:
    for byte in client_frame(TEXT, PING_MESSAGE):
        client.send(bytes((byte,)))
    assert client.frame().json == {"type": "pong", "id": 1}


def test_a_character_may_be_split_over_frames(client: RawSocket) -> None:
    message = '{"type":"ping","id":"κόσμε"}'.encode()
    for cut in range(1, len(message)):
        client.send(client_frame(TEXT, message[:cut], final=False) + client_frame(0, message[cut:]))
        if cut % 20 == 0:  # stay below the limit of messages
            assert client.frame().json["id"] == "κόσμε"


def test_a_binary_message_is_answered_with_an_error_and_the_socket_stays_open(client: RawSocket) -> None:
    client.send(client_frame(BINARY, b"\x00\x01") + client_frame(TEXT, PING_MESSAGE))
    assert client.frame().json["code"] == "not_text"
    assert client.frame().json["type"] == "pong"


def test_a_peer_that_does_not_answer_pings_is_given_up() -> None:
    with serving("trading", limits={"heartbeat_s": 0.2}) as trading, RawSocket(trading.port) as raw:
        raw.shake_hands()
        raw.say(type="subscribe", channel="book", symbols=["XAU-USD"])
        assert count_pings_until_the_end(raw) >= 2


def count_pings_until_the_end(raw: RawSocket) -> int:
    pings = 0
    try:
        while True:
            pings += raw.frame().opcode == PING
    except (EOFError, ConnectionError):
        return pings


@pytest.mark.skipif(sys.platform == "win32", reason="nothing stops a process there")
def test_a_silence_that_was_the_servers_own_is_not_held_against_the_peer() -> None:
    with serving("trading", limits={"heartbeat_s": 2.0}) as trading, RawSocket(trading.port) as raw:
        raw.shake_hands()
        trading.process.send_signal(signal.SIGSTOP)
        pause(6.5)
        trading.process.send_signal(signal.SIGCONT)
        while (frame := raw.frame()).opcode != PING:
            pass
        raw.send(client_frame(PONG, frame.payload) + client_frame(TEXT, PING_MESSAGE))
        assert raw.message("pong")["id"] == 1


def test_a_peer_that_answers_pings_stays() -> None:
    with serving("trading", limits={"heartbeat_s": 0.5}) as trading, RawSocket(trading.port) as raw:
        raw.shake_hands()
        pings = 0
        while pings < 5:
            frame = raw.frame()
            if frame.opcode == PING:
                pings += 1
                raw.send(client_frame(PONG, frame.payload))
        raw.say(type="ping", id="still here")
        assert raw.message("pong")["id"] == "still here"


@pytest.mark.parametrize("seed", range(8))
def test_whatever_bytes_come_the_service_lives_and_writes_no_traceback(trading: Running, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(20):
        with RawSocket(trading.port) as raw:
            raw.shake_hands()
            noise = bytearray(chance.randbytes(chance.randrange(1, 400)))
            for place in range(0, len(noise) - 1, 40):  # often a sound beginning of a frame
                noise[place : place + 2] = bytes((chance.choice((0x81, 0x01, 0x80, 0x89, 0x88)), 0x84))
            with contextlib.suppress(ConnectionError):
                raw.send(bytes(noise))
    with RawSocket(trading.port) as raw:
        raw.shake_hands()
        raw.say(type="ping", id=seed)
        assert raw.message("pong")["id"] == seed
    assert trading.complaints() == ""
