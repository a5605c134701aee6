"""WebSocket frames and messages out of bytes cut anywhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.core.websocket import (
    Close,
    ConnectionClosedError,
    Event,
    Message,
    Ping,
    Pong,
    ProtocolError,
    Receiver,
)
from devstack.core.websocket_frames import (
    MAX_CONTROL,
    CloseCode,
    Opcode,
    apply_mask,
    close_payload,
    encode_frame,
    is_close_code,
)
from tests.cuts import cut, places

MASK = b"\x37\xfa\x21\x3d"

control_events = st.one_of(
    st.builds(Ping, st.binary(max_size=MAX_CONTROL)), st.builds(Pong, st.binary(max_size=MAX_CONTROL))
)
messages = st.builds(Message, st.one_of(st.text(max_size=300), st.binary(max_size=300)))
conversations = st.lists(st.one_of(messages, control_events), max_size=6)
masks = st.one_of(st.none(), st.binary(min_size=4, max_size=4))


def events(data: bytes, *, masked: bool = False, limit: int = 1 << 20) -> list[Event]:
    return events_of([data], masked=masked, limit=limit)


def events_of(pieces: list[bytes], *, masked: bool = False, limit: int = 1 << 20) -> list[Event]:
    receiver = Receiver(masked=masked, max_message=limit)
    found: list[Event] = []
    for piece in pieces:
        receiver.feed(piece)
        while (event := receiver.next_event()) is not None:
            found.append(event)
    return found


def wire(event: Event, mask: bytes | None, fragments: list[int], between: list[Event]) -> bytes:
    """Return `event` as frames: a message cut into fragments, with control frames between them."""
    match event:
        case Ping(payload):
            return encode_frame(Opcode.PING, payload, mask=mask)
        case Pong(payload):
            return encode_frame(Opcode.PONG, payload, mask=mask)
        case Close(code, reason):
            return encode_frame(Opcode.CLOSE, close_payload(code, reason), mask=mask)
        case Message(data):
            return b"".join(message_frames(data, mask, fragments, between))


def message_frames(
    data: str | bytes, mask: bytes | None, fragments: list[int], between: list[Event]
) -> list[bytes]:
    opcode = Opcode.TEXT if isinstance(data, str) else Opcode.BINARY
    pieces = cut(data.encode() if isinstance(data, str) else data, fragments)
    frames = []
    for number, piece in enumerate(pieces):
        last = number == len(pieces) - 1
        frames.append(
            encode_frame(opcode if number == 0 else Opcode.CONTINUATION, piece, mask=mask, fin=last)
        )
        if not last:
            frames += [wire(event, mask, [], []) for event in between]
    return frames


class TestWhatIsWellFormed:
    @given(conversations, masks, places, st.lists(st.integers(min_value=0), max_size=3))
    def test_events_come_out_as_they_went_in_however_the_bytes_are_cut(
        self, conversation: list[Event], mask: bytes | None, where: list[int], fragments: list[int]
    ) -> None:
        data = b"".join(wire(event, mask, fragments, []) for event in conversation)
        assert events_of(cut(data, where), masked=mask is not None) == conversation

    @given(messages, st.lists(control_events, max_size=2), st.integers(min_value=0), places)
    def test_control_frames_between_fragments_come_first_and_disturb_nothing(
        self, message: Message, between: list[Event], fragment: int, where: list[int]
    ) -> None:
        data = wire(message, None, [fragment], between)
        assert events_of(cut(data, where)) == [*between, message]

    @pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 70000])
    def test_every_form_of_length_is_read(self, size: int) -> None:
        frame = encode_frame(Opcode.BINARY, b"x" * size, mask=MASK)
        assert events(frame, masked=True) == [Message(b"x" * size)]

    def test_the_examples_of_the_rfc_are_read(self) -> None:
        assert events(bytes.fromhex("810548656c6c6f")) == [Message("Hello")]
        assert events(bytes.fromhex("818537fa213d7f9f4d5158"), masked=True) == [Message("Hello")]
        assert events(bytes.fromhex("010348656c80026c6f")) == [Message("Hello")]
        assert encode_frame(Opcode.TEXT, b"Hello", mask=MASK) == bytes.fromhex("818537fa213d7f9f4d5158")

    def test_a_character_cut_by_fragments_is_joined(self) -> None:
        data = "é😀".encode()
        frames = [
            encode_frame(
                Opcode.TEXT if at == 0 else Opcode.CONTINUATION, data[at : at + 1], fin=at == len(data) - 1
            )
            for at in range(len(data))
        ]
        assert events(b"".join(frames)) == [Message("é😀")]

    def test_a_close_yields_code_and_reason_and_ends_all(self) -> None:
        closing = encode_frame(Opcode.CLOSE, close_payload(1012, "restart"))
        assert events(closing + b"\xff\xff garbage") == [Close(1012, "restart")]

    def test_a_close_without_code_says_so(self) -> None:
        assert events(encode_frame(Opcode.CLOSE, b"")) == [Close(CloseCode.NO_STATUS)]
        assert close_payload(CloseCode.NO_STATUS) == b""

    @given(st.text(min_size=30, max_size=200))
    def test_a_long_reason_is_cut_between_two_characters(self, reason: str) -> None:
        payload = close_payload(1000, reason)
        assert len(payload) <= MAX_CONTROL
        assert reason.startswith(payload[2:].decode())

    @given(st.binary(max_size=40), st.binary(min_size=4, max_size=4))
    def test_a_mask_is_its_own_inverse(self, payload: bytes, mask: bytes) -> None:
        masked = apply_mask(payload, mask)
        assert apply_mask(masked, mask) == payload
        assert masked == bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))

    def test_a_message_of_exactly_the_limit_is_let_through(self) -> None:
        assert events(encode_frame(Opcode.BINARY, b"x" * 10), limit=10) == [Message(b"x" * 10)]


@pytest.mark.parametrize(
    ("data", "words", "code"),
    [
        (b"\xc1\x00", "reserved bit", CloseCode.PROTOCOL_ERROR),
        (b"\xa1\x00", "reserved bit", CloseCode.PROTOCOL_ERROR),
        (b"\x91\x00", "reserved bit", CloseCode.PROTOCOL_ERROR),
        (b"\x83\x00", "unknown opcode 3", CloseCode.PROTOCOL_ERROR),
        (b"\x8b\x00", "unknown opcode 11", CloseCode.PROTOCOL_ERROR),
        (b"\x81\x80", "is masked", CloseCode.PROTOCOL_ERROR),
        (b"\x09\x00", "control frame is fragmented", CloseCode.PROTOCOL_ERROR),
        (b"\x89\x7e", "longer than 125", CloseCode.PROTOCOL_ERROR),
        (b"\x80\x00", "continues nothing", CloseCode.PROTOCOL_ERROR),
        (b"\x01\x01a\x81\x00", "within another's fragments", CloseCode.PROTOCOL_ERROR),
        (b"\x81\x7e\x00\x7d", "shortest form", CloseCode.PROTOCOL_ERROR),
        (b"\x81\x7f\x00\x00\x00\x00\x00\x00\xff\xff", "shortest form", CloseCode.PROTOCOL_ERROR),
        (b"\x81\x7f\x80\x00\x00\x00\x00\x00\x00\x00", "shortest form", CloseCode.PROTOCOL_ERROR),
        (b"\x82\x0b", "longer than 10", CloseCode.TOO_BIG),
        (b"\x02\x06abcdef\x80\x05", "longer than 10", CloseCode.TOO_BIG),
        (b"\x81\x01\xff", "not UTF-8", CloseCode.INVALID_DATA),
        (b"\x81\x01\xc3", "not UTF-8", CloseCode.INVALID_DATA),
        (b"\x01\x01\xff", "not UTF-8", CloseCode.INVALID_DATA),
        (b"\x81\x03\xed\xa0\x80", "not UTF-8", CloseCode.INVALID_DATA),
        (b"\x88\x01\x03", "no valid code", CloseCode.PROTOCOL_ERROR),
        (b"\x88\x02\x03\xed", "no valid code", CloseCode.PROTOCOL_ERROR),
        (b"\x88\x02\x03\xe7", "no valid code", CloseCode.PROTOCOL_ERROR),
        (b"\x88\x03\x03\xe8\xff", "not UTF-8", CloseCode.INVALID_DATA),
    ],
)
def test_what_breaks_the_rfc_fails_at_once_with_its_code(data: bytes, words: str, code: int) -> None:
    with pytest.raises(ProtocolError, match=words) as caught:
        events_of([data[at : at + 1] for at in range(len(data))], limit=10)
    assert caught.value.code == code


def test_a_server_refuses_a_frame_that_is_not_masked() -> None:
    with pytest.raises(ProtocolError, match="not masked"):
        events(b"\x81\x00", masked=True)


def test_after_an_error_nothing_more_comes() -> None:
    receiver = Receiver()
    receiver.feed(b"\xc1\x00")
    with pytest.raises(ProtocolError):
        receiver.next_event()
    receiver.feed(encode_frame(Opcode.TEXT, b"hello"))
    assert receiver.next_event() is None


def test_events_before_an_error_are_not_lost() -> None:
    receiver = Receiver()
    receiver.feed(encode_frame(Opcode.TEXT, b"hello") + b"\xc1\x00")
    assert receiver.next_event() == Message("hello")
    with pytest.raises(ProtocolError):
        receiver.next_event()


@given(st.binary(max_size=300), places, st.booleans())
def test_any_bytes_are_events_or_a_protocol_error_and_the_cuts_change_nothing(
    data: bytes, where: list[int], masked: bool
) -> None:
    def outcome(pieces: list[bytes]) -> tuple[list[Event], str]:
        receiver = Receiver(masked=masked, max_message=100)
        found: list[Event] = []
        try:
            for piece in pieces:
                receiver.feed(piece)
                while (event := receiver.next_event()) is not None:
                    found.append(event)
        except ProtocolError as error:
            return found, error.message
        return found, ""

    assert outcome([data]) == outcome(cut(data, where))


@pytest.mark.parametrize("code", [1000, 1003, 1007, 1011, 1012, 1014, 3000, 4999])
def test_a_code_that_may_be_sent_is_one(code: int) -> None:
    assert is_close_code(code)


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535])
def test_a_code_that_may_not_be_sent_is_none(code: int) -> None:
    assert not is_close_code(code)


def test_the_end_of_a_connection_is_said_in_words() -> None:
    assert str(ConnectionClosedError(1008, "no entry")) == "closed by the other end with 1008 (no entry)"
    assert str(ConnectionClosedError(CloseCode.ABNORMAL)) == "ended without a Close"
