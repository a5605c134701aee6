"""Lost, torn, doubled and disordered lines are told apart, wherever the bytes are cut."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.lines import Tally, ages_ns, tally


def line(number: int, name: str = "1") -> bytes:
    return b"@%s %010d %s\n" % (name.encode(), number, b"x" * 85)


def prefixed(*numbers: int, prefix: bytes = b"s1 | ") -> bytes:
    return b"".join(prefix + line(number) for number in numbers)


def test_a_child_s_line_has_a_hundred_bytes() -> None:
    assert len(line(7)) == 100


def test_whole_lines_with_any_prefix_are_clean() -> None:
    for prefix in (b"", b"s1 | ", b"12:00:00 s1.1   | ", b"\x1b[36m[s1]\x1b[0m "):
        assert tally([prefixed(0, 1, 2, prefix=prefix)], {"1": 3}) == Tally(written=3)


def test_colour_and_a_carriage_return_at_the_end_of_a_line_do_no_harm() -> None:
    shown = line(0)[:-1] + b"\x1b[0m\n" + line(1)[:-1] + b"\r\n"
    assert tally([shown], {"1": 2}) == Tally(written=2)


def test_what_the_tool_says_itself_is_not_counted() -> None:
    shown = b"s1 started with pid 5\n" + prefixed(0, 1) + b"interrupt, stopping\n"
    assert tally([shown], {"1": 2}).is_clean


def test_a_missing_line_is_lost() -> None:
    assert tally([prefixed(0, 2)], {"1": 3}) == Tally(written=3, lost=1)


def test_a_child_of_which_nothing_came_has_lost_everything() -> None:
    assert tally([prefixed(0, 1)], {"1": 2, "2": 5}) == Tally(written=7, lost=5)


def test_a_line_cut_in_two_is_two_torn_ones_and_a_lost_one() -> None:
    cut = line(1)
    shown = line(0) + cut[:40] + b"\n" + b"s1 | " + cut[40:]
    assert tally([shown], {"1": 2}) == Tally(written=2, lost=1, torn=2)


def test_two_lines_glued_are_one_torn_one_and_both_are_lost() -> None:
    glued = line(1)[:-1] + line(0, "2")
    assert tally([line(0) + glued], {"1": 2, "2": 1}) == Tally(written=3, lost=2, torn=1)


def test_an_end_without_a_newline_is_torn_only_if_the_line_is_not_whole() -> None:
    assert tally([line(0) + line(1)[:-1]], {"1": 2}).is_clean
    assert tally([line(0) + line(1)[:50]], {"1": 2}) == Tally(written=2, lost=1, torn=1)


def test_a_line_that_came_twice_is_doubled() -> None:
    assert tally([line(0) + line(1) + line(1)], {"1": 2}) == Tally(written=2, doubled=1)


def test_lines_that_changed_places_are_out_of_order() -> None:
    assert tally([line(1) + line(0)], {"1": 2}) == Tally(written=2, disordered=1)


def test_lines_of_two_children_between_each_other_are_in_order() -> None:
    shown = line(0) + line(0, "2") + line(1) + line(1, "2")
    assert tally([shown], {"1": 2, "2": 2}).is_clean


def test_a_rotated_log_may_lack_its_first_lines_but_has_no_gap_and_goes_to_the_end() -> None:
    assert tally([line(3) + line(4)], {"1": 5}, tail_only=True).is_clean
    assert tally([line(2) + line(4)], {"1": 5}, tail_only=True).lost == 1
    assert tally([line(2) + line(3)], {"1": 5}, tail_only=True).lost == 1


@given(numbers=st.lists(st.integers(0, 9), max_size=30), cuts=st.lists(st.integers(0, 3_000), max_size=20))
def test_where_the_bytes_are_cut_changes_nothing(numbers: list[int], cuts: list[int]) -> None:
    shown = prefixed(*numbers)
    edges = sorted({0, len(shown), *(cut for cut in cuts if cut < len(shown))})
    pieces = [shown[start:end] for start, end in pairwise(edges)]
    assert tally(pieces, {"1": 10}) == tally([shown], {"1": 10})


def test_the_age_of_a_line_is_its_arrival_less_its_writing() -> None:
    pieces = [(1_500, b"s1 | @1 age 1000\ns1 | @1 a"), (2_600, b"ge 2000\nsomething else\n")]
    assert ages_ns(pieces) == [500, 600]
