"""Bytes cut anywhere become whole lines: none lost, none torn, none glued."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.core.lines import LONGEST_LINE, LineBuffer, Lines
from tests.cuts import cut, places

pieces = st.sampled_from([b"\n", b"\r", b"a", b"\xff\x00", b"a line\n", b"\r\n", b"50 %"])
texts = st.lists(pieces).map(b"".join)


def fed(text: bytes, where: list[int]) -> tuple[list[Lines], LineBuffer]:
    buffer = LineBuffer()
    return [lines for chunk in cut(text, where) if (lines := buffer.feed(chunk)) is not None], buffer


@given(texts, places)
def test_the_lines_and_what_is_held_are_the_bytes_that_came(text: bytes, where: list[int]) -> None:
    blocks, buffer = fed(text, where)
    whole, _, unfinished = text.rpartition(b"\n")
    assert b"".join(part for lines in blocks for part in lines.raw) == text[: len(text) - len(unfinished)]
    assert b"\n".join(lines.joined() for lines in blocks) == whole
    assert sum(lines.count for lines in blocks) == text.count(b"\n")
    assert (buffer.held, buffer.peek()) == (len(unfinished), unfinished)


@given(texts, places, st.sampled_from([b"", b"web | ", b"\x1b[36mweb\x1b[0m | "]))
def test_every_line_gets_its_prefix_and_its_end(text: bytes, where: list[int], prefix: bytes) -> None:
    blocks, _ = fed(text, where)
    shown = b"".join(part for lines in blocks for part in lines.prefixed(prefix))
    assert shown == b"".join(prefix + line + b"\n" for line in text.split(b"\n")[:-1])


@given(texts, places, texts)
def test_what_is_taken_is_held_no_more_and_changes_no_line_before(
    text: bytes, where: list[int], more: bytes
) -> None:
    blocks, buffer = fed(text, where)
    before = [lines.joined() for lines in blocks]
    assert buffer.take() == text.rpartition(b"\n")[2]
    buffer.feed(more)
    assert [lines.joined() for lines in blocks] == before
    assert buffer.peek() == more.rpartition(b"\n")[2]


def test_an_empty_line_is_a_line() -> None:
    buffer = LineBuffer()
    assert buffer.feed(b"") is None
    lines = buffer.feed(b"\n")
    assert lines is not None
    assert (lines.count, lines.joined()) == (1, b"")


@pytest.mark.parametrize("reads", [1, 500])
def test_a_line_of_ten_megabytes_stays_whole(reads: int) -> None:
    buffer, line = LineBuffer(), b"x" * 10_000_000
    size = len(line) // reads
    assert all(buffer.feed(line[at : at + size]) is None for at in range(0, len(line), size))
    assert not buffer.is_full
    lines = buffer.feed(b"\nnext")
    assert lines is not None
    assert lines.joined() == line
    assert buffer.take() == b"next"


def test_who_never_ends_a_line_does_not_fill_the_memory() -> None:
    buffer = LineBuffer()
    buffer.feed(b"x" * LONGEST_LINE)
    assert not buffer.is_full
    buffer.feed(b"!")
    assert buffer.is_full
    assert len(buffer.take()) == LONGEST_LINE + 1
    assert not buffer.is_full


@pytest.mark.parametrize(
    ("drawn", "kept"),
    [
        (b"10 %\r20 %\r30 %", b"\r30 %"),
        (b"10 %\r20 %\r", b"\r20 %\r"),
        (b"10 %\r", b"10 %\r"),
        (b"10 %\r20 %\r\r", b"\r20 %\r\r"),
        (b"\r10 %", b"\r10 %"),
        (b"a prompt: ", b"a prompt: "),
        (b"", b""),
    ],
)
def test_of_a_progress_bar_only_what_a_terminal_still_shows_is_held(drawn: bytes, kept: bytes) -> None:
    buffer = LineBuffer()
    buffer.feed(drawn)
    buffer.forget_overwritten()
    assert buffer.peek() == kept
