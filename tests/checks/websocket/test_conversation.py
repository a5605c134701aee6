"""A WebSocket conversation with servers that go wrong at every step of it."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from devstack.checks.websocket.advice import advice_for
from devstack.checks.websocket.conversation import WebSocketWish, check_websocket, excerpt
from devstack.core.websocket_frames import Opcode, close_payload, encode_frame
from devstack.core.websocket_report import WebSocketReport
from devstack.core.websocket_url import parse_websocket_url
from tests.raw_servers import (
    Handler,
    free_port,
    hanging,
    request_of,
    response,
    saying,
    serving,
    switching,
    upgrading,
)

HELLO = encode_frame(Opcode.TEXT, b'{"type":"hello"}')


def wish_for(
    port: int, path: str = "/api/ws", scheme: str = "ws", host: str = "localhost", **wishes: Any
) -> WebSocketWish:
    return WebSocketWish(parse_websocket_url(f"{scheme}://{host}:{port}{path}"), **wishes)


def report_of(handler: Handler, host: str = "127.0.0.1", **wishes: Any) -> WebSocketReport:
    """Return the report of a conversation with a raw server."""

    async def run() -> WebSocketReport:
        async with serving(handler, host) as port:
            return await check_websocket(wish_for(port, **wishes))

    return asyncio.run(run())


def report_of_library(
    handler: Callable[[ServerConnection], Awaitable[None]], settings: dict[str, Any], **wishes: Any
) -> WebSocketReport:
    """Return the report of a conversation with a server of the `websockets` library."""

    async def run() -> WebSocketReport:
        async with serve(handler, "127.0.0.1", 0, **settings) as server:
            return await check_websocket(wish_for(next(iter(server.sockets)).getsockname()[1], **wishes))

    return asyncio.run(run())


def failure(report: WebSocketReport) -> tuple[str, str, str]:
    """Return the step that failed, its words, and all that is to be done."""
    assert not report.ok
    assert report.failed_step is report.steps[-1]
    return report.failed_step.name, report.failed_step.detail, " ".join(report.advice)


async def greet(connection: ServerConnection) -> None:
    await connection.send('{"type":"connected"}')
    await connection.wait_closed()


async def silent(connection: ServerConnection) -> None:
    await connection.wait_closed()


class TestWhatWorks:
    def test_every_step_is_told_with_its_time(self) -> None:
        report = report_of_library(greet, {"subprotocols": ["vite-hmr"]}, subprotocols=("vite-hmr",))
        assert report.ok
        assert [step.name for step in report.steps] == [
            "tcp",
            "upgrade",
            "subprotocol",
            "first message",
            "ping",
            "close",
        ]
        assert (report.subprotocol, report.first_message) == ("vite-hmr", '{"type":"connected"}')
        assert report.close_code == 1000
        assert report.ping_ms is not None
        assert all(step.ms >= 0 for step in report.steps)
        assert not report.advice

    def test_a_server_that_waits_for_its_client_is_well(self) -> None:
        report = report_of_library(silent, {})
        assert report.ok
        assert report.first_message is None

    def test_a_binary_first_message_is_quoted(self) -> None:
        binary = encode_frame(Opcode.BINARY, b"\x00\xff")
        report = report_of(upgrading(binary), within=0.3)
        assert report.first_message == "\x00\ufffd"

    def test_a_long_first_message_is_whole_for_a_script_and_cut_for_a_person(self) -> None:
        long = encode_frame(Opcode.TEXT, b"x" * 5000)
        report = report_of(upgrading(long), within=0.3)
        assert report.first_message == "x" * 5000
        assert report.steps[2].detail == "x" * 200 + "…"

    def test_a_server_on_the_other_family_alone_is_found(self) -> None:
        if not Path("/proc/net/if_inet6").exists():
            pytest.skip("no IPv6 here")
        report = report_of(upgrading(HELLO), "::1", within=0.3)
        assert report.steps[0].detail.startswith("[::1]:")


class TestWhereItGoesWrong:
    def test_nobody_listens(self) -> None:
        port = free_port()
        step, detail, advice = failure(asyncio.run(check_websocket(wish_for(port))))
        assert (step, detail) == ("tcp", "connection refused")
        assert f"Nobody listens on port {port}" in advice
        assert "check-ports" in advice

    def test_a_name_that_is_none(self) -> None:
        wish = WebSocketWish(parse_websocket_url("ws://nobody.invalid/"))
        step, _, advice = failure(asyncio.run(check_websocket(wish)))
        assert step == "tcp"
        assert "nobody.invalid" in advice

    @pytest.mark.parametrize(
        ("answer", "detail", "advice"),
        [
            (response(404, b"no such page"), "404 instead of 101: no such page", "check the path"),
            (
                response(200, b"<html>", "Content-Type: text/html\r\n"),
                "200 instead of 101, with an HTML page",
                "A plain web server answers",
            ),
            (response(403, b"bad origin"), "403 instead of 101: bad origin", "try --origin"),
            (response(403, more="Server: AirTunes/1.0\r\n"), "403 instead of 101", "AirPlay"),
            (response(400, b"no token"), "400 instead of 101: no token", "vite-hmr"),
            (
                response(400, b"The plain HTTP request was sent to HTTPS port"),
                "400 instead of 101: The plain HTTP request was sent to HTTPS port",
                "try wss://localhost",
            ),
            (
                response(426, more="Sec-WebSocket-Version: 8\r\n"),
                "426 instead of 101",
                "version: 8",
            ),
            (response(401), "401 instead of 101", "credentials"),
            (response(429), "429 instead of 101", "limit"),
            (response(502), "502 instead of 101", "A proxy answers"),
            (response(500), "500 instead of 101", "devstack logs"),
            (response(301, more="Location: /ws\r\n"), "301 instead of 101", "redirects to /ws"),
            (b"", "closed the connection without an answer", "may speak TLS: try wss://"),
            (b"\x15\x03\x01\x00\x02\x02F", "the answer is not HTTP: ", "speaks TLS: try wss://"),
            (
                b"SSH-2.0-OpenSSH\r\n",
                "the answer is not HTTP: 'SSH-2.0",
                "Something else than a web server",
            ),
        ],
    )
    def test_a_refusal_is_told_with_what_to_do(self, answer: bytes, detail: str, advice: str) -> None:
        step, said, what_to_do = failure(report_of(saying(answer)))
        assert step == "upgrade"
        assert said.startswith(detail)
        assert advice in what_to_do

    @pytest.mark.parametrize(
        ("handler", "detail", "advice"),
        [
            (upgrading(accept="AAAA"), "101 but wrong Sec-WebSocket-Accept", "not made for this request"),
            (
                upgrading(more="Sec-WebSocket-Extensions: permessage-deflate\r\n"),
                "101 but an extension",
                "breaks RFC 6455",
            ),
            (
                upgrading(more="Sec-WebSocket-Protocol: other\r\n"),
                "101 but a subprotocol that nobody asked for: other",
                "--subprotocol",
            ),
        ],
    )
    def test_an_upgrade_that_is_none_is_told(self, handler: Handler, detail: str, advice: str) -> None:
        step, said, what_to_do = failure(report_of(handler))
        assert step == "upgrade"
        assert said.startswith(detail)
        assert advice in what_to_do

    def test_a_proxy_that_hangs(self) -> None:
        step, detail, advice = failure(report_of(hanging, within=0.2))
        assert (step, detail) == ("upgrade", "no answer within 0.2 s")
        assert "ws: true" in advice
        assert "/api/ws" in advice

    def test_an_origin_that_is_refused(self) -> None:
        step, detail, advice = failure(
            report_of_library(silent, {"origins": ["http://localhost:3000"]}, origin="http://evil.example")
        )
        assert step == "upgrade"
        assert detail.startswith("403 instead of 101")
        assert "refuses the Origin http://evil.example" in advice

    def test_a_path_without_a_websocket_on_uvicorn(self) -> None:
        step, detail, advice = failure(asyncio.run(asked_of_uvicorn()))
        assert step == "upgrade"
        assert detail.startswith("403 instead of 101")
        assert "Or nothing is at /elsewhere: uvicorn answers 403" in advice

    def test_no_subprotocol_of_those_offered(self) -> None:
        step, detail, advice = failure(report_of(upgrading(), subprotocols=("vite-hmr",)))
        assert (step, detail) == ("subprotocol", "the server chose none of vite-hmr")
        assert "--subprotocol" in advice

    def test_a_subprotocol_that_the_server_does_not_know(self) -> None:
        report = report_of(saying(response(400)), subprotocols=("nope",), origin="http://localhost:3000")
        step, _, advice = failure(report)
        assert step == "upgrade"
        assert "may not know the subprotocol nope" in advice
        assert "token" in advice

    def test_a_server_that_ends_at_once_and_normally(self) -> None:
        done = encode_frame(Opcode.CLOSE, close_payload(1000))
        step, detail, advice = failure(report_of(upgrading(done)))
        assert (step, detail) == ("first message", "closed by the other end with 1000")
        assert "vite-ping" in advice

    def test_nobody_listens_on_another_machine(self) -> None:
        error = ConnectionRefusedError()
        (advice,) = advice_for(parse_websocket_url("ws://other.example:81/"), "tcp", error)
        assert "port 81 of other.example" in advice

    def test_a_server_that_closes_at_once_says_why(self) -> None:
        full = encode_frame(Opcode.CLOSE, close_payload(1013, "too many clients"))
        report = report_of(upgrading(full))
        step, detail, advice = failure(report)
        assert (step, detail) == ("first message", "closed by the other end with 1013 (too many clients)")
        assert "full" in advice
        assert report.close_code == 1013

    def test_a_first_message_that_is_not_the_wanted_one(self) -> None:
        step, detail, _ = failure(report_of(upgrading(HELLO), first_message="snapshot"))
        assert (step, detail) == ("first message", 'no \'snapshot\' in {"type":"hello"}')

    def test_a_message_that_is_too_long_for_the_check_is_no_broken_rule(self) -> None:
        announced = b"\x82\x7f" + (1 << 30).to_bytes(8, "big")
        step, _, advice = failure(report_of(upgrading(announced)))
        assert step == "first message"
        assert "a browser may" in advice

    def test_a_reset_instead_of_an_answer(self) -> None:
        async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await request_of(reader)
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            writer.transport.abort()

        step, detail, advice = failure(report_of(reset))
        assert (step, detail) == ("upgrade", "connection reset")
        assert "may speak TLS" in advice

    def test_a_server_that_breaks_the_protocol(self) -> None:
        step, detail, advice = failure(report_of(upgrading(b"\x81\x85abcdhello")))
        assert (step, detail) == ("first message", "a frame is masked")
        assert "RFC 6455" in advice

    def test_no_pong(self) -> None:
        step, detail, advice = failure(report_of(upgrading(HELLO), within=0.2))
        assert (step, detail) == ("ping", "no answer within 0.2 s")
        assert "hangs after the handshake" in advice

    def test_a_connection_dropped_instead_of_closed(self) -> None:
        async def drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(switching(await request_of(reader)) + HELLO)
            ping = await reader.readexactly(10)
            payload = bytes(byte ^ ping[2 + at % 4] for at, byte in enumerate(ping[6:]))
            writer.write(encode_frame(Opcode.PONG, payload))
            await reader.readexactly(8)

        step, detail, _ = failure(report_of(drop))
        assert (step, detail) == ("close", "ended without a Close")


async def asked_of_uvicorn() -> WebSocketReport:
    """Ask a FastAPI application for a WebSocket at a path where it has none."""
    import uvicorn
    from fastapi import FastAPI

    class Quiet(uvicorn.Server):
        def capture_signals(self) -> Any:
            from contextlib import nullcontext

            return nullcontext()

    server = Quiet(uvicorn.Config(FastAPI(), port=0, log_level="critical", lifespan="off"))
    running = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        return await check_websocket(wish_for(port, "/elsewhere"))
    finally:
        server.should_exit = True
        await running


needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost that it has signed itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-x509", "-days", "2"]
    command = ["openssl", "req", *kind, *subject, "-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)
    return cert, key


@needs_openssl
class TestTls:
    def report(self, certificate: tuple[Path, Path], scheme: str) -> WebSocketReport:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        return report_of_library(greet, {"ssl": context}, scheme=scheme)

    def test_a_trusted_certificate_is_a_step_of_its_own(
        self, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        report = self.report(certificate, "wss")
        assert report.ok
        assert [step.name for step in report.steps][:3] == ["tcp", "tls", "upgrade"]
        assert report.url.startswith("wss://")

    def test_a_certificate_that_nobody_vouches_for(
        self, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
        step, detail, advice = failure(self.report(certificate, "wss"))
        assert step == "tls"
        assert detail.startswith("its certificate is not trusted: self")
        assert "SSL_CERT_FILE" in advice

    def test_a_certificate_of_another_name(
        self, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        step, _, advice = failure(report_of_library(greet, {"ssl": context}, scheme="wss", host="127.0.0.1"))
        assert step == "tls"
        assert "for another name than 127.0.0.1" in advice

    def test_a_tls_port_asked_without_tls(self, certificate: tuple[Path, Path]) -> None:
        step, _, advice = failure(self.report(certificate, "ws"))
        assert step == "upgrade"
        assert "try wss://localhost" in advice


def test_a_plain_port_asked_with_tls() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(response(400))
        await writer.drain()

    step, _, advice = failure(report_of(refuse, scheme="wss"))
    assert step == "tls"
    assert "speaks no TLS: try ws://localhost" in advice


def test_what_a_stranger_says_is_quoted_on_one_line_and_cut() -> None:
    assert excerpt("one\n\ttwo") == "one two"
    assert excerpt(b"\xff" * 1000) == "\ufffd" * 200 + "…"
    assert excerpt("") == ""
