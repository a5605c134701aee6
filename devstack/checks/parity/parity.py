"""One list of requests against dev and against prod: the same stack in two shapes should answer alike."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from devstack.checks.attempts import Target, fetch, try_handshake
from devstack.checks.parity.documents import (
    Surroundings,
    Tree,
    content_type_words,
    differences,
    live_fields,
    read_document,
    without_live,
)
from devstack.checks.vite.client import SUBPROTOCOL
from devstack.core.check_result import CheckResult
from devstack.core.ports import PortClaim, Protocol
from devstack.core.service import ProbeKind
from devstack.core.stack import Stack

LIVE_AFTER = 1.2
"""Seconds between two rounds of the same requests: what differs then changes by itself."""

BUILT_IN_PATHS = {
    "frontend": ("/", "/no-such-asset.js"),
    "api": ("/api/health", "/api/config", "/api/symbols", "/api/quotes", "/api/no-such-path"),
}
"""What the built-in services are asked for, by the service of dev."""


@dataclass(frozen=True, slots=True)
class Request:
    """A GET of `path`, or a WebSocket handshake there. `service` has it where it was found."""

    path: str
    service: str
    is_websocket: bool = False

    @property
    def name(self) -> str:
        return f"{'WebSocket' if self.is_websocket else 'GET'} {self.path}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: `head` is status and content type, or why there is none; `body` is comparable."""

    head: str
    body: Tree
    live: frozenset[str] = frozenset()


def requests_for(stacks: Sequence[Stack]) -> tuple[Request, ...]:
    """Return what to ask `stacks`, dev first: each path once.

    That is the readiness path of each HTTP claim and the path of each WebSocket but hot reload's, and for the
    built-in services a list of their own.
    """
    found: dict[tuple[str, bool], Request] = {}
    for stack in stacks:
        for request in _requests(stack):
            found.setdefault((request.path, request.is_websocket), request)
    return tuple(found.values())


def _requests(stack: Stack) -> Iterator[Request]:
    for service in stack.services:
        if service.command.startswith("devstack serve "):
            yield from (Request(path, service.name) for path in BUILT_IN_PATHS.get(service.name, ()))
        probes = {probe.port: probe.target for probe in service.probes if probe.kind is ProbeKind.HTTP}
        for claim in service.claims:
            if claim.protocol is Protocol.HTTP:
                yield Request(probes.get(claim.port) or "/", service.name)
            if _is_socket(claim):
                yield Request(claim.path or "/", service.name, is_websocket=True)


def _is_socket(claim: PortClaim) -> bool:
    return claim.websocket_url is not None and claim.subprotocol != SUBPROTOCOL


async def ask_all(stack: Stack, requests: Sequence[Request]) -> dict[Request, Answer]:
    """Return what the running `stack` answers to each request that it has a port for. Takes 1.2 seconds."""
    first = await asyncio.gather(*(_ask(stack, request) for request in requests))
    await asyncio.sleep(LIVE_AFTER)
    second = await asyncio.gather(*(_ask(stack, request) for request in requests))
    return {
        request: Answer(one.head, one.body, live_fields(one.body, other.body))
        for request, one, other in zip(requests, first, second, strict=True)
        if one is not None and other is not None
    }


async def _ask(stack: Stack, request: Request) -> Answer | None:
    claim = _claim_for(stack, request)
    if claim is None:
        return None
    around = Surroundings(stack.mode, tuple(claim.port for claim in stack.claims))
    if request.is_websocket:
        attempt = await try_handshake(Target(claim.port, request.path), listen=True)
        head = "upgrades" if attempt.is_open else f"{attempt.outcome}: {attempt.detail}"
        return Answer(head, read_document(attempt.message, "", around))
    response = await fetch(claim.port, request.path)
    if response is None:
        return Answer("no answer", [])
    kind = response.head.get("content-type") or ""
    text = response.body.decode("utf-8", "replace")
    return Answer(f"{response.status}, {content_type_words(kind)}", read_document(text, kind, around))


def _claim_for(stack: Stack, request: Request) -> PortClaim | None:
    """Return the claim that a client of the stack would ask: its service's own, else the one that is left."""
    fits = [
        claim
        for claim in stack.claims
        if (_is_socket(claim) if request.is_websocket else claim.protocol is Protocol.HTTP)
    ]
    own = [claim for claim in fits if claim.service == request.service]
    same_path = [claim for claim in fits if request.is_websocket and (claim.path or "/") == request.path]
    return next(iter([*same_path, *own, *fits]), None)


def compare(
    answers: Mapping[str, Mapping[Request, Answer]], requests: Sequence[Request]
) -> list[CheckResult]:
    """Return a result for each request; `answers` is by mode, of two modes."""
    return [
        _compare(request, {mode: by.get(request) for mode, by in answers.items()}) for request in requests
    ]


def _compare(request: Request, answers: Mapping[str, Answer | None]) -> CheckResult:
    began = time.monotonic()
    lines = _differences(answers)
    if lines:
        detail = "\n".join(
            [f"{len(lines)} difference{'s' if len(lines) > 1 else ''}: {lines[0]}", *lines[1:]]
        )
    else:
        detail = next((f"{answer.head}, alike" for answer in answers.values() if answer), "alike")
    return CheckResult(request.name, "devstack.parity", not lines, detail, round(time.monotonic() - began, 3))


def _differences(answers: Mapping[str, Answer | None]) -> list[str]:
    absent = [mode for mode, answer in answers.items() if answer is None]
    if absent:
        return [f"{' and '.join(absent)} has no port that could be asked"]
    both = {mode: answer for mode, answer in answers.items() if answer is not None}
    first, second = both.values()
    lines = []
    if first.head != second.head:
        lines.append("; ".join(f"{mode} {answer.head}" for mode, answer in both.items()))
    live = first.live | second.live
    return lines + differences({mode: without_live(answer.body, live) for mode, answer in both.items()})
