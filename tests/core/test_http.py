"""Reading HTTP responses out of bytes cut anywhere."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.core.http import MAX_HEAD, BodyReader, Head, HttpError, get_request, request_target, split_head
from tests.cuts import cut, places

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\n\r\n"


def head_of(*headers: tuple[str, str], status: int = 200) -> Head:
    return Head((1, 1), status, "", headers)


def read(head: Head, *pieces: bytes, limit: int = 10_000, ended: bool = False) -> BodyReader:
    reader = BodyReader(head, limit=limit)
    for piece in pieces:
        reader.feed(piece)
    if ended:
        reader.end()
    return reader


def chunked(pieces: list[bytes]) -> bytes:
    return (
        b"".join(b"%x;note=1\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece)
        + b"0\r\nT: 1\r\n\r\n"
    )


class TestHead:
    def test_a_head_is_split_from_what_comes_behind_it(self) -> None:
        head, rest = split_head(OK + b"body") or pytest.fail("incomplete")
        assert (head.version, head.status, head.reason, rest) == ((1, 1), 200, "OK", b"body")
        assert head.get("content-type") == "text/plain"
        assert head.all("set-cookie") == ("a=1", "b=2")
        assert head.get("set-cookie") == "a=1, b=2"

    def test_every_beginning_of_a_head_waits_for_more(self) -> None:
        assert all(split_head(OK[:size]) is None for size in range(len(OK)))

    def test_bare_line_feeds_and_a_missing_reason_are_understood(self) -> None:
        head, rest = split_head(b"HTTP/1.0 404\nA: b\n\nrest") or pytest.fail("incomplete")
        assert (head.status, head.reason, head.headers, rest) == (404, "", (("a", "b"),), b"rest")

    def test_tokens_are_split_at_commas_over_several_lines(self) -> None:
        head = head_of(("connection", "keep-alive, Upgrade"), ("connection", "x,,"))
        assert head.tokens("connection") == ("keep-alive", "upgrade", "x")

    @pytest.mark.parametrize("start", [b"SSH-2.0-OpenSSH", b"\x15\x03\x01\x00\x02", b"HTTQ", b"h"])
    def test_what_is_not_http_is_refused_from_its_first_bytes_on(self, start: bytes) -> None:
        with pytest.raises(HttpError, match="not HTTP") as caught:
            split_head(start)
        assert caught.value.start == start

    @pytest.mark.parametrize(
        "raw",
        [
            b"HTTP/1.1 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nnone\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n folded: x\r\n\r\n",
        ],
    )
    def test_a_broken_head_is_an_error(self, raw: bytes) -> None:
        with pytest.raises(HttpError):
            split_head(raw)

    def test_a_head_without_end_is_refused_at_the_limit(self) -> None:
        endless = b"HTTP/1.1 200 OK\r\nA: " + b"x" * MAX_HEAD
        assert split_head(endless[: MAX_HEAD - 1]) is None
        with pytest.raises(HttpError, match="longer than 64 KiB"):
            split_head(endless)

    @given(st.binary(max_size=200))
    def test_no_bytes_make_it_fail_otherwise(self, data: bytes) -> None:
        for start in (b"", b"HTTP/1.1 200 OK\r\n"):
            with suppress(HttpError):
                split_head(start + data)


class TestBody:
    @given(st.lists(st.binary(max_size=50), max_size=5), places)
    def test_chunks_come_out_whole_however_the_bytes_are_cut(
        self, pieces: list[bytes], where: list[int]
    ) -> None:
        reader = read(head_of(("transfer-encoding", "chunked")), *cut(chunked(pieces), where))
        assert (bytes(reader.body), reader.is_complete) == (b"".join(pieces), True)

    @given(st.binary(max_size=100), places, st.binary(max_size=10))
    def test_a_length_is_kept_to_and_what_follows_is_left_alone(
        self, body: bytes, where: list[int], more: bytes
    ) -> None:
        reader = read(head_of(("content-length", str(len(body)))), *cut(body + more, where))
        assert (bytes(reader.body), reader.is_complete) == (body, True)

    def test_without_a_length_the_end_of_the_connection_ends_the_body(self) -> None:
        reader = read(head_of(), b"some", b"thing")
        assert not reader.is_done
        reader.end()
        assert (bytes(reader.body), reader.is_complete) == (b"something", True)

    @pytest.mark.parametrize("status", [101, 204, 304])
    def test_some_statuses_have_no_body(self, status: int) -> None:
        assert read(head_of(("content-length", "7"), status=status)).is_complete

    def test_a_connection_that_ends_too_early_leaves_the_body_incomplete(self) -> None:
        assert not read(head_of(("content-length", "7")), b"abc", ended=True).is_complete
        assert not read(head_of(("transfer-encoding", "chunked")), b"3\r\nab", ended=True).is_complete

    def test_a_body_over_the_limit_is_cut_and_says_so(self) -> None:
        reader = read(head_of(), b"x" * 11, limit=10)
        assert (len(reader.body), reader.is_done, reader.is_complete) == (10, True, False)
        assert read(head_of(("content-length", "10")), b"x" * 10, limit=10).is_complete

    @pytest.mark.parametrize(
        "body", [b"zz\r\n", b"\r\n", b"-1\r\n", b"0x3\r\nabc", b"1\r\nab\r\n", b"f" * 5000]
    )
    def test_broken_chunks_are_an_error(self, body: bytes) -> None:
        with pytest.raises(HttpError):
            read(head_of(("transfer-encoding", "chunked")), body)

    @pytest.mark.parametrize("lengths", [("x",), ("-1",), ("1", "2"), ("+1",), ("1_0",)])
    def test_a_length_that_is_none_is_an_error(self, lengths: tuple[str, ...]) -> None:
        with pytest.raises(HttpError, match="Content-Length"):
            BodyReader(head_of(*(("content-length", length) for length in lengths)), limit=10)


class TestRequest:
    def test_a_path_stays_as_given_but_for_what_a_request_line_cannot_carry(self) -> None:
        assert request_target("/api/ws?a=b%20c") == "/api/ws?a=b%20c"
        assert request_target("") == "/"
        assert request_target("a b/ü") == "/a%20b/%C3%BC"

    @given(st.text(st.characters(exclude_categories=["Cs"])))
    def test_no_path_breaks_out_of_the_request_line(self, path: str) -> None:
        request = get_request(path, (("Host", "localhost:1"),))
        assert request.count(b"\r\n") == 3
        assert request.endswith(b" HTTP/1.1\r\nHost: localhost:1\r\n\r\n")

    def test_a_header_with_a_line_break_is_refused(self) -> None:
        with pytest.raises(ValueError, match="line break"):
            get_request("/", (("Origin", "x\r\nEvil: 1"),))
