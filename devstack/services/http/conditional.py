"""What a request's headers ask of a representation: fresh or not, which part of it, how coded (RFC 9110)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

ENTITY_TAG = re.compile(r'(?:W/)?"[^"]*"')
RANGE = re.compile(r"bytes=\s*(\d*)-(\d*)\s*", re.IGNORECASE)
HASH_PART = re.compile(r"[-.]([A-Za-z0-9_]{8,64})\.[a-z0-9]+(?:\.map)?$")


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes `start` up to and not including `end`."""

    start: int
    end: int


UNSATISFIABLE = ByteRange(0, 0)
BEYOND = 10**18


def http_date(mtime_ns: int) -> str:
    """Return the time as an IMF-fixdate (RFC 9110, section 5.6.7)."""
    return format_datetime(datetime.fromtimestamp(mtime_ns // 10**9, UTC), usegmt=True)


def is_fresh(etag: str, mtime_ns: int | None, none_match: str | None, modified_since: str | None) -> bool:
    """Say whether the client's copy still holds, so that 304 answers it (section 13.2.2).

    If-None-Match rules where it is there, and compares weakly; the date counts in whole seconds.
    """
    if none_match is not None:
        if none_match.strip() == "*":
            return True
        return etag.removeprefix("W/") in {tag.removeprefix("W/") for tag in ENTITY_TAG.findall(none_match)}
    since = _timestamp(modified_since)
    return since is not None and mtime_ns is not None and mtime_ns // 10**9 <= since


def byte_range(header: str | None, size: int) -> ByteRange | None:
    """Return the one range that `header` asks for, UNSATISFIABLE, or None for the whole (section 14.2).

    More than one range, another unit, and what is malformed are answered with the whole, as is allowed.
    """
    match = RANGE.fullmatch(header.strip()) if header else None
    if match is None or match.group(1) == match.group(2) == "":
        return None
    first, last = match.groups()
    if not first:
        length = min(_position(last), size)
        return ByteRange(size - length, size) if length else UNSATISFIABLE
    start, end = _position(first), min(_position(last) + 1, size) if last else size
    if last and _position(last) < start:
        return None
    return ByteRange(start, end) if start < size else UNSATISFIABLE


def _position(digits: str) -> int:
    """Return the number, or one beyond the end of any file: int() refuses thousands of digits."""
    significant = digits.lstrip("0") or "0"
    return int(significant) if len(significant) < 19 else BEYOND


def range_still_applies(if_range: str | None, etag: str, mtime_ns: int | None) -> bool:
    """Say whether If-Range, where given, names just this representation (section 13.1.5): else send all."""
    if if_range is None:
        return True
    if if_range.startswith(('"', "W/")):
        return not etag.startswith("W/") and if_range == etag
    stated = _timestamp(if_range)
    return stated is not None and mtime_ns is not None and mtime_ns // 10**9 == stated


def accepts_gzip(header: str | None) -> bool:
    """Say whether Accept-Encoding wants gzip (section 12.5.3): named, or `*`, with a q that is not 0 and not
    below that of `identity`, where that is named.
    """
    weights: dict[str, float] = {}
    for part in (header or "").lower().split(","):
        coding, _, parameter = part.partition(";")
        weights[coding.strip()] = _weight(parameter)
    weight = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0)))
    return weight > 0 and weight >= weights.get("identity", 0.0)


def accepts_html(header: str | None) -> bool:
    """Say whether the request is a navigation: it names text/html, which a script's or image's never does."""
    return bool(_media_ranges(header) & {"text/html", "application/xhtml+xml"})


def takes_anything(accept: str | None, destination: str | None) -> bool:
    """Say whether a request may be for a page without naming its type, as curl's and `fetch()`'s are.

    `destination` is Sec-Fetch-Dest, by which browsers tell that a script, a style or an image is meant.
    """
    is_open = not (accept or "").strip() or bool(_media_ranges(accept) & {"*/*", "text/*"})
    return is_open and destination in (None, "empty", "document")


def _media_ranges(header: str | None) -> set[str]:
    return {part.partition(";")[0].strip().lower() for part in (header or "").split(",")}


def is_hashed_name(name: str) -> bool:
    """Say whether a bundler put a content hash into the file's name, so that its content never changes.

    Being wrong here would leave a stale file in browsers for a year, so a word with a number behind it
    (`app-version2.js`) or a date is not enough: hex with digits and letters, or mixed case with digits.
    """
    match = HASH_PART.search(name)
    return match is not None and (_is_hex_hash(match.group(1)) or _is_base64_hash(match.group(1)))


def _is_hex_hash(part: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{8,64}", part) is not None and not part.isdigit() and not part.isalpha()


def _is_base64_hash(part: str) -> bool:
    """Take mixed case only with a digit within: `lineChart` is a word, `B1aXq8_z` is none."""
    return (
        any(char.isdigit() for char in part[:-1])
        and any(char.isupper() for char in part[1:])
        and any(char.islower() for char in part)
    )


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


def _timestamp(text: str | None) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp() if text else None
    except (ValueError, TypeError, OverflowError):
        return None
