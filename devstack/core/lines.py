"""Bytes cut anywhere → whole lines, and lines → what a screen shows. No I/O."""

from __future__ import annotations

LONGEST_LINE = 32 * 1024 * 1024
"""Bytes after which a line is cut: whoever never writes a newline must not fill the memory."""


class LineBuffer:
    """Holds back the piece of a line that has no end yet.

    The pieces of a long line are kept apart and joined once: a line of 10 MB is not copied at every read.
    """

    __slots__ = ("_pieces", "held")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.held = 0

    def feed(self, chunk: bytes) -> bytes | None:
        """Take `chunk`; return all lines that are whole now, the last one's newline left out.

        Returns None where no line ended; b"" is one empty line. `held` is the bytes that wait.
        """
        cut = chunk.rfind(b"\n")
        if cut < 0:
            self._hold(chunk)
            return self.take() if self.held > LONGEST_LINE else None
        block = chunk[:cut]
        if self._pieces:
            block = b"".join((*self._pieces, block))
            self._pieces.clear()
        self.held = 0
        self._hold(chunk[cut + 1 :])
        return block

    def _hold(self, chunk: bytes) -> None:
        if chunk:
            self._pieces.append(chunk)
            self.held += len(chunk)

    def peek(self) -> bytes:
        """Return the piece that is held back."""
        if len(self._pieces) > 1:
            self._pieces = [b"".join(self._pieces)]
        return self._pieces[0] if self._pieces else b""

    def take(self) -> bytes:
        """Return the piece that is held back and hold it no more."""
        piece = self.peek()
        self._pieces.clear()
        self.held = 0
        return piece


def prefixed(block: bytes, prefix: bytes) -> bytes:
    """Return the lines of `block` (its last newline left out), each behind `prefix`, all ended.

    One replace over the whole block: a loop over its lines costs three times as much.
    """
    return b"".join((prefix, block.replace(b"\n", b"\n" + prefix), b"\n"))


def for_terminal(block: bytes, prefix: bytes) -> bytes:
    """Return `block` with a progress bar's carriage returns going back behind the prefix, not before it."""
    if b"\r" not in block:
        return block
    return block.replace(b"\r\n", b"\n").removesuffix(b"\r").replace(b"\r", b"\r" + prefix)


def count_lines(block: bytes) -> int:
    """Return how many lines `block` has, its last newline left out."""
    return block.count(b"\n") + 1
