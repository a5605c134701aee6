"""The framing core, without a socket: whatever the cuts, the same messages, or a violation."""

from __future__ import annotations

import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.core.websocket import Close, Event, Message, Ping, Pong, ProtocolError, Receiver
from devstack.core.websocket_frames import (
    Opcode,
    apply_mask,
    close_frame,
    encode_frame,
    is_close_code,
    text_frame,
)
from tests.services.raw_socket import BINARY, CLOSE, PING, PONG, TEXT, client_frame

LIMIT = 1000


def receiver() -> Receiver:
    return Receiver(masked=True, max_message=LIMIT)


def take(reader: Receiver, data: bytes) -> list[Event]:
    """Feed `data` and return the events that are whole."""
    reader.feed(data)
    return list(iter(reader.next_event, None))


def read(data: bytes, cuts: list[int]) -> list[Event]:
    """Feed `data`, cut at `cuts`, to a new reader."""
    reader, found = receiver(), list[Event]()
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    for start, end in itertools.pairwise(places):
        found += take(reader, data[start:end])
    return found


@st.composite
def conversations(draw: st.DrawFn) -> tuple[bytes, list[Event]]:
    """Return frames as a sound client sends them, and what they mean."""
    data, meant = b"", list[Event]()
    for _ in range(draw(st.integers(1, 6))):
        is_text = draw(st.booleans())
        payload = draw(st.text(max_size=60)).encode() if is_text else draw(st.binary(max_size=200))
        cuts = sorted(draw(st.lists(st.integers(0, len(payload)), max_size=3)))
        edges = [0, *cuts, len(payload)]
        parts = [payload[a:b] for a, b in itertools.pairwise(edges)]
        for index, part in enumerate(parts):
            opcode = (TEXT if is_text else BINARY) if index == 0 else 0
            data += client_frame(opcode, part, final=index == len(parts) - 1)
            if index < len(parts) - 1 and draw(st.booleans()):
                control = draw(st.binary(max_size=125))
                kind = draw(st.sampled_from([PING, PONG]))
                data += client_frame(kind, control)
                meant.append(Ping(control) if kind == PING else Pong(control))
        meant.append(Message(payload.decode() if is_text else payload))
    return data, meant


@given(conversations(), st.lists(st.integers(0, 10_000), max_size=12))
def test_the_same_messages_come_out_however_the_bytes_are_cut(
    conversation: tuple[bytes, list[Event]], cuts: list[int]
) -> None:
    data, meant = conversation
    assert read(data, cuts) == meant


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=6))
def test_any_bytes_give_messages_or_a_violation_and_never_anything_else(data: bytes, cuts: list[int]) -> None:
    with contextlib.suppress(ProtocolError):
        assert len(read(data, cuts)) <= len(data)


@given(st.binary(max_size=300), st.binary(min_size=4, max_size=4))
def test_masking_twice_changes_nothing(payload: bytes, key: bytes) -> None:
    assert apply_mask(apply_mask(payload, key), key) == payload
    assert apply_mask(payload, key) == bytes(byte ^ key[index % 4] for index, byte in enumerate(payload))


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 70000])
def test_a_servers_frame_says_its_size_as_shortly_as_possible(size: int) -> None:
    built = encode_frame(Opcode.BINARY, b"x" * size)
    head = len(built) - size
    assert head == (2 if size < 126 else 4 if size < 65536 else 10)
    assert built[0] == 0x82


def test_what_came_intact_before_a_violation_is_delivered() -> None:
    reader = receiver()
    reader.feed(client_frame(TEXT, b"sound") + client_frame(3))
    assert reader.next_event() == Message("sound")
    with pytest.raises(ProtocolError):
        reader.next_event()


def test_a_message_is_refused_by_its_header_before_its_bytes_come() -> None:
    reader = receiver()
    with pytest.raises(ProtocolError) as caught:
        take(reader, client_frame(TEXT, b"x" * (LIMIT + 1))[:8])
    assert caught.value.code == 1009


@pytest.mark.parametrize("fragments", [2, 7])
def test_fragments_together_may_not_exceed_the_limit(fragments: int) -> None:
    share = b"x" * (LIMIT // fragments)
    data = client_frame(TEXT, share, final=False) + client_frame(0, share, final=False) * (fragments - 1)
    reader = receiver()
    take(reader, data)
    with pytest.raises(ProtocolError):
        take(reader, client_frame(0, share * 2))


def test_a_close_reason_too_long_for_its_frame_is_cut_between_characters() -> None:
    built = close_frame(1008, "é" * 100)
    assert len(built) <= 2 + 125
    built[4:].decode()


@given(st.integers(0, 65535))
def test_what_may_be_sent_as_a_close_code_is_taken_and_all_else_is_not(code: int) -> None:
    data = client_frame(CLOSE, code.to_bytes(2, "big"))
    if is_close_code(code):
        assert read(data, []) == [Close(code, "")]
    else:
        with pytest.raises(ProtocolError):
            read(data, [])


def test_text_leaves_as_utf8() -> None:
    assert text_frame("κόσμε")[2:].decode() == "κόσμε"
