"""The trading socket as its document has it, by an independent client library."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from devstack.services.serving.server import GRACE
from tests.services.running import LONG, Running, serving, until

DECIMAL = re.compile(r"-?\d+(\.\d+)?")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


class Talker:
    """A client that speaks JSON."""

    def __init__(self, running: Running) -> None:
        self._context = connect(running.ws_url, compression=None, open_timeout=LONG)
        self.socket: ClientConnection = self._context.__enter__()
        self.hello = self.hear("hello")

    def close(self) -> None:
        self._context.__exit__(None, None, None)

    def say(self, **message: Any) -> None:
        self.socket.send(json.dumps(message))

    def hear(self, kind: str) -> Any:
        """Return the next message of this kind, whatever comes before it."""
        while True:
            message = json.loads(self.socket.recv(timeout=LONG))
            if message["type"] == kind:
                return message

    def next(self) -> Any:
        return json.loads(self.socket.recv(timeout=LONG))


@pytest.fixture(scope="module")
def trading() -> Iterator[Running]:
    with serving("trading", market_tick_ms=20) as running:
        yield running


@pytest.fixture
def talker(trading: Running) -> Iterator[Talker]:
    talker = Talker(trading)
    yield talker
    talker.close()


@pytest.fixture
def other(trading: Running) -> Iterator[Talker]:
    talker = Talker(trading)
    yield talker
    talker.close()


def test_the_service_says_where_it_listens(trading: Running) -> None:
    assert trading.announced == f"trading listening on ws://127.0.0.1:{trading.port}/api/ws"


def test_hello_comes_first_and_says_what_there_is(talker: Talker) -> None:
    assert talker.hello["protocol"] == 1
    assert talker.hello["tick_ms"] == 20
    assert "BTC-USD" in talker.hello["symbols"]
    assert talker.hello["channels"] == ["quotes", "book", "bots"]


def test_every_connection_has_a_name_of_its_own(talker: Talker, other: Talker) -> None:
    assert talker.hello["connection"] != other.hello["connection"]
    assert talker.hello["session"] == other.hello["session"]


def test_a_snapshot_comes_first_and_updates_follow_in_order(talker: Talker) -> None:
    talker.say(type="subscribe", channel="quotes", symbols=["BTC-USD", "EUR-USD"])
    snapshot = talker.next()
    assert snapshot["type"] == "snapshot"
    assert [quote["symbol"] for quote in snapshot["quotes"]] == ["BTC-USD", "EUR-USD"]
    seq = snapshot["seq"]
    for _ in range(30):
        update = talker.next()
        assert update["type"] == "update"
        assert update["seq"] > seq
        assert {quote["symbol"] for quote in update["quotes"]} <= {"BTC-USD", "EUR-USD"}
        seq = update["seq"]


def test_quotes_are_decimal_strings_and_utc_times(talker: Talker) -> None:
    talker.say(type="subscribe", channel="quotes")
    snapshot = talker.hear("snapshot")
    assert len(snapshot["quotes"]) == len(talker.hello["symbols"])
    for quote in snapshot["quotes"]:
        for member in ("price", "bid", "ask", "size", "open", "change_percent"):
            assert DECIMAL.fullmatch(quote[member]), quote
        assert TIME.fullmatch(quote["time"])
        assert quote["side"] in ("buy", "sell")


def test_the_book_is_a_channel_of_its_own(talker: Talker) -> None:
    talker.say(type="subscribe", channel="book", symbols=["ETH-USD"])
    book = talker.hear("snapshot")["books"][0]
    assert len(book["bids"]) == len(book["asks"]) == 10
    assert talker.hear("update")["books"][0]["symbol"] == "ETH-USD"


def test_a_second_subscription_adds_and_its_snapshot_has_the_new_symbols_alone(talker: Talker) -> None:
    talker.say(type="subscribe", channel="quotes", symbols=["XAU-USD"])
    talker.hear("snapshot")
    talker.say(type="subscribe", channel="quotes", symbols=["BTC-USD"])
    assert [quote["symbol"] for quote in talker.hear("snapshot")["quotes"]] == ["BTC-USD"]
    seen: set[str] = set()
    until(lambda: seen.update(q["symbol"] for q in talker.hear("update")["quotes"]) or len(seen) == 2)
    assert seen == {"XAU-USD", "BTC-USD"}


def test_what_is_unsubscribed_comes_no_more(talker: Talker) -> None:
    talker.say(type="subscribe", channel="quotes", symbols=["BTC-USD", "ETH-USD"])
    talker.say(type="unsubscribe", channel="quotes", symbols=["BTC-USD", "XAU-USD"])
    assert talker.hear("unsubscribed")["symbols"] == ["BTC-USD"]
    for _ in range(10):
        assert [quote["symbol"] for quote in talker.hear("update")["quotes"]] == ["ETH-USD"]
    talker.say(type="unsubscribe", channel="quotes")
    assert talker.hear("unsubscribed")["symbols"] == ["ETH-USD"]
    talker.say(type="ping", id="quiet?")
    assert talker.next() == {"type": "pong", "id": "quiet?"}
    with pytest.raises(TimeoutError):
        talker.socket.recv(timeout=0.3)


def test_a_short_gap_is_replayed_tick_by_tick(trading: Running, talker: Talker, other: Talker) -> None:
    talker.say(type="subscribe", channel="quotes", symbols=["BTC-USD"])
    seq = talker.hear("snapshot")["seq"]
    missed = [talker.hear("update") for _ in range(25)]
    other.say(
        type="subscribe",
        channel="quotes",
        symbols=["BTC-USD"],
        resume={"session": talker.hello["session"], "seq": seq},
    )
    assert other.next() == {
        "type": "resumed",
        "channel": "quotes",
        "session": talker.hello["session"],
        "seq": seq,
    }
    assert_replay(missed, [other.next() for _ in range(25)], seq)


def assert_replay(live: list[Any], replayed: list[Any], after: int) -> None:
    """Hold a replay to every tick (this symbol changes at each) and to what a live client saw.

    A server that had no time for a tick made two of them one for the live client; a replay never does.
    """
    assert [update["seq"] for update in replayed] == [after + 1 + index for index in range(len(replayed))]
    by_seq = {update["seq"]: update for update in replayed}
    for update in live:
        if update["seq"] in by_seq:
            assert by_seq[update["seq"]]["quotes"] == update["quotes"]


@pytest.mark.parametrize("wrong", ["session", "seq"])
def test_what_cannot_be_resumed_is_a_snapshot(talker: Talker, wrong: str) -> None:
    talker.say(type="subscribe", channel="quotes", symbols=["BTC-USD"])
    seq = talker.hear("snapshot")["seq"]
    resume = {"session": talker.hello["session"], "seq": seq} | (
        {"session": "another"} if wrong == "session" else {"seq": seq - 100_000}
    )
    talker.say(type="unsubscribe", channel="quotes")
    talker.hear("unsubscribed")
    talker.say(type="subscribe", channel="quotes", symbols=["BTC-USD"], resume=resume)
    assert talker.next()["type"] == "snapshot"


def test_a_session_is_resumed_after_a_restart_of_the_server() -> None:
    with serving("trading", market_tick_ms=20) as first:
        before = Talker(first)
        before.say(type="subscribe", channel="quotes", symbols=["BTC-USD"])
        seq = before.hear("snapshot")["seq"]
        first.stop()
    with serving("trading", market_tick_ms=20) as second:
        after = Talker(second)
        resume = {"session": before.hello["session"], "seq": seq}
        after.say(type="subscribe", channel="quotes", symbols=["BTC-USD"], resume=resume)
        assert after.next()["type"] == "resumed"
        assert after.next()["seq"] == seq + 1
        after.close()


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("{", "not_json"),
        ('{"type":"buy"}', "unknown_type"),
        ('{"type":"subscribe","channel":"news"}', "unknown_channel"),
        ('{"type":"subscribe","channel":"quotes","symbols":["NO-SUCH"]}', "unknown_symbol"),
        ('{"type":"subscribe","channel":"quotes","symbols":7}', "invalid_message"),
        (
            json.dumps({"type": "subscribe", "channel": "quotes", "symbols": ["X"] * 101}),
            "too_many_subscriptions",
        ),
        ('{"type":"bot","text":""}', "invalid_message"),
        ('{"type":"subscribe","channel":"bots","name":"c-0123456789ab"}', "invalid_message"),
        ("\ud83d\ude00 \x00", "not_json"),
        ("[" * 10_000, "not_json"),
    ],
)
def test_bad_input_is_answered_and_the_socket_stays_open(talker: Talker, said: str, code: str) -> None:
    talker.socket.send(said.encode("utf-16", "surrogatepass").decode("utf-16"))
    error = talker.next()
    assert (error["type"], error["code"]) == ("error", code)
    assert "Traceback" not in error["message"]
    talker.say(type="ping", id=1)
    assert talker.next() == {"type": "pong", "id": 1}


def test_one_unknown_symbol_refuses_the_whole_message(talker: Talker) -> None:
    talker.say(type="subscribe", channel="quotes", symbols=["BTC-USD", "NO-SUCH"])
    assert talker.next()["code"] == "unknown_symbol"
    with pytest.raises(TimeoutError):
        talker.socket.recv(timeout=0.2)


def test_a_broadcast_reaches_all_bots_and_its_sender(talker: Talker, other: Talker) -> None:
    for client, name in ((talker, "al"), (other, "bo")):
        client.say(type="subscribe", channel="bots", name=name)
        client.hear("snapshot")
    talker.say(type="bot", text="to all ✓")
    heard = talker.hear("bot"), other.hear("bot")
    assert heard[0] == heard[1]
    assert heard[0]["from"] == "al"
    assert heard[0]["connection"] == talker.hello["connection"]
    assert heard[0]["to"] is None
    assert heard[0]["text"] == "to all ✓"
    assert TIME.fullmatch(heard[0]["time"])


def test_an_addressed_message_reaches_its_name_or_connection_alone(trading: Running) -> None:
    al, bo, cy = (Talker(trading) for _ in range(3))
    for client, name in ((al, "al-1"), (bo, "bo-1"), (cy, "cy-1")):
        client.say(type="subscribe", channel="bots", name=name)
        client.hear("snapshot")
    al.say(type="bot", to="bo-1", text="by name")
    al.say(type="bot", to=bo.hello["connection"], text="by connection")
    al.say(type="bot", text="the end")
    assert [bo.hear("bot")["text"] for _ in range(3)] == ["by name", "by connection", "the end"]
    assert [al.hear("bot")["text"] for _ in range(3)] == ["by name", "by connection", "the end"]
    assert cy.hear("bot")["text"] == "the end"
    for client in (al, bo, cy):
        client.close()


def test_a_latecomer_sees_the_last_broadcasts_and_one_who_resumes_those_that_it_missed(
    trading: Running, talker: Talker
) -> None:
    talker.say(type="subscribe", channel="bots", name="early")
    talker.hear("snapshot")
    for number in range(3):
        talker.say(type="bot", text=f"message {number}")
    sent = [talker.hear("bot") for _ in range(3)]
    late, back = Talker(trading), Talker(trading)
    late.say(type="subscribe", channel="bots")
    assert late.hear("snapshot")["messages"][-3:] == sent
    back.say(type="subscribe", channel="bots", resume={"session": "any", "seq": sent[0]["seq"]})
    snapshot = back.hear("snapshot")
    assert snapshot["messages"] == sent[1:]
    assert snapshot["gap"] is False
    for client in (late, back):
        client.close()


def test_who_resumes_bots_from_before_the_server_was_there_is_told_of_the_gap(talker: Talker) -> None:
    talker.say(type="subscribe", channel="bots", resume={"session": "any", "seq": 1})
    assert talker.hear("snapshot")["gap"] is True


def test_a_bot_without_a_name_goes_by_its_connection(talker: Talker) -> None:
    talker.say(type="subscribe", channel="bots")
    talker.say(type="bot", text="who am I")
    assert talker.hear("bot")["from"] == talker.hello["connection"]


def test_the_api_and_the_socket_show_one_market(trading: Running, talker: Talker) -> None:
    talker.say(type="subscribe", channel="quotes")
    snapshot = talker.hear("snapshot")
    with serving("api", market_tick_ms=20) as api:
        asked = api.get(f"/api/quotes?seq={snapshot['seq']}").json
    assert asked["session"] == snapshot["session"]
    assert asked["quotes"] == snapshot["quotes"]


def test_a_restart_is_said_with_1012_and_waits_for_nobody() -> None:
    with serving("trading") as running:
        talker = Talker(running)
        code, seconds = running.stop()
        with pytest.raises(ConnectionClosed):
            talker.socket.recv(timeout=LONG)
        assert talker.socket.close_code == 1012
        assert code == 0
        assert seconds < GRACE
        assert running.complaints() == ""
