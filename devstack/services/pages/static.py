"""Serves the files of one root as a web page's: the ASGI application behind `frontend` and `combined`."""

from __future__ import annotations

import gzip
import os
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from typing import Protocol

from devstack import services
from devstack.services.http.asgi import (
    Receive,
    Scope,
    Send,
    header,
    refuse_websocket,
    run_lifespan,
    send_text,
)
from devstack.services.http.conditional import accepts_gzip, accepts_html, is_hashed_name, takes_anything
from devstack.services.http.media_types import is_compressible, media_type
from devstack.services.http.origins import OriginPolicy, check_request, policy_for
from devstack.services.http.representation import Representation, send_representation
from devstack.services.http.served_files import (
    ServedFile,
    begins_with_a_file,
    find_file,
    is_folder,
    read_part,
    split_url_path,
)
from devstack.services.pages.page_html import ProdPages
from devstack.services.settings import Settings

WEB_ROOT = os.path.join(os.path.dirname(os.path.abspath(services.__file__)), "web")
"""The built-in page."""

IMMUTABLE = "public, max-age=31536000, immutable"
REVALIDATE = "no-cache"
DEV_SERVERS_OWN = frozenset({"@vite", "@devstack"})
LARGEST_IN_MEMORY = 4 * 1024 * 1024
MEMORY = 64 * 1024 * 1024
WORTH_GZIP = 512


class Pages(Protocol):
    """What is done to files on their way out."""

    def rewrites(self, file: ServedFile) -> bool:
        """Say whether `rewrite` makes something else of this file."""

    def rewrite(self, file: ServedFile, content: bytes) -> bytes:
        """Return what is sent instead of `content`."""

    def own_file(self, path: str, query: str) -> Representation | None:
        """Return what lies at a path of the server's own, beside the root's files."""


@dataclass(frozen=True, slots=True)
class Body:
    """A file's bytes as they are, and coded with gzip where that makes them smaller."""

    plain: bytes
    gzipped: bytes | None


class BodyCache:
    """The bytes of small files, the most recently used ones within a bound of memory."""

    def __init__(self, limit: int = MEMORY) -> None:
        self._limit = limit
        self._used = 0
        self._bodies: OrderedDict[str, tuple[int, Body]] = OrderedDict()

    def get(self, file: ServedFile, make: Callable[[], Body]) -> Body:
        """Return the body of `file` as it now is, made by `make` if it is not there yet."""
        stamp, body = self._bodies.pop(file.path, (None, None))
        if body is not None and stamp != file.stamp:
            self._used -= _weight(body)
            body = None
        if body is None:
            body = make()
            self._used += _weight(body)
        self._bodies[file.path] = (file.stamp, body)
        while self._used > self._limit:
            _, (_, oldest) = self._bodies.popitem(last=False)
            self._used -= _weight(oldest)
        return body


def _weight(body: Body) -> int:
    return len(body.plain) + len(body.gzipped or b"")


