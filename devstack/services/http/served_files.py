"""From the path of a URL to a file below one root, and to nothing else, by whatever spelling or link."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

LONGEST_PATH = 4096
ON_WINDOWS = os.name == "nt"  # where `ENV~1` may mean `.env`
FORBIDDEN = frozenset('/\\:"*<>|?')
"""What no segment may contain: separators, and what means something else on Windows (streams, drives)."""


@dataclass(frozen=True, slots=True)
class ServedFile:
    """A regular file below the root: its real path, its URL path from the root, and its identity."""

    path: str
    url: str
    size: int
    mtime_ns: int
    stamp: int  # changes whenever the file's content may have


def split_url_path(raw_path: bytes) -> tuple[str, ...] | None:
    """Return the decoded segments of `raw_path`, or None where one could lead out of the root.

    An empty last segment stands for a folder. Each segment is decoded once (RFC 3986, section 2.4), after
    the split, so that %2f separates nothing.
    """
    if not raw_path.startswith(b"/") or len(raw_path) > LONGEST_PATH:
        return None
    segments = []
    for raw in raw_path[1:].split(b"/"):
        try:
            segments.append(unquote_to_bytes(raw).decode("utf-8"))
        except UnicodeDecodeError:
            return None
    named = segments if segments[-1] else segments[:-1]
    return tuple(segments) if all(_is_plain(segment) for segment in named) else None


def _is_plain(segment: str) -> bool:
    """Refuse the empty, dotfiles (`.` and `..` among them), separators, controls and Windows' spellings."""
    return (
        bool(segment)
        and not segment.startswith(".")
        and not segment.endswith((".", " "))
        and not any(char < " " or char == "\x7f" or char in FORBIDDEN for char in segment)
    )


def find_file(root: str, segments: tuple[str, ...]) -> ServedFile | None:
    """Return the regular file that `segments` name below `root` (a real path), or None.

    A link is followed as long as it stays below the root and meets no dotfile there.
    """
    path, status = root, None
    try:
        for segment in segments:
            path = f"{path}{os.sep}{segment}"
            status = os.lstat(path)
            if stat.S_ISLNK(status.st_mode) or ON_WINDOWS:
                path = _resolve(root, segments)
                status = os.lstat(path)
                break
    except (OSError, ValueError):
        return None
    if status is None or not stat.S_ISREG(status.st_mode):
        return None
    return ServedFile(path, "/" + "/".join(segments), status.st_size, status.st_mtime_ns, stamp_of(status))


def _resolve(root: str, segments: tuple[str, ...]) -> str:
    """Return what links and short names lead to; FileNotFoundError if that is not to be served."""
    real = os.path.realpath(os.path.join(root, *segments))
    below = os.path.relpath(real, root).split(os.sep)
    if any(part.startswith(".") for part in below):  # `..` leads out, `.` is the root itself
        raise FileNotFoundError(real)
    return real


def is_folder(root: str, segments: tuple[str, ...]) -> bool:
    """Say whether `segments` name a folder that has an index.html which would be served."""
    return find_file(root, (*segments, "index.html")) is not None


def begins_with_a_file(root: str, segments: tuple[str, ...]) -> bool:
    """Say whether the first of `segments` is a file, a folder or a link in `root`, to be served or not."""
    return os.path.lexists(os.path.join(root, segments[0]))


def stamp_of(status: os.stat_result) -> int:
    """Return a number that differs after every change: a restored old file has a new inode or ctime."""
    return hash((status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino))


def read_part(path: str, start: int, length: int) -> bytes:
    """Return up to `length` bytes from `start`; never waits for a FIFO, never follows a last-moment link."""
    flags = (
        os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    )
    descriptor = os.open(path, flags)
    with os.fdopen(descriptor, "rb") as file:
        file.seek(start)
        return file.read(length)
