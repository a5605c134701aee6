"""The WebSocket client against the `websockets` library and against servers that break the rules."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest
from websockets.asyncio.server import ServerConnection, serve

from devstack.core.handshake import Handshake, HandshakeError, new_key
from devstack.core.websocket import (
    Close,
    ConnectionClosedError,
    Event,
    Pong,
    ProtocolError,
    Receiver,
    WebSocketError,
)
from devstack.core.websocket_frames import CloseCode, Opcode, close_payload, encode_frame
from devstack.supervisor.probes.connection import PlainConnection
from devstack.supervisor.probes.websocket import WebSocket, upgrade
from tests.raw_servers import Handler, request_of, response, saying, serving, switching, upgrading

T = TypeVar("T")


@asynccontextmanager
async def client(port: int, *subprotocols: str) -> AsyncIterator[WebSocket]:
    connection = PlainConnection("127.0.0.1", port)
    try:
        await connection.connected()
        handshake = Handshake(f"localhost:{port}", "/", new_key(os.urandom(16)), subprotocols)
        async with asyncio.timeout(10):
            yield await upgrade(connection, handshake)
    finally:
        connection.close()


def talk(handler: Handler, use: Callable[[WebSocket], Awaitable[T]]) -> T:
    """Return what `use` makes of a connection to a raw server."""

    async def run() -> T:
        async with serving(handler) as port:
            async with client(port) as websocket:
                result = await use(websocket)
            if isinstance(handler, Recorder):
                await handler.ended.wait()
            return result

    return asyncio.run(run())


def talk_to_library(
    handler: Callable[[ServerConnection], Awaitable[None]], use: Callable[[WebSocket], Awaitable[T]]
) -> T:
    """Return what `use` makes of a connection to a server of the `websockets` library."""

    async def run() -> T:
        async with (
            serve(handler, "127.0.0.1", 0) as server,
            client(next(iter(server.sockets)).getsockname()[1]) as websocket,
        ):
            return await use(websocket)

    return asyncio.run(run())


class Recorder:
    """A server that upgrades, sends what it is told to, and keeps every event that the client sent."""

    def __init__(self, *sent: bytes) -> None:
        self.events: list[Event] = []
        self.ended = asyncio.Event()
        self._sent = sent

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await request_of(reader)
        writer.write(switching(request) + b"".join(self._sent))
        receiver = Receiver(masked=True)
        while data := await reader.read(4096):
            receiver.feed(data)
            while (event := receiver.next_event()) is not None:
                self.events.append(event)
        self.ended.set()


async def receive(websocket: WebSocket) -> str | bytes:
    return await websocket.receive()


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


class TestWithARealServer:
    @pytest.mark.parametrize("message", ["", "grüß 😀", b"", b"\x00\xff" * 50_000, "x" * 70_000])
    def test_messages_of_both_kinds_and_all_sizes_come_back(self, message: str | bytes) -> None:
        async def use(websocket: WebSocket) -> str | bytes:
            await websocket.send(message)
            return await websocket.receive()

        assert talk_to_library(echo, use) == message

    def test_a_ping_is_answered_and_messages_before_its_pong_are_kept(self) -> None:
        async def use(websocket: WebSocket) -> list[str | bytes]:
            for number in range(3):
                await websocket.send(str(number))
            await websocket.ping()
            return [await websocket.receive() for _ in range(3)]

        assert talk_to_library(echo, use) == ["0", "1", "2"]

    def test_a_ping_of_the_server_is_answered_while_one_waits(self) -> None:
        async def pinging(connection: ServerConnection) -> None:
            latency = await (await connection.ping())
            await connection.send(f"pong after {latency:.3f}")

        assert str(talk_to_library(pinging, receive)).startswith("pong after")

    def test_fragments_are_joined(self) -> None:
        async def fragments(connection: ServerConnection) -> None:
            await connection.send(["one ", "two ", "three"])

        assert talk_to_library(fragments, receive) == "one two three"

    def test_both_ends_close_with_the_same_code(self) -> None:
        async def use(websocket: WebSocket) -> int:
            return await websocket.close(4000, "enough")

        seen: list[tuple[int | None, str | None]] = []

        async def wait(connection: ServerConnection) -> None:
            await connection.wait_closed()
            seen.append((connection.close_code, connection.close_reason))

        assert talk_to_library(wait, use) == 4000
        assert seen == [(4000, "enough")]

    def test_a_close_of_the_server_ends_the_wait_for_a_message(self) -> None:
        async def closing(connection: ServerConnection) -> None:
            await connection.close(1013, "full")

        with pytest.raises(ConnectionClosedError, match=r"1013 \(full\)") as caught:
            talk_to_library(closing, receive)
        assert (caught.value.code, caught.value.reason) == (1013, "full")

    def test_a_subprotocol_is_chosen(self) -> None:
        async def run() -> str | None:
            async with serve(echo, "127.0.0.1", 0, subprotocols=["vite-hmr"]) as server:  # type: ignore[list-item]
                port = next(iter(server.sockets)).getsockname()[1]
                async with client(port, "other", "vite-hmr") as websocket:
                    return websocket.subprotocol

        assert asyncio.run(run()) == "vite-hmr"


class TestWithServersThatMisbehave:
    def test_a_frame_in_the_packet_of_the_handshake_is_not_lost(self) -> None:
        frames = encode_frame(Opcode.TEXT, b"first") + encode_frame(Opcode.TEXT, b"second")

        async def both(websocket: WebSocket) -> list[str | bytes]:
            return [await websocket.receive(), await websocket.receive()]

        assert talk(upgrading(frames), both) == ["first", "second"]

    def test_control_frames_between_fragments_are_answered(self) -> None:
        server = Recorder(
            encode_frame(Opcode.TEXT, b"one ", fin=False),
            encode_frame(Opcode.PING, b"still there?"),
            encode_frame(Opcode.PONG, b"nobody asked"),
            encode_frame(Opcode.CONTINUATION, b"message"),
            encode_frame(Opcode.CLOSE, close_payload(1001, "bye")),
        )

        async def use(websocket: WebSocket) -> str | bytes:
            message = await websocket.receive()
            with pytest.raises(ConnectionClosedError, match="1001"):
                await websocket.receive()
            return message

        assert talk(server, use) == "one message"
        assert server.events == [Pong(b"still there?"), Close(1001)]

    @pytest.mark.parametrize(
        ("frame", "code"),
        [
            (encode_frame(Opcode.TEXT, b"hello", mask=b"abcd"), CloseCode.PROTOCOL_ERROR),
            (b"\xc1\x05hello", CloseCode.PROTOCOL_ERROR),
            (b"\x83\x00", CloseCode.PROTOCOL_ERROR),
            (b"\x81\x02\xff\xff", CloseCode.INVALID_DATA),
            (b"\x82\x7f\x00\x00\x00\x01\x00\x00\x00\x00", CloseCode.TOO_BIG),
            (b"HTTP/1.1 200 OK\r\n", CloseCode.PROTOCOL_ERROR),
        ],
    )
    def test_a_server_that_breaks_the_rules_is_told_so_with_a_code(self, frame: bytes, code: int) -> None:
        server = Recorder(frame)

        async def use(websocket: WebSocket) -> ProtocolError:
            with pytest.raises(ProtocolError) as caught:
                await websocket.receive()
            return caught.value

        error = talk(server, use)
        assert error.code == code
        assert server.events == [Close(code, error.message)]

    def test_an_end_without_a_close_is_said(self) -> None:
        async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(switching(await request_of(reader)))
            await writer.drain()

        with pytest.raises(ConnectionClosedError, match="ended without a Close"):
            talk(hang_up, receive)

    def test_a_goodbye_that_nobody_answers_ends_with_the_connection(self) -> None:
        async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(switching(await request_of(reader)))
            await reader.readexactly(8)

        async def use(websocket: WebSocket) -> int:
            return await websocket.close()

        assert talk(hang_up, use) == CloseCode.ABNORMAL

    def test_a_pong_that_answers_another_ping_is_not_ours(self) -> None:
        server = Recorder(encode_frame(Opcode.PONG, b"other"))

        async def use(websocket: WebSocket) -> None:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await websocket.ping()

        talk(server, use)

    def test_messages_without_end_instead_of_a_pong_are_not_kept_for_ever(self) -> None:
        flood = encode_frame(Opcode.BINARY, bytes(1024 * 1024)) * 16

        async def use(websocket: WebSocket) -> None:
            with pytest.raises(WebSocketError, match="15 messages came, and no pong"):
                await websocket.ping()

        talk(Recorder(flood), use)

    def test_a_snapshot_of_many_messages_before_the_pong_is_kept(self) -> None:
        async def snapshot(server: ServerConnection) -> None:
            for number in range(5000):
                await server.send(f"quote {number}")
            await server.wait_closed()

        async def use(websocket: WebSocket) -> tuple[str | bytes, str | bytes]:
            await websocket.ping()
            return await websocket.receive(), await websocket.receive()

        assert talk_to_library(snapshot, use) == ("quote 0", "quote 1")

    def test_a_message_of_two_megabytes_is_one(self) -> None:
        async def snapshot(server: ServerConnection) -> None:
            await server.send("x" * 2_000_000)
            await server.wait_closed()

        assert len(talk_to_library(snapshot, lambda websocket: websocket.receive())) == 2_000_000

    def test_a_refusal_is_given_with_its_words(self) -> None:
        async def nothing(_websocket: WebSocket) -> None:
            raise AssertionError("it upgraded")

        with pytest.raises(HandshakeError, match="403 instead of 101") as caught:
            talk(saying(response(403, b"origin not allowed")), nothing)
        assert caught.value.body == b"origin not allowed"

    def test_words_of_a_refusal_that_never_end_are_not_waited_for(self) -> None:
        async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await request_of(reader)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\nbecause")
            await reader.read()

        async def nothing(_websocket: WebSocket) -> None:
            raise AssertionError("it upgraded")

        with pytest.raises(HandshakeError) as caught:
            talk(slow, nothing)
        assert caught.value.body == b"because"
