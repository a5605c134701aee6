"""One WebSocket handshake, or one GET, as a browser on this machine would make it, and what came of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from devstack.core.handshake import Handshake, HandshakeError, new_key
from devstack.core.http import HttpError
from devstack.core.websocket import WebSocketError
from devstack.supervisor.probes.connection import LOOPBACK, PlainConnection, plain_words
from devstack.supervisor.probes.http import Response, get
from devstack.supervisor.probes.websocket import upgrade

WITHIN = 3.0
FIRST_MESSAGE_WAIT = 0.5
GOODBYE_WAIT = 0.2


class Outcome(StrEnum):
    OPEN = "open"  # upgraded
    REFUSED = "refused"  # answered, and not with 101
    CLOSED = "closed"  # the connection ended without an answer
    SILENT = "silent"  # connected, and no answer came
    ABSENT = "absent"  # nobody listens


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of a handshake. `status` and `body` are a refusal's, `message` the first one."""

    outcome: Outcome
    detail: str
    status: int | None = None
    body: str = ""
    message: str = ""

    @property
    def is_open(self) -> bool:
        return self.outcome is Outcome.OPEN


@dataclass(frozen=True, slots=True)
class Target:
    """Where to knock, and as whom. `origin` None: not a browser. `hosts` are numeric, tried in order."""

    port: int
    path: str
    origin: str | None = None
    subprotocol: str | None = None
    hosts: tuple[str, ...] = LOOPBACK

    @property
    def url(self) -> str:
        return f"ws://localhost:{self.port}{self.path}"


async def try_handshake(target: Target, *, within: float = WITHIN, listen: bool = False) -> Attempt:
    """Shake hands once and close again; nothing that the other end does raises.

    `listen` waits a moment for a first message.
    """

    async def shake(connection: PlainConnection) -> Attempt:
        wishes = (target.subprotocol,) if target.subprotocol else ()
        host = f"localhost:{target.port}"
        handshake = Handshake(host, target.path, new_key(os.urandom(16)), wishes, target.origin)
        socket = await upgrade(connection, handshake)
        message: str | bytes = ""
        with suppress(TimeoutError, OSError, WebSocketError):
            async with asyncio.timeout(FIRST_MESSAGE_WAIT if listen else 0):
                message = await socket.receive()
        with suppress(TimeoutError, OSError, WebSocketError):
            async with asyncio.timeout(GOODBYE_WAIT):
                await socket.close()
        text = message if isinstance(message, str) else message.decode("utf-8", "replace")
        return Attempt(Outcome.OPEN, "upgrades", message=text)

    return await _attempt(shake, target.port, target.hosts, within)


async def fetch(port: int, path: str, *, within: float = WITHIN) -> Response | None:
    """Return the answer to a GET of `path`, or None where none came."""
    answers: list[Response] = []

    async def ask(connection: PlainConnection) -> Attempt:
        answers.append(await get(connection, host=f"localhost:{port}", path=path))
        return Attempt(Outcome.OPEN, "answers")

    await _attempt(ask, port, LOOPBACK, within)
    return answers[0] if answers else None


async def reaches(host: str, port: int, *, within: float = WITHIN) -> bool:
    """Say whether a TCP connection to a numeric address comes about."""
    try:
        connection = PlainConnection(host, port)
    except OSError:
        return False
    try:
        async with asyncio.timeout(within):
            await connection.connected()
    except (TimeoutError, OSError):
        return False
    finally:
        connection.close()
    return True


async def _attempt(
    question: Callable[[PlainConnection], Awaitable[Attempt]],
    port: int,
    hosts: tuple[str, ...],
    within: float,
) -> Attempt:
    """Ask the first host that listens, and put whatever happens into an Attempt."""
    for host in hosts:
        try:
            connection = PlainConnection(host, port)
        except OSError:
            continue
        try:
            async with asyncio.timeout(within):
                await connection.connected()
                return await question(connection)
        except TimeoutError:
            return Attempt(Outcome.SILENT, f"no answer within {within:g} s")
        except ConnectionRefusedError:
            continue
        except HandshakeError as error:
            body = error.body.decode("utf-8", "replace").strip()
            return Attempt(Outcome.REFUSED, error.message, error.head.status, body)
        except (HttpError, WebSocketError) as error:
            return Attempt(Outcome.CLOSED, error.message)
        except OSError as error:
            return Attempt(Outcome.CLOSED, plain_words(error))
        finally:
            connection.close()
    return Attempt(Outcome.ABSENT, "nobody listens")
