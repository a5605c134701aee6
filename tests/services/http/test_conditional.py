from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.services.http.conditional import (
    UNSATISFIABLE,
    ByteRange,
    accepts_gzip,
    accepts_html,
    byte_range,
    is_fresh,
    is_hashed_name,
    takes_anything,
)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-4", ByteRange(0, 5)),
        ("bytes=5-", ByteRange(5, 10)),
        ("bytes=-3", ByteRange(7, 10)),
        ("bytes=-300", ByteRange(0, 10)),
        ("bytes=9-99", ByteRange(9, 10)),
        ("bytes=10-", UNSATISFIABLE),
        (f"bytes=0-{'9' * 5000}", ByteRange(0, 10)),
        (f"bytes=-{'9' * 5000}", ByteRange(0, 10)),
        (f"bytes={'9' * 5000}-", UNSATISFIABLE),
        (f"bytes={'0' * 5000}1-", ByteRange(1, 10)),
        ("bytes=-0", UNSATISFIABLE),
        ("bytes=5-4", None),
        ("bytes=a-b", None),
        ("bytes=-", None),
        ("bytes=0-1,3-4", None),
        ("lines=0-1", None),
        (None, None),
    ],
)
def test_a_range_of_ten_bytes(header: str | None, expected: ByteRange | None) -> None:
    assert byte_range(header, 10) == expected


@given(st.text(), st.integers(0, 1000))
def test_a_range_never_leaves_the_body(header: str, size: int) -> None:
    found = byte_range(f"bytes={header}", size)
    assert found in (None, UNSATISFIABLE) or 0 <= found.start < found.end <= size


def test_an_entity_tag_rules_over_the_date() -> None:
    late = "Fri, 31 Dec 2100 23:59:59 GMT"
    assert not is_fresh('"a"', 0, '"b"', late)
    assert is_fresh('"a"', 0, 'W/"x", W/"a"', None)
    assert is_fresh('"a"', 0, "*", None)
    assert is_fresh('"a"', 0, None, late)
    assert not is_fresh('"a"', 10**18, None, "not a date")


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("gzip", True),
        ("deflate, gzip;q=0.5", True),
        ("GZIP", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip;q=0, *", False),
        ("*;q=0", False),
        ("br", False),
        ("", False),
        (None, False),
        ("gzip;q=x", False),
        ("gzip;q=0.5, identity", False),
        ("gzip, identity;q=0.5", True),
        ("identity;q=0, *", True),
    ],
)
def test_gzip_is_used_only_where_it_is_accepted(header: str | None, accepted: bool) -> None:
    assert accepts_gzip(header) is accepted


def test_only_a_navigation_accepts_html() -> None:
    assert accepts_html("text/html,application/xhtml+xml,*/*;q=0.8")
    assert not accepts_html("*/*")
    assert not accepts_html(None)


@pytest.mark.parametrize(
    ("accept", "destination", "taken"),
    [
        (None, None, True),
        ("", None, True),
        ("*/*", None, True),
        ("*/*", "empty", True),
        ("*/*", "script", False),
        ("image/avif,image/webp,*/*;q=0.8", "image", False),
        ("application/json", None, False),
    ],
)
def test_a_page_may_be_meant_by_what_asks_for_anything(
    accept: str | None, destination: str | None, taken: bool
) -> None:
    assert takes_anything(accept, destination) is taken


@pytest.mark.parametrize(
    "name", ["app.3f2a9c1b.js", "index-B1aXq8z_.css", "chunk-0d4f6a7be2.js.map", "logo.ab12cd34ef56.svg"]
)
def test_a_name_with_a_content_hash_is_known(name: str) -> None:
    assert is_hashed_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "index.html",
        "trading-client.js",
        "hot-replacement.js",
        "app-version2.js",
        "report-20261124.js",
        "my-lineChart.js",
        "deadbeef.js",
        "jquery-3.7.1.min.js",
        "a-Facade00.js",
    ],
)
def test_a_word_is_no_hash_however_long(name: str) -> None:
    assert not is_hashed_name(name)
