"""Readiness probes against servers that answer well, badly, or not at all."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from itertools import islice
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve

from devstack.core.service import ProbeKind, ReadinessProbe
from devstack.core.websocket_frames import Opcode, encode_frame
from devstack.supervisor.probes.probes import ProbeAnswer, ask, pauses, until_ready
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

HAS_IPV6 = os.path.exists("/proc/net/if_inet6") or sys.platform != "linux"
PATIENCE = 30.0
"""Seconds that a probe may take where it must not use them, however busy the machine is."""

needs_ipv6 = pytest.mark.skipif(not HAS_IPV6, reason="no IPv6 here")


def tcp(port: int) -> ReadinessProbe:
    return ReadinessProbe(ProbeKind.TCP, port)


def http(port: int, path: str = "/", **wishes: object) -> ReadinessProbe:
    return ReadinessProbe(ProbeKind.HTTP, port, path, **wishes)  # type: ignore[arg-type]


def ws(port: int, path: str = "/api/ws", **wishes: object) -> ReadinessProbe:
    return ReadinessProbe(ProbeKind.WS, port, path, **wishes)  # type: ignore[arg-type]


def answer_of(
    handler: Handler, probe: Callable[[int], ReadinessProbe], host: str = "127.0.0.1", within: float = 2.0
) -> ProbeAnswer:
    """Return what the probe says of a server that has only `handler`; nothing may be left open."""

    async def run() -> ProbeAnswer:
        async with serving(handler, host) as port:
            return await ask(probe(port), within=within)

    return asyncio.run(run())


def open_files() -> set[str]:
    """Return what every file descriptor of this process is."""
    links = set()
    for fd in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):
            links.add(os.readlink(f"/proc/self/fd/{fd}"))
    return links


class TestTcp:
    def test_a_listener_is_ready(self) -> None:
        assert answer_of(hanging, tcp) == ProbeAnswer(True, "accepts connections")

    @needs_ipv6
    def test_a_listener_on_the_other_family_alone_is_ready(self) -> None:
        assert answer_of(hanging, tcp, "::1").ok

    def test_nobody_is_a_refusal_that_is_said(self) -> None:
        assert asyncio.run(ask(tcp(free_port()))) == ProbeAnswer(False, "connection refused")


class TestHttp:
    @pytest.mark.parametrize("status", [200, 204, 301, 404, 499])
    def test_any_status_below_500_is_ready(self, status: int) -> None:
        answer = answer_of(saying(response(status)), http)
        assert answer == ProbeAnswer(True, f"HTTP {status}")

    @pytest.mark.parametrize("status", [500, 502, 503])
    def test_a_status_from_500_on_is_not(self, status: int) -> None:
        assert answer_of(saying(response(status)), http) == ProbeAnswer(False, f"HTTP {status}")

    def test_the_statuses_that_count_can_be_chosen(self) -> None:
        def wanted(port: int) -> ReadinessProbe:
            return http(port, status=(200, 204))

        assert answer_of(saying(response(204)), wanted).ok
        assert answer_of(saying(response(404)), wanted) == ProbeAnswer(
            False, "HTTP 404 instead of 200 or 204"
        )

    def test_path_and_host_arrive_as_a_browser_would_send_them(self) -> None:
        seen: list[dict[str, str]] = []

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            seen.append(await request_of(reader))
            writer.write(response(200))
            await reader.read()

        assert answer_of(handle, lambda port: http(port, "/api/health?deep=1")).ok
        assert seen[0]["path"] == "/api/health?deep=1"
        assert seen[0]["host"].startswith("localhost:")

    def test_a_redirect_is_an_answer_and_is_not_followed(self) -> None:
        assert (
            answer_of(saying(response(302, more="Location: http://127.0.0.1:1/\r\n")), http).detail
            == "HTTP 302"
        )

    def test_an_interim_answer_is_not_the_answer(self) -> None:
        early = b"HTTP/1.1 103 Early Hints\r\n\r\n"
        assert answer_of(saying(early + response(503)), http).detail == "HTTP 503"

    def test_text_of_the_body_can_be_asked_for(self) -> None:
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nall \r\n4\r\nwell\r\n0\r\n\r\n"
        assert answer_of(saying(chunked), lambda port: http(port, body="all well")).ok
        answer = answer_of(saying(chunked), lambda port: http(port, body="all bad"))
        assert answer == ProbeAnswer(False, "HTTP 200, but no 'all bad' in its body")

    def test_a_body_that_never_ends_delays_nobody(self) -> None:
        async def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await request_of(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: hello\n\n")
            await reader.read()

        began = time.monotonic()
        assert answer_of(stream, http, within=PATIENCE).ok
        assert time.monotonic() - began < PATIENCE / 2

    def test_a_service_that_says_nothing_is_told_so_within_the_time(self) -> None:
        assert answer_of(hanging, http, within=0.1) == ProbeAnswer(False, "no answer within 0.1 s")

    def test_a_head_that_drips_is_bounded_by_the_same_time(self) -> None:
        async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await request_of(reader)
            for byte in b"HTTP/1.1 200 OK\r\nA: " + b"x" * 10_000:
                writer.write(bytes((byte,)))
                await writer.drain()
                await asyncio.sleep(0.01)

        began = time.monotonic()
        assert answer_of(drip, http, within=0.3).detail == "no answer within 0.3 s"
        assert time.monotonic() - began < PATIENCE  # all of it takes 100 s

    def test_ten_megabytes_of_head_are_not_read(self) -> None:
        flood = b"HTTP/1.1 200 OK\r\nA: " + b"x" * 10_000_000
        assert answer_of(saying(flood), http).detail == "the answer's head is longer than 64 KiB"

    def test_what_is_not_http_is_said(self) -> None:
        assert answer_of(saying(b"SSH-2.0-OpenSSH_9.6\r\n"), http).detail == "the answer is not HTTP"

    def test_a_connection_closed_without_a_word_is_said(self) -> None:
        assert answer_of(saying(b""), http).detail == "closed the connection without an answer"
        cut_off = answer_of(saying(b"HTTP/1.1 200 OK\r\nA:"), http)
        assert cut_off.detail == "closed the connection in the middle of its answer"

    def test_a_reset_is_said(self) -> None:
        async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await request_of(reader)
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            writer.transport.abort()

        assert answer_of(reset, http) == ProbeAnswer(False, "connection reset")

    @needs_ipv6
    def test_where_one_family_answers_badly_the_other_is_asked(self) -> None:
        async def run() -> ProbeAnswer:
            async with serving(saying(response(502))) as port, serving(saying(response(200)), "::1", port):
                return await ask(http(port))

        assert asyncio.run(run()).ok

    @needs_ipv6
    def test_where_one_family_hangs_the_other_is_asked_meanwhile(self) -> None:
        async def run() -> ProbeAnswer:
            async with serving(hanging) as port, serving(saying(response(200)), "::1", port):
                return await ask(http(port), within=PATIENCE)

        began = time.monotonic()
        assert asyncio.run(run()).ok
        assert time.monotonic() - began < PATIENCE / 2

    @needs_ipv6
    def test_a_host_that_still_hangs_is_asked_no_more_when_the_other_has_answered(self) -> None:
        async def run() -> list[asyncio.Task[object]]:
            async with serving(hanging) as port, serving(saying(response(200)), "::1", port):
                await ask(http(port))
                return [task for task in asyncio.all_tasks() if "_ask_one" in repr(task)]

        assert asyncio.run(run()) == []

    @needs_ipv6
    def test_what_answered_badly_is_told_before_what_refused(self) -> None:
        assert answer_of(saying(response(502)), http, "::1") == ProbeAnswer(False, "HTTP 502")

    @needs_ipv6
    def test_a_service_on_both_families_is_asked_once(self) -> None:
        asked: list[str] = []

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.append((await request_of(reader))["path"])
            writer.write(response(200))
            await reader.read()

        async def run() -> ProbeAnswer:
            async with serving(handle) as port, serving(handle, "::1", port):
                return await ask(http(port))

        assert asyncio.run(run()).ok
        assert asked == ["/"]


class TestWebSocket:
    def test_an_upgrade_is_ready(self) -> None:
        assert answer_of(upgrading(), ws) == ProbeAnswer(True, "upgrades")

    def test_a_real_server_sees_a_clean_close(self) -> None:
        closed: list[int | None] = []

        async def handle(connection: ServerConnection) -> None:
            await connection.wait_closed()
            closed.append(connection.close_code)

        async def run() -> ProbeAnswer:
            async with serve(handle, "127.0.0.1", 0) as server:
                return await ask(ws(next(iter(server.sockets)).getsockname()[1]))

        assert asyncio.run(run()).ok
        assert closed == [1000]

    @pytest.mark.parametrize(
        ("handler", "detail"),
        [
            (saying(response(404)), "404 instead of 101"),
            (saying(response(200, b"<html>")), "200 instead of 101"),
            (upgrading(accept="bm90IHJpZ2h0IGF0IGFsbC4="), "101 but wrong Sec-WebSocket-Accept"),
            (
                upgrading(more="Sec-WebSocket-Extensions: permessage-deflate\r\n"),
                "101 but an extension that nobody asked for: permessage-deflate",
            ),
            (
                upgrading(more="Sec-WebSocket-Protocol: other\r\n"),
                "101 but a subprotocol that nobody asked for: other",
            ),
            (saying(b"\x15\x03\x01\x00\x02\x02F"), "the answer is not HTTP"),
        ],
    )
    def test_what_is_no_upgrade_is_said(self, handler: Handler, detail: str) -> None:
        assert answer_of(handler, ws) == ProbeAnswer(False, detail)

    def test_a_subprotocol_that_was_asked_for_must_be_selected(self) -> None:
        def vite(port: int) -> ReadinessProbe:
            return ws(port, "/", subprotocol="vite-hmr")

        assert answer_of(upgrading(more="Sec-WebSocket-Protocol: vite-hmr\r\n"), vite).ok
        answer = answer_of(upgrading(), vite)
        assert answer == ProbeAnswer(False, "101 but the subprotocol vite-hmr was not selected")

    def test_a_message_in_the_packet_of_the_handshake_is_heard(self) -> None:
        first = encode_frame(Opcode.TEXT, b'{"type":"snapshot"}')
        assert answer_of(upgrading(first), lambda port: ws(port, first_message="snapshot")).ok

    def test_a_message_that_does_not_come_is_waited_for_and_missed(self) -> None:
        other = encode_frame(Opcode.TEXT, b"hello")
        answer = answer_of(upgrading(other), lambda port: ws(port, first_message="snapshot"), within=0.2)
        assert answer == ProbeAnswer(False, "no answer within 0.2 s")

    def test_a_masked_frame_from_the_server_fails_the_wait_for_a_message(self) -> None:
        masked = encode_frame(Opcode.TEXT, b"snapshot", mask=b"abcd")
        answer = answer_of(upgrading(masked), lambda port: ws(port, first_message="snapshot"))
        assert answer == ProbeAnswer(False, "a frame is masked")

    def test_a_server_that_never_says_goodbye_is_ready_all_the_same(self) -> None:
        began = time.monotonic()
        assert answer_of(upgrading(), ws, within=PATIENCE).ok
        assert time.monotonic() - began < PATIENCE / 2

    def test_a_server_that_floods_does_not_delay_the_goodbye(self) -> None:
        async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(switching(await request_of(reader)))
            while True:
                writer.write(encode_frame(Opcode.TEXT, b"tick") * 1000)
                await writer.drain()

        began = time.monotonic()
        assert answer_of(flood, ws, within=PATIENCE).ok
        assert time.monotonic() - began < PATIENCE / 2


@pytest.mark.parametrize("kind", [ProbeKind.ALIVE, ProbeKind.LOG, ProbeKind.COMMAND])
def test_what_a_network_cannot_answer_is_not_asked(kind: ProbeKind) -> None:
    with pytest.raises(ValueError, match=kind):
        asyncio.run(ask(ReadinessProbe(kind, 1)))


class TestUntilReady:
    def test_it_asks_until_the_service_answers_and_tells_every_answer(self) -> None:
        heard: list[ProbeAnswer] = []

        async def run() -> ProbeAnswer:
            port = free_port()
            waiting = asyncio.create_task(until_ready(http(port), heard=heard.append))
            await until(lambda: len(heard) >= 2)
            async with serving(saying(response(200)), port=port):
                return await waiting

        assert asyncio.run(run()) == ProbeAnswer(True, "HTTP 200")
        assert heard[0] == ProbeAnswer(False, "connection refused")
        assert heard[-1].ok

    def test_a_service_that_always_answers_slowly_gets_the_time_that_it_takes(self) -> None:
        async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await request_of(reader)
            await asyncio.sleep(0.15)
            writer.write(response(200))
            await reader.read()

        heard: list[ProbeAnswer] = []

        async def run() -> ProbeAnswer:
            async with serving(slow) as port, asyncio.timeout(30):
                return await until_ready(http(port), heard=heard.append, within=0.05)

        assert asyncio.run(run()) == ProbeAnswer(True, "HTTP 200")
        assert [answer.detail for answer in heard[:2]] == [
            "no answer within 0.05 s",
            "no answer within 0.1 s",
        ]

    @pytest.mark.parametrize("question", [tcp, http, ws])
    @pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
    def test_cancelled_at_any_await_it_leaves_no_socket_and_no_task(
        self, question: Callable[[int], ReadinessProbe]
    ) -> None:
        async def run() -> None:
            async with serving(upgrading() if question is ws else hanging) as port:
                for turns in range(30):
                    before = open_files()
                    asking = asyncio.create_task(ask(question(port)))
                    for _ in range(turns):
                        await asyncio.sleep(0)
                    asking.cancel()
                    await asyncio.wait([asking])
                    assert not [task for task in asyncio.all_tasks() if "_ask_one" in repr(task)]
                    assert not connections_to(port, open_files() - before)

        asyncio.run(run())

    def test_the_pauses_grow_and_stay_short(self) -> None:
        first = list(islice(pauses(), 12))
        assert first[0] == pytest.approx(0.01)
        assert first[1] == pytest.approx(0.015)
        assert sorted(first) == first
        assert first[-2:] == [0.25, 0.25]

    def test_cancelled_between_two_tries_it_ends(self) -> None:
        async def run() -> None:
            heard: list[ProbeAnswer] = []
            waiting = asyncio.create_task(until_ready(tcp(free_port()), heard=heard.append))
            await until(lambda: len(heard) >= 3)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting

        asyncio.run(run())

    @pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
    def test_two_hundred_at_once_find_their_servers_and_leave_no_socket(self) -> None:
        async def run() -> list[ProbeAnswer]:
            async with many(200, saying(response(200))) as ports:
                before = len(os.listdir("/proc/self/fd"))
                answers = await asyncio.gather(*(until_ready(http(port)) for port in ports))
                await until(lambda: len(os.listdir("/proc/self/fd")) <= before)
                return answers

        assert all(answer.ok for answer in asyncio.run(run()))


def connections_to(port: int, links: set[str]) -> list[str]:
    """Return those sockets among `links` that are a client's connection to `port`."""
    inodes = {link.removeprefix("socket:[").removesuffix("]") for link in links if link.startswith("socket:")}
    found = []
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[9] in inodes and int(fields[2].split(":")[1], 16) == port:
            found.append(line)
    return found


@asynccontextmanager
async def many(count: int, handler: Handler) -> AsyncIterator[list[int]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(serving(handler)) for _ in range(count)]


async def until(condition: Callable[[], bool], deadline: float = 10.0) -> None:
    """Wait until `condition` holds."""
    end = time.monotonic() + deadline
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        await asyncio.sleep(0.002)


def test_the_way_of_a_probe_imports_nothing_heavy() -> None:
    code = (
        "import sys, asyncio; before = set(sys.modules); import devstack.supervisor.probes.probes;"
        "print(*sorted(set(sys.modules) - before))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {
        "http",
        "http.client",
        "urllib",
        "urllib.request",
        "email",
        "hashlib",
        "_hashlib",
        "json",
        "rich",
    }
    assert not heavy & set(loaded.stdout.split())
