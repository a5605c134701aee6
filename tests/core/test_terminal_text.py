"""What of a service's output may reach a terminal that it shares with others."""

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

PREFIX = b"\x1b[36mweb\x1b[0m | "
LINK = b"\x1b]8;;http://localhost\x1b\\page\x1b]8;;\x1b\\"
LINK_END = b"\x1b]8;;\x1b\\"

pieces = st.sampled_from(
    [
        b"text",
        b"\n",
        b"\r",
        b"\r\n",
        b"\x1b[31m",
        b"\x1b[1;38:5:9m",
        b"\x1b[0m",
        b"\x1b[2J",
        b"\x1b[3A",
        b"\x1b[K",
        b"\x1b[2K",
        b"\x1b[7G",
        b"\x1b[999D",
        b"\x1b[2D",
        b"\x1b[?1049h",
        b"\x1b]0;title\x07",
        b"\x1b]52;c;AAAA\x1b\\",
        LINK,
        b"\x1bP+q\x1b\\",
        b"\x1bc",
        b"\x1b(0",
        b"\x1b",
        b"\x1b[",
        b"\x1b]0;",
        b"\x0e",
        b"\x05",
        b"\xc2\x9b2J",
        b"\xc2\x85",
        "süß".encode(),
        b"\xff",
        b"\t",
    ]
)
texts = st.lists(pieces, max_size=12).map(b"".join)

ALLOWED = re.compile(
    rb"\x1b\[[0-9;:]*m | \x1b\[[0-9;]*[KCXP@D] | \x1b\]8;[^\x07\x1b\n]*(?:\x07|\x1b\\)", re.VERBOSE
)


@pytest.mark.parametrize("text", [b"", b"plain", b"two\nlines", b"\ttab", "süß".encode(), b"\xff\x00\xfe"])
def test_plain_text_is_left_as_it_is(text: bytes) -> None:
    assert lines_for_terminal(text, PREFIX) == text
    assert beginning_for_terminal(text, PREFIX) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (b"from windows\r\nto windows\r", b"from windows\nto windows"),
        (b"10 %\r20 %", b"10 %\r> 20 %"),
        (b"a\x1b[2Jb\x1b[Hc", b"abc"),
        (b"a\x1b[?25lb", b"ab"),
        (b"a\x1b]0;title\x07b\x1b]52;c;AA\x1b\\c", b"abc"),
        (b"a\x1bP+q\x1b\\b\x1bcc\x1b(0d\x0e\x05", b"abcd"),
        (b"a\xc2\x9b2Jb\xc2\x85c", b"abc"),
        (b"a\x1b[Kb", b"a\x1b[Kb" + RESET),
        (b"a\x1b[Jb", b"a\x1b[Kb" + RESET),
        (b"a\x1b[1Jb\x1b[1Kc", b"abc"),
        (b"a\x1b[2Kb", b"a\r> \x1b[Kb" + RESET),
        (b"a\x1b[5Gb", b"a\r> \x1b[4Cb" + RESET),
        (b"a\x1b[1Gb", b"a\r> b"),
        (b"a\x1b[1000Db", b"a\r> b"),
        (b"a\x1b[2Db", b"a\x1b[2Db" + RESET),
        (b"a\x1b[3Cb", b"a\x1b[3Cb" + RESET),
        (b"a\x1b[99999Gb", b"a\r> b"),
        (b"a\x1b[1;2Gb", b"a\r> b"),
    ],
)
def test_what_stays_within_the_line_is_kept_and_the_rest_left_out(text: bytes, shown: bytes) -> None:
    assert lines_for_terminal(text, b"> ") == shown


def test_a_colour_or_a_link_ends_with_its_line() -> None:
    assert lines_for_terminal(b"\x1b[31mred\nstill", b"> ") == b"\x1b[31mred" + RESET + b"\nstill" + RESET
    assert lines_for_terminal(LINK, b"> ") == LINK + RESET + LINK_END


@given(texts)
def test_nothing_reaches_the_terminal_that_moves_beyond_the_line(text: bytes) -> None:
    shown = ALLOWED.sub(b"", lines_for_terminal(text, b"> ")).replace(b"\r> ", b"")
    assert not re.search(rb"[\x1b\x05\x0b\x0c\x0e\x0f]|\xc2[\x80-\x9f]|\r(?!> )", shown)


@given(texts)
def test_no_line_is_added_or_lost(text: bytes) -> None:
    assert lines_for_terminal(text, PREFIX).count(b"\n") == text.count(b"\n")


@given(texts.map(lambda text: text.replace(b"\n", b"")), st.integers(min_value=0))
def test_a_line_that_is_shown_piece_by_piece_is_the_same_in_the_end(line: bytes, where: int) -> None:
    piece = line[: where % (len(line) + 1)]
    assert lines_for_terminal(line, PREFIX).startswith(beginning_for_terminal(piece, PREFIX))


@pytest.mark.parametrize(
    ("piece", "columns", "shown"),
    [
        (b"Proceed? [y/n] ", 80, b"Proceed? [y/n] "),
        (b"10 %\r20 %\r", 80, b"20 %"),
        (b"\x1b[1mbold\x1b[0m", 80, b"bold"),
        (b"a\tb\x07c", 80, b"a       bc"),
        (b"too long", 3, b"too"),
        ("日本語".encode(), 5, "日本".encode()),
        ("e\u0301te\u0301".encode(), 3, "e\u0301te\u0301".encode()),
        (b"", 80, b""),
    ],
)
def test_an_unfinished_line_is_shown_in_one_row(piece: bytes, columns: int, shown: bytes) -> None:
    assert one_row(piece, columns) == shown


@pytest.mark.parametrize(
    ("text", "columns"), [(b"", 0), (b"two\nlines", 5), (PREFIX, 6), ("日本".encode(), 4)]
)
def test_the_columns_are_those_of_the_widest_line(text: bytes, columns: int) -> None:
    assert columns_of(text) == columns
