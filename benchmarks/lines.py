"""Counts the children's lines in what a tool has shown: lost, torn, doubled, out of order. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

_WHOLE = re.compile(rb"^[^\n@]{0,80}@(\w) (\d{10}) x{85}(?:\x1b\[[\d;]*[mK])*\r?$", re.MULTILINE)
_AGE = re.compile(rb"@\w age (\d+)")
_BLOCK = 8 << 20


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the lines of one or more children."""

    written: int = 0
    lost: int = 0
    torn: int = 0
    doubled: int = 0
    disordered: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.written + other.written,
            self.lost + other.lost,
            self.torn + other.torn,
            self.doubled + other.doubled,
            self.disordered + other.disordered,
        )

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.torn or self.doubled or self.disordered)


def _blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Join pieces cut anywhere to large blocks that end at the end of a line, the last one perhaps not."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= _BLOCK:
            block, newline, rest = b"".join(held).rpartition(b"\n")
            yield block + newline
            held, size = [rest], len(rest)
    if size:
        yield b"".join(held)


def _torn(block: bytes, whole: int) -> int:
    """Return how many lines of a block hold a child's bytes and are no whole line of its."""
    if block.count(b"\n") == whole and block.endswith(b"\n"):
        return 0
    return sum(
        1 for line in block.split(b"\n") if (b"@" in line or b"xxx" in line) and not _WHOLE.match(line)
    )


def tally(pieces: Iterable[bytes], written: dict[str, int], *, tail_only: bool = False) -> Tally:
    """Count the lines of the children whose ids are the keys of `written`, against how many each wrote.

    A line counts as whole with any prefix of up to 80 bytes, and colour or a carriage return behind it; what
    holds two lines, or a part of one, is torn. `tail_only`: a rotated log, in which the first lines may be
    missing; what is there must have no gap up to the last.
    """
    numbers: dict[str, list[int]] = {name: [] for name in written}
    torn = 0
    for block in _blocks(pieces):
        found = _WHOLE.findall(block)
        torn += _torn(block, len(found))
        for name, number in found:
            numbers.setdefault(name.decode(), []).append(int(number))
    counts = [_judge(seen, written.get(name, 0), tail_only) for name, seen in numbers.items()]
    return sum(counts, Tally(torn=torn))


def _judge(seen: list[int], written: int, tail_only: bool) -> Tally:
    distinct = set(seen)
    first = min(distinct, default=written) if tail_only else 0
    # A child that was killed may have written a little more than it had noted.
    lost = sum(1 for number in range(first, written) if number not in distinct)
    disordered = sum(1 for before, after in pairwise(seen) if after < before)
    return Tally(written, lost, 0, len(seen) - len(distinct), disordered)


def ages_ns(pieces: Iterable[tuple[int, bytes]]) -> list[int]:
    """Return how old each line with a time in it was when it arrived, in ns."""
    rest = b""
    ages: list[int] = []
    for arrived, data in pieces:
        whole, newline, rest = (rest + data).rpartition(b"\n")
        ages.extend(arrived - int(written) for written in _AGE.findall(whole + newline))
    return ages
