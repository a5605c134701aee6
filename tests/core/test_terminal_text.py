"""What a service prints → what may reach a terminal that it shares with others."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.core.terminal_text import (
    RESET,
    beginning_for_terminal,
    columns_of,
    lines_for_terminal,
    one_row,
)

PREFIX = b"api | "
START = b"\r" + PREFIX
WORDS = (
    b"\x1b[31m",
    b"\x1b[2J",
    b"\x1b[12;",
    b"\x1b",
    b"\x1b]0;title\x07",
    b"\x1b]8;;http://x/\x1b\\",
    b"\x1b]",
    b"\x1bP1$q\x1b\\",
    b"\x1bP",
    b"\x1b(0",
    b"\x1b#",
    b"\r",
    b"\r\n",
    b"\n",
    b"text",
    b"m",
    b"0",
    b"[",
    b"\\",
    b"\x07",
    b"\xc2",
    b"\x9b",
    b"\xc2\x9b2",
    b"\xc3\xa9",
    b"\x0e\x0c\x05",
    b"\x1b[K",
    b"\x1b[5G",
)
texts = st.lists(st.sampled_from(WORDS), max_size=14).map(b"".join)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (b"plain caf\xc3\xa9 \xff\0", b"plain caf\xc3\xa9 \xff\0"),
        (b"\x1b[1;38:2::1:2:3mred\x1b[m", b"\x1b[1;38:2::1:2:3mred\x1b[m" + RESET),
        (b"one\r\ntwo\r\r\nthree\r", b"one\ntwo\nthree"),
        (b" 1%\r 2%\r 3%", b" 1%" + START + b" 2%" + START + b" 3%"),
        (b"a\x1b[Kb\x1b[0Kc\x1b[Jd", b"a\x1b[Kb\x1b[Kc\x1b[Kd" + RESET),
        (b"ab\x1b[2Kc", b"ab" + START + b"\x1b[Kc" + RESET),
        (b"ab\x1b[1Kc", b"abc"),
        (b"ab\x1b[Gc\x1b[1Gd\x1b[5Ge", b"ab" + START + b"c" + START + b"d" + START + b"\x1b[4Ce" + RESET),
        (b"ab\x1b[3Dc\x1b[1000Dd", b"ab\x1b[3Dc" + START + b"d" + RESET),
        (b"\x1b[3Cab\x1b[2Xc", b"\x1b[3Cab\x1b[2Xc" + RESET),
        (b"a\x1b[2J\x1b[H\x1b[1;1f\x1b[3A\x1b[4B\x1b[2E\x1b[F\x1b[5db", b"ab"),
        (b"a\x1b[?1049h\x1b[?25l\x1b[>4;1m\x1b[?1000h\x1b[2;5r\x1b[6n\x1b[cb", b"ab"),
        (b"a\x1bc\x1b7\x1b8\x1bM\x1bD\x1bE\x1b(0\x1b)B\x1b#8\x1b=\x1b>b", b"ab"),
        (b"a\x1b]0;title\x07\x1b]52;c;cGFzdGU=\x1b\\b", b"ab"),
        (b"\x1b]8;;http://x/\x1b\\link", b"\x1b]8;;http://x/\x1b\\link" + RESET + b"\x1b]8;;\x1b\\"),
        (b"a\x1bPq#0\x1b\\\x1b_x\x1b\\\x1b^y\x1b\\\x1bXz\x1b\\b", b"ab"),
        (b"a\x05\x0b\x0c\x0e\x0fb\x07\bc", b"ab\x07\bc"),
        (b"a\xc2\x9b2J\xc2\x85b\xc2\xa9", b"ab\xc2\xa9"),
        (b"a\x1b[12\nb\x1b]0;x\nc\x1b\nd", b"a\nb0;x\nc\nd"),
        (b"\x1b[31mred\nplain", b"\x1b[31mred" + RESET + b"\nplain" + RESET),
    ],
)
def test_each_sequence_is_passed_on_turned_into_something_harmless_or_left_out(
    text: bytes, shown: bytes
) -> None:
    assert lines_for_terminal(text, PREFIX) == shown


HARMLESS = re.compile(
    rb"\x1b\[(?:[0-9;:]*m|K|[0-9]*[CDXP@])|\x1b\]8;[^\x07\x1b\n]*(?:\x07|\x1b\\)|\r(?=api \| )"
)


@given(text=texts)
def test_nothing_that_moves_out_of_the_line_comes_through(text: bytes) -> None:
    shown = HARMLESS.sub(b"", lines_for_terminal(text, PREFIX))
    assert not re.search(rb"[\x1b\r\x0b\x0c\x0e\x0f\x05]", shown)
    assert shown.count(b"\n") == text.count(b"\n")


@given(text=texts, at=st.integers(0, 60))
def test_the_beginning_of_a_line_is_the_beginning_of_what_the_whole_line_is(text: bytes, at: int) -> None:
    line = text.replace(b"\n", b"")
    piece = line[:at]
    assert lines_for_terminal(line, PREFIX).startswith(beginning_for_terminal(piece, PREFIX))


@given(text=texts, first=st.integers(0, 60), second=st.integers(0, 60))
def test_a_longer_beginning_begins_with_a_shorter_one(text: bytes, first: int, second: int) -> None:
    line = text.replace(b"\n", b"")
    shorter, longer = sorted((first, second))
    assert beginning_for_terminal(line[:longer], PREFIX).startswith(
        beginning_for_terminal(line[:shorter], PREFIX)
    )


@pytest.mark.parametrize(
    ("piece", "row"),
    [
        (b"Name: ", b"Name: "),
        (b"\x1b[1mBold?\x1b[0m ", b"Bold? "),
        (b" 1%\r 2%\r 3%", b" 3%"),
        (b" 1%\r 2%\r", b" 2%"),
        (b"a\tb\x07c", b"a bc"),
        ("日本語".encode(), "日本語".encode()),
        ("日本語日本".encode(), "日本語日".encode()),
        ("e\u0301" * 9).encode() and (("e\u0301" * 9).encode(), ("e\u0301" * 8).encode()),
        (b"cut \xe6\x97", "cut \ufffd".encode()),
        (b"0123456789", b"01234567"),
    ],
)
def test_an_unfinished_line_is_cut_to_one_row(piece: bytes, row: bytes) -> None:
    assert one_row(piece, 8) == row


@given(piece=st.binary(max_size=60), columns=st.integers(1, 20))
def test_one_row_is_never_wider_than_its_room_and_holds_no_control(piece: bytes, columns: int) -> None:
    row = one_row(piece, columns)
    assert columns_of(row) <= columns
    assert row.decode().isprintable()


def test_columns_are_those_of_the_widest_line_without_its_colours() -> None:
    assert columns_of("\x1b[1m╭──╮\x1b[0m\nab\n日本語\n".encode()) == 6
    assert columns_of(b"") == 0
