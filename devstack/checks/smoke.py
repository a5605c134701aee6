"""The asking part of `devstack smoke`: every claim of a running stack, as its clients would use it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Iterator

from devstack.checks.websocket.conversation import WebSocketWish, check_websocket
from devstack.core.check_result import CheckResult
from devstack.core.http import HttpError
from devstack.core.ports import PortClaim, Protocol
from devstack.core.service import ProbeKind, ReadinessProbe, Service
from devstack.core.stack import Stack
from devstack.core.websocket_report import WebSocketReport
from devstack.core.websocket_url import parse_websocket_url
from devstack.supervisor.probes.connection import LOOPBACK, PlainConnection, plain_words
from devstack.supervisor.probes.http import Response, get

WITHIN = 10.0
BODY_LIMIT = 10 * 1024 * 1024


async def probe_claims(stack: Stack) -> tuple[CheckResult, ...]:
    """Ask every claim of `stack` at once, and return a result for each way in which it is used.

    An HTTP claim is asked for its status and body, a WebSocket for its handshake, first message, ping and
    close, any other port for a connection. What a service's readiness probe demands is demanded here too.
    """
    questions = (
        question
        for service in stack.services
        for claim in service.claims
        for question in _questions(stack, service, claim)
    )
    return tuple(await asyncio.gather(*questions))


def _questions(stack: Stack, service: Service, claim: PortClaim) -> Iterator[Awaitable[CheckResult]]:
    classname = f"devstack.{stack.mode}.{service.name}"
    match claim.protocol:
        case Protocol.TCP:
            yield _ask_tcp(classname, claim)
        case Protocol.HTTP:
            yield _ask_http(classname, claim, _probe(service, claim, ProbeKind.HTTP))
    if claim.websocket_url is not None:
        yield _ask_websocket(classname, claim.websocket_url, _probe(service, claim, ProbeKind.WS))


def _probe(service: Service, claim: PortClaim, kind: ProbeKind) -> ReadinessProbe:
    """Return the service's own probe of this kind and port, else a plain one."""
    for probe in service.probes:
        if (probe.kind, probe.port) == (kind, claim.port):
            return probe
    return ReadinessProbe(kind, claim.port, "/", subprotocol=claim.subprotocol)


async def _ask_tcp(classname: str, claim: PortClaim) -> CheckResult:
    began = time.monotonic()
    try:
        async with asyncio.timeout(WITHIN):
            (await _connected(claim.port)).close()
    except OSError as error:
        return _result(f"tcp {claim.url}", classname, False, _words(error), began)
    return _result(f"tcp {claim.url}", classname, True, "accepts connections", began)


async def _ask_http(classname: str, claim: PortClaim, probe: ReadinessProbe) -> CheckResult:
    began = time.monotonic()
    name = f"http {claim.url}{probe.target or '/'}"
    try:
        async with asyncio.timeout(WITHIN):
            response = await _get(claim.port, probe.target)
    except (OSError, HttpError) as error:
        return _result(name, classname, False, _words(error), began)
    fault = _fault(response, probe)
    described = f"{_describe(response)}: {fault}" if fault else _describe(response)
    return _result(name, classname, not fault, described, began)


async def _get(port: int, path: str) -> Response:
    connection = await _connected(port)
    try:
        return await get(connection, host=f"localhost:{port}", path=path, body_limit=BODY_LIMIT)
    finally:
        connection.close()


async def _connected(port: int) -> PlainConnection:
    """Connect to the first loopback address that takes it."""
    failure: OSError | None = None
    for host in LOOPBACK:
        try:
            connection = PlainConnection(host, port)
        except OSError as error:
            failure = failure or error
            continue
        try:
            await connection.connected()
        except BaseException as error:
            connection.close()
            if not isinstance(error, OSError):
                raise
            failure = failure or error
        else:
            return connection
    raise failure or ConnectionRefusedError


def _fault(response: Response, probe: ReadinessProbe) -> str:
    """Return what is wrong with an answer, or nothing."""
    if probe.status and response.status not in probe.status:
        return f"expected {' or '.join(map(str, probe.status))}"
    if not probe.status and response.status >= 500:
        return "expected a status below 500"
    if not response.is_complete and len(response.body) < BODY_LIMIT:
        return "the connection ended within the body"
    if probe.body is not None and probe.body not in response.body.decode("utf-8", "replace"):
        return f"no {probe.body!r} in the body"
    return ""


def _describe(response: Response) -> str:
    """Return status, content type and length of an answer."""
    kind = response.head.get("content-type") or "no content type"
    length = f"{len(response.body)} bytes"
    return f"{response.status}, {kind}, {length if response.is_complete else f'{length} and no end'}"


async def _ask_websocket(classname: str, url: str, probe: ReadinessProbe) -> CheckResult:
    began = time.monotonic()
    subprotocols = (probe.subprotocol,) if probe.subprotocol else ()
    address = parse_websocket_url(url)
    wish = WebSocketWish(address, None, subprotocols, probe.first_message, WITHIN)
    report = await check_websocket(wish)
    return _result(f"websocket {url}", classname, report.ok, _describe_conversation(report), began)


def _describe_conversation(report: WebSocketReport) -> str:
    failed = report.failed_step
    if failed is not None:
        return "\n".join((f"{failed.name}: {failed.detail}", *report.advice))
    return "; ".join(f"{step.name}: {step.detail}" for step in report.steps if step.name != "tcp")


def _words(error: OSError | HttpError) -> str:
    match error:
        case HttpError():
            return error.message
        case TimeoutError():
            return f"no answer within {WITHIN:g} s"
        case _:
            return plain_words(error)


def _result(name: str, classname: str, ok: bool, detail: str, began: float) -> CheckResult:
    return CheckResult(name, classname, ok, detail, round(time.monotonic() - began, 3))
