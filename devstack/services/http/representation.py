"""One representation of a resource, and the answer that a request for it gets: 200, 206, 304 or 416."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from devstack.services.http.asgi import Scope, Send, encode_headers, header, send_response
from devstack.services.http.conditional import (
    UNSATISFIABLE,
    ByteRange,
    byte_range,
    http_date,
    is_fresh,
    range_still_applies,
)
from devstack.services.http.served_files import read_part

CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Representation:
    """Bytes with what describes them: either `body`, or the file at `path` of `size` bytes, sent in parts.

    `coding` is the content coding that the bytes are in; `varies` says that another request may get
    another coding of the same resource.
    """

    content_type: str
    etag: str
    size: int
    mtime_ns: int | None = None
    body: bytes | None = None
    path: str = ""
    cache_control: str = "no-cache"
    coding: str | None = None
    varies: bool = False
    status: int = 200

    def part(self, wanted: ByteRange) -> bytes:
        """Return the bytes of `wanted`; blocks where they are on disk."""
        if self.body is not None:
            return self.body[wanted.start : wanted.end]
        return read_part(self.path, wanted.start, wanted.end - wanted.start)


async def send_representation(scope: Scope, send: Send, found: Representation) -> None:
    """Answer the request in `scope` with `found`, or with as little of it as the client needs."""
    if is_fresh(
        found.etag, found.mtime_ns, header(scope, b"if-none-match"), header(scope, b"if-modified-since")
    ):
        await send_response(send, 304, _validators(found))
        return
    wanted = _wanted_range(scope, found)
    if wanted == UNSATISFIABLE:
        size = ("content-range", f"bytes */{found.size}")
        await send_response(send, 416, [size, ("content-length", "0"), *_validators(found)])
        return
    part = wanted or ByteRange(0, found.size)
    headers = [*_validators(found), *_description(found), ("content-length", str(part.end - part.start))]
    if wanted is not None:
        headers.append(("content-range", f"bytes {part.start}-{part.end - 1}/{found.size}"))
    status = found.status if wanted is None else 206
    await send({"type": "http.response.start", "status": status, "headers": encode_headers(headers)})
    if scope["method"] != "HEAD":
        async for chunk in _chunks(found, part):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _wanted_range(scope: Scope, found: Representation) -> ByteRange | None:
    """Return the range that a GET asks for; ranges of a coded body would be of no use to anybody."""
    if scope["method"] != "GET" or found.coding is not None or found.status != 200:
        return None
    if not range_still_applies(header(scope, b"if-range"), found.etag, found.mtime_ns):
        return None
    return byte_range(header(scope, b"range"), found.size)


def _validators(found: Representation) -> list[tuple[str, str]]:
    """Return what a 304 repeats too (RFC 9110, section 15.4.5)."""
    headers = [("etag", found.etag), ("cache-control", found.cache_control)]
    if found.mtime_ns is not None:
        headers.append(("last-modified", http_date(found.mtime_ns)))
    if found.varies:
        headers.append(("vary", "Accept-Encoding"))
    return headers


def _description(found: Representation) -> list[tuple[str, str]]:
    headers = [
        ("content-type", found.content_type),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-resource-policy", "same-origin"),
        ("accept-ranges", "bytes"),
    ]
    if found.coding is not None:
        headers.append(("content-encoding", found.coding))
    if found.content_type.startswith("text/html"):
        headers.append(("content-security-policy", "frame-ancestors 'self'"))
    return headers


async def _chunks(found: Representation, part: ByteRange) -> AsyncIterator[bytes]:
    """Yield the bytes of `part`; a file that shrinks meanwhile ends early, and the server cuts the answer."""
    if found.body is not None:
        yield found.part(part)
        return
    for start in range(part.start, part.end, CHUNK):
        yield await asyncio.to_thread(found.part, ByteRange(start, min(start + CHUNK, part.end)))
