"""Readiness probes that ask over the network: TCP connect, HTTP GET, WebSocket handshake."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from devstack.core.handshake import Handshake, new_key
from devstack.core.http import HttpError
from devstack.core.service import ProbeKind, ReadinessProbe
from devstack.core.websocket import WebSocketError
from devstack.supervisor.probes.connection import (
    LOOPBACK,
    NO_SUCH_ADDRESS,
    REFUSED,
    PlainConnection,
    plain_words,
)
from devstack.supervisor.probes.http import MAX_BODY, ask_head, read_body
from devstack.supervisor.probes.websocket import WebSocket, upgrade

ATTEMPT_TIMEOUT = 2.0
LONGEST_ATTEMPT = 30.0
STAGGER = 0.3
FIRST_PAUSE = 0.01
PAUSE_GROWTH = 1.5
LONGEST_PAUSE = 0.25
BODY_WAIT = 0.2  # for a body that nobody looks at, so that the service can finish what it sends
GOODBYE_WAIT = 0.2


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """Whether the service is ready and, in a few plain words, what it answered."""

    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class _Question:
    """A probe with its port, asked of one host."""

    probe: ReadinessProbe
    port: int

    @property
    def host_header(self) -> str:
        return f"localhost:{self.port}"


async def until_ready(
    probe: ReadinessProbe,
    *,
    hosts: tuple[str, ...] = LOOPBACK,
    heard: Callable[[ProbeAnswer], None] | None = None,
    within: float = ATTEMPT_TIMEOUT,
) -> ProbeAnswer:
    """Ask again and again, with growing pauses, and return the first answer that says ready.

    `heard` gets every answer, so that who cancels this knows the last one. There is no limit of its own. The
    first attempt gets `within` seconds; one that was too short for the service makes the next one longer.
    """
    clock = asyncio.get_running_loop().time
    for pause in pauses():
        await asyncio.sleep(pause)
        began = clock()
        answer = await ask(probe, hosts=hosts, within=within)
        if heard is not None:
            heard(answer)
        if answer.ok:
            return answer
        if clock() - began >= within:
            within = min(within * 2, LONGEST_ATTEMPT)
    raise AssertionError("the pauses never end")


def pauses() -> Iterator[float]:
    """Yield the seconds to wait before each try: short at first, so that ready is seen soon; without end."""
    pause = FIRST_PAUSE
    while True:
        yield pause
        pause = min(pause * PAUSE_GROWTH, LONGEST_PAUSE)


async def ask(
    probe: ReadinessProbe, *, hosts: tuple[str, ...] = LOOPBACK, within: float = ATTEMPT_TIMEOUT
) -> ProbeAnswer:
    """Ask once, of every host until one answers well: the service listens on one of them, or on all.

    A host gets `within` seconds. The next one is asked when that one has answered badly or keeps silent
    for STAGGER seconds. Nothing that a service does raises; ValueError: the probe is none that a network
    can answer, or has no port.
    """
    if probe.port is None or probe.kind not in _ASK:
        raise ValueError(f"a probe of kind {probe.kind} with port {probe.port} cannot be asked")
    question = _Question(probe, probe.port)
    failures: list[ProbeAnswer] = []
    tasks: set[asyncio.Task[ProbeAnswer]] = set()
    try:
        for host in hosts:
            try:
                tasks.add(_begin(question, host, within))
            except OSError as error:
                failures.append(ProbeAnswer(False, plain_words(error)))
                continue
            if ready := await _first_ready(tasks, failures, STAGGER):
                return ready
        return await _first_ready(tasks, failures, None) or _most_telling(failures)
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


def _begin(question: _Question, host: str, within: float) -> asyncio.Task[ProbeAnswer]:
    """Begin to ask `host`; OSError: nobody listens there, and the machine knows it at once."""
    connection = PlainConnection(host, question.port)
    return asyncio.create_task(_ask_one(question, connection, within))


async def _first_ready(
    tasks: set[asyncio.Task[ProbeAnswer]], failures: list[ProbeAnswer], patience: float | None
) -> ProbeAnswer | None:
    """Wait until one says ready, all have failed, or the time is up; move what failed to `failures`."""
    while tasks:
        done, _ = await asyncio.wait(tasks, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            return None
        for task in done:
            tasks.discard(task)
            if task.result().ok:
                return task.result()
            failures.append(task.result())
    return None


_UNTELLING = {REFUSED: 1, NO_SUCH_ADDRESS: 2}


def _most_telling(failures: list[ProbeAnswer]) -> ProbeAnswer:
    """Return the failure that says most: where one host was asked in vain, the other's answer is the news."""
    return min(failures, key=lambda answer: _UNTELLING.get(answer.detail, 0))


async def _ask_one(question: _Question, connection: PlainConnection, within: float) -> ProbeAnswer:
    """Ask over `connection`, and put whatever goes wrong into words."""
    try:
        async with asyncio.timeout(within):
            return await _ASK[question.probe.kind](question, connection)
    except TimeoutError:
        return ProbeAnswer(False, f"no answer within {within:g} s")
    except OSError as error:
        return ProbeAnswer(False, plain_words(error))
    except (HttpError, WebSocketError) as error:
        return ProbeAnswer(False, error.message)
    finally:
        connection.close()


async def _ask_tcp(_question: _Question, connection: PlainConnection) -> ProbeAnswer:
    await connection.connected()
    return ProbeAnswer(True, "accepts connections")


async def _ask_http(question: _Question, connection: PlainConnection) -> ProbeAnswer:
    probe = question.probe
    await connection.connected()
    head, rest = await ask_head(connection, host=question.host_header, path=probe.target)
    answer = f"HTTP {head.status}"
    if probe.status and head.status not in probe.status:
        return ProbeAnswer(False, f"{answer} instead of {' or '.join(map(str, probe.status))}")
    if not probe.status and head.status >= 500:
        return ProbeAnswer(False, answer)
    if probe.body is None:
        with suppress(OSError, HttpError):
            async with asyncio.timeout(BODY_WAIT):
                await read_body(connection, head, rest, limit=MAX_BODY)
        return ProbeAnswer(True, answer)
    response = await read_body(connection, head, rest, limit=MAX_BODY)
    if probe.body not in response.body.decode("utf-8", "replace"):
        return ProbeAnswer(False, f"{answer}, but no {probe.body!r} in its body")
    return ProbeAnswer(True, answer)


async def _ask_ws(question: _Question, connection: PlainConnection) -> ProbeAnswer:
    probe = question.probe
    await connection.connected()
    wishes = (probe.subprotocol,) if probe.subprotocol is not None else ()
    handshake = Handshake(question.host_header, probe.target, new_key(os.urandom(16)), wishes)
    websocket = await upgrade(connection, handshake)
    if wishes and websocket.subprotocol is None:
        return ProbeAnswer(False, f"101 but the subprotocol {probe.subprotocol} was not selected")
    if probe.first_message is not None:
        await _hear(websocket, probe.first_message)
    with suppress(OSError, WebSocketError):
        async with asyncio.timeout(GOODBYE_WAIT):
            await websocket.close()
    return ProbeAnswer(True, "upgrades")


async def _hear(websocket: WebSocket, wanted: str) -> None:
    """Return when a text message that contains `wanted` has come."""
    while True:
        message = await websocket.receive()
        if isinstance(message, str) and wanted in message:
            return


_ASK: dict[ProbeKind, Callable[[_Question, PlainConnection], Awaitable[ProbeAnswer]]] = {
    ProbeKind.TCP: _ask_tcp,
    ProbeKind.HTTP: _ask_http,
    ProbeKind.WS: _ask_ws,
}
