"""Bytes cut anywhere → whole lines. No I/O.

Nothing is copied but what must be: the lines stay in the chunk in which they came, and prefixing them is one
`bytes.replace` over the whole chunk (a loop over its lines costs three times as much).
"""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_LINE = 32 * 1024 * 1024
"""Bytes that are held back for one line at most: whoever never writes a newline must not fill the memory."""

Buffer = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class Lines:
    """One or more whole lines: `head`, held back before, and then `chunk` up to `end`, behind a newline."""

    head: Buffer
    chunk: bytes
    end: int

    @property
    def count(self) -> int:
        """Return how many lines these are."""
        return self.chunk.count(b"\n", 0, self.end)

    @property
    def raw(self) -> list[Buffer]:
        """Return the lines as they came."""
        body = self.chunk if self.end == len(self.chunk) else memoryview(self.chunk)[: self.end]
        return [self.head, body] if self.head else [body]

    def prefixed(self, prefix: bytes) -> list[Buffer]:
        """Return the lines, each behind `prefix`."""
        # The whole chunk takes the replacement and is then seen up to where the lines end: slicing it first
        # would copy it once more.
        replaced = self.chunk.replace(b"\n", b"\n" + prefix)
        rest = len(self.chunk) - self.end + len(prefix)
        body = memoryview(replaced)[: len(replaced) - rest]
        return [prefix, self.head, body] if self.head else [prefix, body]

    def joined(self) -> bytes:
        """Return the lines as one, the last one's newline left out."""
        return bytes(self.head) + self.chunk[: self.end - 1]


class LineBuffer:
    """Holds back the piece of a line that has no end yet."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = bytearray()

    @property
    def held(self) -> int:
        """Return how many bytes wait for the end of their line."""
        return len(self._held)

    @property
    def is_full(self) -> bool:
        """Say whether the line is longer than what is held back; then `take` it."""
        return len(self._held) > LONGEST_LINE

    def feed(self, chunk: bytes) -> Lines | None:
        """Take `chunk`; return all lines that are whole now, None where none ended."""
        end = chunk.rfind(b"\n") + 1
        if end == 0:
            self._held += chunk
            return None
        lines = Lines(self._held, chunk, end)
        self._held = bytearray(chunk[end:])
        return lines

    def peek(self) -> bytes:
        """Return the piece that is held back."""
        return bytes(self._held)

    def take(self) -> bytes:
        """Return the piece that is held back and hold it no more."""
        piece = bytes(self._held)
        self._held = bytearray()
        return piece

    def forget_overwritten(self) -> None:
        """Forget what a carriage return has taken back: no terminal shows it any more.

        For a progress bar that goes on for hours without a newline. The carriage return stays.
        """
        last = self._held.rfind(b"\r", 0, len(self._held.rstrip(b"\r")))
        if last > 0:
            del self._held[:last]