@dataclass(slots=True)
class PageApp:
    """The files below `root` over HTTP: GET and HEAD, for requests that `policy` lets in."""

    root: str
    policy: OriginPolicy
    pages: Pages
    base_path: str
    compress: bool
    cache: BodyCache

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI connection."""
        if scope["type"] == "lifespan":
            await run_lifespan(receive, send)
        elif scope["type"] == "websocket":
            await refuse_websocket(scope, receive, send, 404, "no WebSocket is served here")
        else:
            await self._answer(scope, send)

    async def _answer(self, scope: Scope, send: Send) -> None:
        refusal = check_request(scope["headers"], self.policy)
        if refusal is not None:
            await send_text(scope, send, refusal.status, refusal.reason)
        elif scope["method"] not in ("GET", "HEAD"):
            text = f"{scope['method']} is not allowed here"
            await send_text(scope, send, 405, text, [("allow", "GET, HEAD")])
        else:
            await self._find(scope, send)

    async def _find(self, scope: Scope, send: Send) -> None:
        """Send the file that the path names, the page for a route of its, or 404."""
        segments = split_url_path(scope["raw_path"])
        if segments is None:
            await send_text(scope, send, 404, "not found")
        elif own := self.pages.own_file(scope["path"], scope["query_string"].decode("latin-1")):
            await send_representation(scope, send, own)
        elif file := find_file(self.root, segments if segments[-1] else (*segments[:-1], "index.html")):
            await self._send_file(scope, send, file)
        elif is_folder(self.root, segments):
            query = scope["query_string"].decode("latin-1")
            target = scope["raw_path"].decode("latin-1").lstrip("/") + "/" + (f"?{query}" if query else "")
            await send_text(scope, send, 308, "a folder", [("location", self.base_path + target)])
        else:
            await self._fall_back(scope, send, segments)

    async def _fall_back(self, scope: Scope, send: Send, segments: tuple[str, ...]) -> None:
        """Send index.html for a route of the page's own; a missing asset stays missing."""
        page = find_file(self.root, ("index.html",))
        if page is None or not self._is_route(scope, segments):
            await send_text(scope, send, 404, "not found")
        else:
            await self._send_file(scope, send, page)

    async def _send_file(self, scope: Scope, send: Send, file: ServedFile) -> None:
        """Send a file; one that is gone since it was found, or not this user's to read, is not there."""
        try:
            found = self._represent(scope, file)
        except OSError:
            await send_text(scope, send, 404, "not found")
        else:
            await send_representation(scope, send, found)

    def _is_route(self, scope: Scope, segments: tuple[str, ...]) -> bool:
        """Say whether a navigation goes there, or what may be one goes where the root has nothing."""
        accept = header(scope, b"accept")
        if "." in segments[-1] or segments[0] in DEV_SERVERS_OWN:
            return False
        may_be = takes_anything(accept, header(scope, b"sec-fetch-dest"))
        return accepts_html(accept) or (may_be and not begins_with_a_file(self.root, segments))

    def _represent(self, scope: Scope, file: ServedFile) -> Representation:
        if self.pages.rewrites(file):
            return self._rewritten(scope, file)
        kind, etag = media_type(file.url), f'"{file.mtime_ns:x}-{file.size:x}"'
        cache = IMMUTABLE if self.compress and is_hashed_name(file.url) else REVALIDATE
        if file.size > LARGEST_IN_MEMORY:
            return Representation(kind, etag, file.size, file.mtime_ns, path=file.path, cache_control=cache)
        body = self.cache.get(file, partial(self._load, file))
        if _use_gzip(scope, body):
            return _gzipped(body, kind, etag, file.mtime_ns, cache)
        return Representation(
            kind,
            etag,
            len(body.plain),
            file.mtime_ns,
            body.plain,
            cache_control=cache,
            varies=is_compressible(file.url) and file.size >= WORTH_GZIP,  # said in dev too: the same bytes
        )

    def _rewritten(self, scope: Scope, file: ServedFile) -> Representation:
        """Return a file that the server changes; its entity tag is of what is sent, not of the file.

        Only prod's stays the same as long as the file does: dev's names the versions of other files.
        """
        make = partial(self._load, file)
        body = self.cache.get(file, make) if self.compress else make()
        etag = f'"{blake2b(body.plain, digest_size=12).hexdigest()}"'
        kind = media_type(file.url)
        if _use_gzip(scope, body):
            return _gzipped(body, kind, etag, None, REVALIDATE)
        return Representation(kind, etag, len(body.plain), body=body.plain, varies=body.gzipped is not None)

    def _load(self, file: ServedFile) -> Body:
        plain = read_part(file.path, 0, file.size)
        if self.pages.rewrites(file):
            plain = self.pages.rewrite(file, plain)
        return Body(plain, _compressed(plain) if self.compress and is_compressible(file.url) else None)


def _compressed(content: bytes) -> bytes | None:
    """Return `content` coded with gzip, without a time so that the bytes stay the same, if it pays."""
    if len(content) < WORTH_GZIP:
        return None
    coded = gzip.compress(content, compresslevel=6, mtime=0)
    return coded if len(coded) < len(content) else None


def _use_gzip(scope: Scope, body: Body) -> bool:
    """Say whether to send the coded bytes; a range is a range of the plain ones."""
    asks_part = header(scope, b"range") is not None
    return body.gzipped is not None and not asks_part and accepts_gzip(header(scope, b"accept-encoding"))


def _gzipped(body: Body, kind: str, etag: str, mtime_ns: int | None, cache: str) -> Representation:
    coded = body.gzipped or b""
    return Representation(
        kind, f'{etag[:-1]}-gz"', len(coded), mtime_ns, coded, cache_control=cache, coding="gzip", varies=True
    )


def page_app(settings: Settings, *, root: str, port: int, pages: Pages | None = None) -> PageApp:
    """Return the application that serves the folder `root` on `port`.

    Without `pages` files go out as prod's do: the page told its mode, what is compressible compressed.
    """
    return PageApp(
        root=os.path.realpath(root),
        policy=policy_for(settings, port),
        pages=pages or ProdPages(settings),
        base_path=settings.base_path,
        compress=pages is None,
        cache=BodyCache(),
    )
