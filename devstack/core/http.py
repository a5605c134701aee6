"""HTTP/1.1 as a client reads it: a response's head and body out of bytes cut anywhere. No I/O.

Only what a question to a service of one's own machine needs (RFC 9112): a GET request, the head, and a
body by length, in chunks, or until the end of the connection.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import assert_never

from devstack.errors import DevstackError

MAX_HEAD = 64 * 1024
MAX_CHUNK_LINE = 4 * 1024
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_STATUS_LINE = re.compile(rb"HTTP/(\d)\.(\d) (\d{3})(?: (.*))?")
_CHUNK_SIZE = re.compile(rb"\s*([0-9A-Fa-f]{1,15})\s*(?:;.*)?")
_LENGTH = re.compile(r"[0-9]{1,15}")


class HttpError(DevstackError):
    """The answer cannot be read as HTTP; `start` is what came."""

    def __init__(self, message: str, *, start: bytes = b"") -> None:
        super().__init__(message)
        self.start = start


@dataclass(frozen=True, slots=True)
class Head:
    """Status line and header lines of a response, names in lower case, in order."""

    version: tuple[int, int]
    status: int
    reason: str
    headers: tuple[tuple[str, str], ...] = ()

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of the header `name` (lower case)."""
        return tuple(value for key, value in self.headers if key == name)

    def get(self, name: str) -> str:
        """Return the header `name` (lower case), its values joined as RFC 9110, 5.3 has it, or nothing."""
        return ", ".join(self.all(name))

    def tokens(self, name: str) -> tuple[str, ...]:
        """Return the comma-separated words of the header `name`, in lower case."""
        words = (word.strip().lower() for word in self.get(name).split(","))
        return tuple(word for word in words if word)


def request_target(path: str) -> str:
    """Return `path` as it may stand in a request line: with a leading slash, no blank, only ASCII."""
    escaped = "".join(
        char
        if "!" <= char <= "~"
        else "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogateescape"))
        for char in path
    )
    return escaped if escaped.startswith("/") else f"/{escaped}"


def get_request(path: str, headers: tuple[tuple[str, str], ...]) -> bytes:
    """Return a GET request; a header value with a line break is a ValueError, never a second header."""
    lines = [f"GET {request_target(path)} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a header value contains a line break")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def split_head(buffer: bytes | bytearray) -> tuple[Head, bytes] | None:
    """Return the head and the bytes behind it, or None while the head is incomplete.

    HttpError: it is not HTTP (said from the first bytes on, not after a timeout), or longer than MAX_HEAD.
    """
    if not b"HTTP/".startswith(bytes(buffer[:5])):
        raise HttpError("the answer is not HTTP", start=bytes(buffer[:200]))
    end = _HEAD_END.search(buffer, 0, MAX_HEAD)
    if end is not None:
        return _parse_head(bytes(buffer[: end.start()])), bytes(buffer[end.end() :])
    if len(buffer) >= MAX_HEAD:
        raise HttpError(f"the answer's head is longer than {MAX_HEAD // 1024} KiB", start=bytes(buffer[:200]))
    return None


def _parse_head(raw: bytes) -> Head:
    first, *rest = (line.removesuffix(b"\r") for line in raw.split(b"\n"))
    match = _STATUS_LINE.fullmatch(first)
    if match is None:
        raise HttpError("the answer's first line is not HTTP's", start=first[:200])
    major, minor, status, reason = match.groups(default=b"")
    headers = tuple(_parse_header(line) for line in rest)
    return Head((int(major), int(minor)), int(status), reason.decode("latin-1").strip(), headers)


def _parse_header(line: bytes) -> tuple[str, str]:
    name, colon, value = line.decode("latin-1").partition(":")
    if not colon or not name or name != name.strip():
        raise HttpError("the answer has a header line that is none", start=line[:200])
    return name.lower(), value.strip(" \t")


