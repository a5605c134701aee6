"""Asking every claim of a running stack."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest

from devstack.checks.smoke import probe_claims
from devstack.core.check_result import CheckResult
from devstack.core.ports import PortClaim, Protocol
from devstack.core.service import ProbeKind, ReadinessProbe, Service
from devstack.core.stack import Stack
from devstack.core.websocket_frames import Opcode, encode_frame
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


def stack_of(*services: Service) -> Stack:
    return Stack("/project", "dev", "Procfile.dev", services)


def service(port: int, protocol: Protocol, name: str = "web", **wishes: Any) -> Service:
    probes = wishes.pop("probes", ())
    claim = PortClaim(name, port, protocol=protocol, **wishes)
    return Service(name, "true", "/project", claims=(claim,), probes=probes)


def results_of(
    handler: Handler, protocol: Protocol, host: str = "127.0.0.1", **wishes: Any
) -> tuple[CheckResult, ...]:
    async def run() -> tuple[CheckResult, ...]:
        async with serving(handler, host) as port:
            probes = tuple(probe(port) for probe in wishes.pop("probes", ()))
            return await probe_claims(stack_of(service(port, protocol, probes=probes, **wishes)))

    return asyncio.run(run())


def result_of(handler: Handler, protocol: Protocol, **wishes: Any) -> CheckResult:
    (result,) = results_of(handler, protocol, **wishes)
    return result


async def both(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve a page, and a WebSocket at /api/ws, on one port."""
    request = await request_of(reader)
    if request["path"] != "/api/ws":
        writer.write(response(200, b"<html>", "Content-Type: text/html\r\n"))
        await reader.read()
        return
    writer.write(switching(request) + encode_frame(Opcode.TEXT, b'{"type":"hello"}'))
    ping = await reader.readexactly(10)
    writer.write(encode_frame(Opcode.PONG, bytes(byte ^ ping[2 + at] for at, byte in enumerate(ping[6:]))))
    writer.write(encode_frame(Opcode.CLOSE, b"\x03\xe8"))
    await reader.read()


class TestHttp:
    def test_status_type_and_length_are_told(self) -> None:
        page = saying(response(200, b"<html>", "Content-Type: text/html; charset=utf-8\r\n"))
        result = result_of(page, Protocol.HTTP)
        assert result.ok
        assert result.classname == "devstack.dev.web"
        assert result.name.startswith("http http://localhost:")
        assert result.detail == "200, text/html; charset=utf-8, 6 bytes"

    def test_an_answer_below_500_counts_and_one_above_does_not(self) -> None:
        assert result_of(saying(response(404)), Protocol.HTTP).ok
        failed = result_of(saying(response(503, b"no")), Protocol.HTTP)
        assert (failed.ok, failed.detail) == (
            False,
            "503, no content type, 2 bytes: expected a status below 500",
        )

    def test_what_the_probe_demands_is_demanded(self) -> None:
        def health(port: int) -> ReadinessProbe:
            return ReadinessProbe(ProbeKind.HTTP, port, "/api/health", status=(200,), body="ok")

        assert result_of(saying(response(200, b"all ok")), Protocol.HTTP, probes=[health]).ok
        named = result_of(saying(response(204)), Protocol.HTTP, probes=[health])
        assert named.name.endswith("/api/health")
        assert named.detail.endswith("expected 200")
        wrong = result_of(saying(response(200, b"starting")), Protocol.HTTP, probes=[health])
        assert wrong.detail.endswith("no 'ok' in the body")

    def test_a_body_cut_short_is_a_failure(self) -> None:
        cut = result_of(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"), Protocol.HTTP)
        assert not cut.ok
        assert cut.detail.endswith("3 bytes and no end: the connection ended within the body")

    def test_what_is_no_answer_is_told(self) -> None:
        assert result_of(saying(b"hello"), Protocol.HTTP).detail == "the answer is not HTTP"
        assert result_of(saying(b""), Protocol.HTTP).detail == "closed the connection without an answer"


class TestWebSocket:
    def test_the_conversation_is_told(self) -> None:
        result = result_of(both, Protocol.WS, path="/api/ws")
        assert result.ok
        assert result.detail == (
            'upgrade: 101 at /api/ws; first message: {"type":"hello"}; ping: pong; close: answered with 1000'
        )

    def test_where_it_went_wrong_is_told_with_what_to_do(self) -> None:
        result = result_of(saying(response(404)), Protocol.WS, path="/api/ws")
        assert not result.ok
        assert result.detail.splitlines()[0] == "upgrade: 404 instead of 101"
        assert len(result.detail.splitlines()) > 1

    def test_the_subprotocol_of_the_claim_is_asked_for(self) -> None:
        result = result_of(upgrading(), Protocol.WS, subprotocol="vite-hmr")
        assert result.detail.startswith("subprotocol: the server chose none of vite-hmr")

    def test_a_first_message_that_the_probe_wants_is_wanted(self) -> None:
        def snapshot(port: int) -> ReadinessProbe:
            return ReadinessProbe(ProbeKind.WS, port, "/api/ws", first_message="snapshot")

        result = result_of(both, Protocol.WS, path="/api/ws", probes=[snapshot])
        assert result.detail.startswith("first message: no 'snapshot' in")


def test_one_port_for_page_and_socket_is_asked_for_both() -> None:
    page, websocket = results_of(both, Protocol.HTTP, path="/api/ws", also_ws=True)
    assert (page.ok, websocket.ok) == (True, True)
    assert websocket.name.startswith("websocket ws://localhost:")


@pytest.mark.skipif(not os.path.exists("/proc/net/if_inet6"), reason="no IPv6 here")
@pytest.mark.parametrize("protocol", [Protocol.TCP, Protocol.HTTP])
def test_a_service_on_ipv6_alone_is_found(protocol: Protocol) -> None:
    assert result_of(saying(response(200)), protocol, host="::1").ok


def test_a_plain_port_is_asked_for_a_connection() -> None:
    assert result_of(hanging, Protocol.TCP).detail == "accepts connections"


def test_nobody_is_a_failure_of_every_claim() -> None:
    services = [service(free_port(), protocol, str(protocol)) for protocol in Protocol]
    results = asyncio.run(probe_claims(stack_of(*services)))
    assert [result.ok for result in results] == [False, False, False]
    assert all("connection refused" in result.detail for result in results)


def test_the_claims_are_asked_at_once() -> None:
    async def run() -> tuple[CheckResult, ...]:
        everybody = asyncio.Barrier(10)

        async def answer_together(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await request_of(reader)
            await everybody.wait()
            writer.write(response(200))
            await reader.read()

        async with serving(answer_together) as port:
            return await probe_claims(stack_of(*(service(port, Protocol.HTTP) for _ in range(10))))

    assert all(result.ok for result in asyncio.run(run()))
