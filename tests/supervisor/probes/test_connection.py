"""Connections to services, on free ports of loopback."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
from pathlib import Path

import pytest

from devstack.supervisor.probes.connection import (
    NO_SUCH_ADDRESS,
    REFUSED,
    PlainConnection,
    _refuse_self,
    plain_words,
)
from tests.raw_servers import free_port, serving


def test_bytes_go_there_and_back_until_the_other_end_closes() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(5))
        await writer.drain()

    async def run() -> list[bytes]:
        async with serving(echo) as port:
            connection = PlainConnection("127.0.0.1", port)
            try:
                await connection.connected()
                await connection.send(b"hello")
                return [await connection.receive(), await connection.receive()]
            finally:
                connection.close()

    assert asyncio.run(run()) == [b"hello", b""]


def test_nobody_there_is_a_refusal() -> None:
    async def run() -> None:
        connection = PlainConnection("127.0.0.1", free_port())
        try:
            await connection.connected()
        finally:
            connection.close()

    with pytest.raises(ConnectionRefusedError):
        asyncio.run(run())


@pytest.mark.skipif(sys.platform != "linux", reason="others do not let a bound socket meet itself")
def test_a_socket_that_met_itself_has_met_nobody_and_leaves_the_port_free() -> None:
    with socket.socket() as alone:
        alone.bind(("127.0.0.1", 0))
        address = alone.getsockname()
        alone.connect(address)  # TCP allows it: this is the trap
        with pytest.raises(ConnectionRefusedError):
            _refuse_self(alone)
    with socket.socket() as service:
        service.bind(address)  # not even SO_REUSEADDR is needed


@pytest.mark.skipif(sys.platform != "linux", reason="others do not let a socket meet itself")
def test_asking_a_port_of_the_ephemeral_range_again_and_again_never_finds_oneself() -> None:
    """The system deals out the numbers in turn, so one of these tries gets the very port that it asks."""

    async def ask(port: int) -> bool:
        try:
            connection = PlainConnection("127.0.0.1", port)
        except ConnectionRefusedError:
            return False
        try:
            with pytest.raises(ConnectionRefusedError):
                await connection.connected()
        finally:
            connection.close()
        return True

    async def met_oneself(port: int) -> bool:
        for _ in range(60_000):
            if await ask(port):
                return True
        return False

    low, high = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    # Linux deals out every second number to clients, and the others only when those are used up.
    candidates = range(low + (high - low) // 4 * 2, high, 2)
    if not asyncio.run(met_oneself(next(port for port in candidates if is_free(port)))):
        pytest.skip("this system never dealt out the number")


def is_free(port: int) -> bool:
    with socket.socket() as trial:
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ECONNREFUSED, REFUSED),
        (errno.ECONNRESET, "connection reset"),
        (errno.EPIPE, "connection reset"),
        (errno.EADDRNOTAVAIL, NO_SUCH_ADDRESS),
        (errno.EMFILE, "too many open files"),
    ],
)
def test_what_went_wrong_is_said_in_words(code: int, words: str) -> None:
    assert plain_words(OSError(code, os.strerror(code))) == words


def test_a_reader_of_a_flood_lets_others_have_their_turn() -> None:
    async def flood(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"x" * 4_000_000)
        await writer.drain()

    async def run() -> int:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        async with serving(flood) as port:
            connection = PlainConnection("127.0.0.1", port)
            counting = asyncio.create_task(count())
            try:
                await connection.connected()
                while await connection.receive():
                    pass
            finally:
                connection.close()
                counting.cancel()
        return turns

    assert asyncio.run(run()) > 200