class _Part(Enum):
    """Where in a body the next byte belongs."""

    REST = auto()  # until the end of the connection
    COUNTED = auto()  # `_left` more bytes
    SIZE = auto()  # the line with a chunk's size
    CHUNK = auto()  # `_left` more bytes of a chunk
    CHUNK_END = auto()  # the line break behind a chunk
    TRAILER = auto()  # the header lines behind the last chunk
    DONE = auto()


class BodyReader:
    """Takes a response's body out of the bytes behind its head.

    At `limit` bytes it stops: `is_done`, not `is_complete`.
    """

    def __init__(self, head: Head, *, limit: int) -> None:
        self.body = bytearray()
        self.is_complete = False
        self._limit = limit
        self._buffer = bytearray()
        self._left = 0
        self._part = self._first_part(head)
        if self._part is _Part.COUNTED and self._left == 0:
            self._finish()

    @property
    def is_done(self) -> bool:
        return self._part is _Part.DONE

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the connection. HttpError: they are not what the head announced."""
        self._buffer += data
        while self._step():
            pass

    def end(self) -> None:
        """Hear that the connection has ended: the end of a body without a length, too early for any other."""
        if self._part is _Part.REST:
            self.is_complete = True
        self._part = _Part.DONE

    def _first_part(self, head: Head) -> _Part:
        """Return what follows the head (RFC 9112, 6.3)."""
        if head.status < 200 or head.status in (204, 304):
            return _Part.COUNTED
        codings = head.tokens("transfer-encoding")
        if codings:
            return _Part.SIZE if codings[-1] == "chunked" else _Part.REST
        lengths = set(head.all("content-length"))
        if not lengths:
            return _Part.REST
        length = lengths.pop()
        if lengths or not _LENGTH.fullmatch(length):
            raise HttpError("the answer's Content-Length is no number", start=length.encode("latin-1")[:200])
        self._left = int(length)
        return _Part.COUNTED

    def _step(self) -> bool:
        """Take one piece from the buffer; False when there is no whole one, or nothing more to take."""
        match self._part:
            case _Part.REST | _Part.COUNTED | _Part.CHUNK:
                return self._take_bytes()
            case _Part.SIZE | _Part.CHUNK_END | _Part.TRAILER:
                return self._take_line()
            case _Part.DONE:
                return False
            case _:
                assert_never(self._part)

    def _take_bytes(self) -> bool:
        if not self._buffer:
            return False
        counted = self._part is not _Part.REST
        piece = self._buffer[: self._left] if counted else self._buffer[:]
        del self._buffer[: len(piece)]
        self.body += piece
        self._left -= len(piece) if counted else 0
        if len(self.body) > self._limit:
            del self.body[self._limit :]
            self._part = _Part.DONE
        elif counted and self._left == 0:
            self._end_counted()
        return True

    def _end_counted(self) -> None:
        if self._part is _Part.CHUNK:
            self._part = _Part.CHUNK_END
        else:
            self._finish()

    def _take_line(self) -> bool:
        end = self._buffer.find(b"\n", 0, MAX_CHUNK_LINE)
        if end < 0:
            if len(self._buffer) >= MAX_CHUNK_LINE:
                raise HttpError("a line between two chunks of the answer's body is too long")
            return False
        line = bytes(self._buffer[:end]).removesuffix(b"\r")
        del self._buffer[: end + 1]
        self._read_line(line)
        return True

    def _read_line(self, line: bytes) -> None:
        if self._part is _Part.TRAILER:
            if not line:
                self._finish()
        elif self._part is _Part.CHUNK_END:
            if line:
                raise HttpError("a chunk of the answer's body is longer than it says", start=line[:200])
            self._part = _Part.SIZE
        else:
            size = _CHUNK_SIZE.fullmatch(line)
            if size is None:
                raise HttpError("a chunk of the answer's body has no size", start=line[:200])
            self._left = int(size[1], 16)
            self._part = _Part.CHUNK if self._left else _Part.TRAILER

    def _finish(self) -> None:
        self.is_complete = True
        self._part = _Part.DONE
