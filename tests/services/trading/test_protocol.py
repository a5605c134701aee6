"""What a client may say, and what it is told when it says something else."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.services.trading.protocol import (
    BadMessageError,
    Bot,
    Ping,
    Subscribe,
    Unsubscribe,
    parse_message,
)


def test_the_documents_messages_are_understood() -> None:
    subscribe = parse_message(
        '{"type":"subscribe","channel":"quotes","symbols":["A"],"resume":{"session":"s","seq":3}}'
    )
    assert isinstance(subscribe, Subscribe)
    assert subscribe.resume is not None
    assert subscribe.resume.seq == 3
    assert isinstance(parse_message('{"type":"unsubscribe","channel":"book"}'), Unsubscribe)
    assert isinstance(parse_message('{"type":"bot","text":"hi","to":"al"}'), Bot)
    assert parse_message('{"type":"ping","id":7}') == Ping(type="ping", id=7)


def test_members_that_are_unknown_are_ignored() -> None:
    assert parse_message('{"type":"ping","later":true}') == Ping(type="ping")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "not_json"),
        ("{", "not_json"),
        ("[]", "not_json"),
        ("1", "not_json"),
        ("null", "not_json"),
        ('"subscribe"', "not_json"),
        ("{}", "unknown_type"),
        ('{"type":"sell"}', "unknown_type"),
        ('{"type":3}', "unknown_type"),
        ('{"type":null}', "unknown_type"),
        ('{"type":"subscribe"}', "unknown_channel"),
        ('{"type":"subscribe","channel":"news"}', "unknown_channel"),
        ('{"type":"subscribe","channel":["quotes"]}', "unknown_channel"),
        ('{"type":"subscribe","channel":"quotes","symbols":"BTC-USD"}', "invalid_message"),
        ('{"type":"subscribe","channel":"quotes","symbols":[1]}', "invalid_message"),
        ('{"type":"subscribe","channel":"quotes","resume":{"session":"s"}}', "invalid_message"),
        ('{"type":"subscribe","channel":"quotes","resume":{"session":"s","seq":-1}}', "invalid_message"),
        ('{"type":"subscribe","channel":"quotes","resume":{"session":"s","seq":"1"}}', "invalid_message"),
        ('{"type":"subscribe","channel":"bots","name":"no blanks"}', "invalid_message"),
        ('{"type":"bot"}', "invalid_message"),
        ('{"type":"bot","text":""}', "invalid_message"),
        ('{"type":"bot","text":5}', "invalid_message"),
        ('{"type":"ping","id":[]}', "invalid_message"),
        ('{"type":"ping","id":1.5}', "invalid_message"),
        ('{"type":"ping"} {"type":"ping"}', "not_json"),
        ("[" * 5000, "not_json"),
        ('{"a":' * 5000, "not_json"),
    ],
)
def test_each_mistake_has_its_code(text: str, code: str) -> None:
    with pytest.raises(BadMessageError) as caught:
        parse_message(text)
    assert caught.value.code == code
    assert caught.value.message


def test_an_error_names_the_member_that_is_wrong() -> None:
    with pytest.raises(BadMessageError, match="symbols"):
        parse_message('{"type":"subscribe","channel":"quotes","symbols":3}')
    with pytest.raises(BadMessageError, match=r"^`id` must be text or a whole number$"):
        parse_message('{"type":"ping","id":1.5}')


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
ALMOST = st.fixed_dictionaries(
    {"type": st.sampled_from(["subscribe", "unsubscribe", "bot", "ping"])},
    optional=dict.fromkeys(("channel", "symbols", "name", "resume", "text", "to", "id"), JSON),
)


@given(st.text(max_size=200) | JSON.map(json.dumps) | ALMOST.map(json.dumps))
def test_whatever_comes_is_a_message_or_a_clear_error(text: str) -> None:
    error = error_of(text)
    if error is not None:
        assert error.code in ("not_json", "unknown_type", "unknown_channel", "invalid_message")
        assert "\n" not in error.message
        assert "Traceback" not in error.message


def error_of(text: str) -> BadMessageError | None:
    try:
        parse_message(text)
    except BadMessageError as error:
        return error
    return None
