"""What the trading socket refuses and how it says so; slow readers cost nothing and miss no price."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator

import psutil
import pytest

from devstack.services.market.market import Market
from devstack.services.market.wire import book_fields
from tests.services.raw_socket import TEXT, RawSocket, client_frame
from tests.services.running import Running, serving, until
from tests.waiting import at_this_load

FAST = 5


@contextlib.contextmanager
def opened(running: Running, count: int) -> Iterator[list[RawSocket]]:
    """Open `count` WebSockets."""
    with contextlib.ExitStack() as stack:
        raws = [stack.enter_context(RawSocket(running.port)) for _ in range(count)]
        for raw in raws:
            raw.shake_hands()
        yield raws


def test_a_full_server_says_1013() -> None:
    with serving("trading", limits={"connections": 3}) as running:
        with opened(running, 3):
            with RawSocket(running.port) as fourth:
                fourth.shake_hands()
                assert fourth.frame().close_code == 1013
            with RawSocket(running.port) as fifth:
                fifth.shake_hands()
                assert fifth.frame().close_code == 1013
        # Those who left make room.
        until(lambda: _is_welcome(running))


def _is_welcome(running: Running) -> bool:
    with RawSocket(running.port) as raw:
        raw.shake_hands()
        return raw.frame().opcode == TEXT


def test_too_many_new_connections_from_an_address_get_429() -> None:
    limits = {"connect_burst": 5, "connects_per_second": 0.001}
    with (
        serving("trading", limits=limits) as running,
        opened(running, 5),
        RawSocket(running.port) as sixth,
        pytest.raises(AssertionError, match="429"),
    ):
        sixth.shake_hands()


def test_two_thousand_connections_and_five_hundred_reconnects_are_let_in_by_the_defaults() -> None:
    with serving("trading") as running, opened(running, 2000) as raws:
        for raw in raws:
            assert raw.frame().json["type"] == "hello"
        for raw in raws[:500]:
            raw.connection.close()
        with opened(running, 500) as again:
            assert all(raw.frame().json["type"] == "hello" for raw in again)


def test_a_chatterbox_is_told_once_a_second_and_its_messages_are_dropped() -> None:
    limits = {"message_burst": 5, "messages_per_second": 0.01, "refusals": 10_000}
    with serving("trading", limits=limits) as running, opened(running, 1) as (raw,):
        raw.frame()
        raw.send(client_frame(TEXT, b'{"type":"ping","id":1}') * 200)
        kinds = [raw.frame().json for _ in range(6)]
        assert [kind["type"] for kind in kinds] == ["pong"] * 5 + ["error"]
        assert kinds[-1]["code"] == "rate_limited"
        raw.connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            raw.frame()


def test_who_does_not_stop_is_closed_with_1008() -> None:
    limits = {"message_burst": 5, "messages_per_second": 0.01, "refusals": 20}
    with serving("trading", limits=limits) as running, opened(running, 1) as (raw,):
        raw.send(client_frame(TEXT, b'{"type":"ping"}') * 100)
        assert raw.close_frame().close_code == 1008
        assert raw.ends()


def test_too_many_subscriptions_are_refused() -> None:
    with serving("trading", limits={"subscriptions": 9}) as running, opened(running, 1) as (raw,):
        raw.say(type="subscribe", channel="quotes")
        raw.message("snapshot")
        raw.say(type="subscribe", channel="book", symbols=["BTC-USD"])
        raw.message("snapshot")
        raw.say(type="subscribe", channel="book", symbols=["ETH-USD"])
        assert raw.message("error")["code"] == "too_many_subscriptions"


def test_beyond_its_share_of_replays_a_connection_gets_snapshots() -> None:
    limits = {"replayed_burst": 400, "replayed_per_second": 0.001}
    with serving("trading", limits=limits) as running, opened(running, 2) as (greedy, other):
        session = greedy.frame().json["session"]
        greedy.say(type="subscribe", channel="book", symbols=["ETH-USD"])
        seq = greedy.message("snapshot")["seq"]
        wish = {"channel": "quotes", "symbols": ["BTC-USD", "EUR-USD"]}
        resume = {"session": session, "seq": seq - 120}
        kinds = []
        for raw in (greedy, greedy, other):
            raw.say(type="subscribe", resume=resume, **wish)
            while (kind := raw.frame().json["type"]) not in ("resumed", "snapshot"):
                pass
            kinds.append(kind)
        assert kinds == ["resumed", "snapshot", "resumed"]


def test_an_idle_connection_is_closed_and_a_subscriber_is_not() -> None:
    limits = {"idle_s": 2.0, "heartbeat_s": 1.0}
    with serving("trading", limits=limits) as running, opened(running, 3) as (idle, of_nothing, subscriber):
        subscriber.say(type="subscribe", channel="quotes", symbols=["BTC-USD"])
        of_nothing.say(type="subscribe", channel="quotes", symbols=[])
        subscriber.message("snapshot")
        assert of_nothing.message("snapshot")["quotes"] == []
        assert idle.close_frame().close_code == 1008
        assert of_nothing.close_frame().close_code == 1008
        subscriber.message("update")


@pytest.fixture(scope="module")
def quick() -> Iterator[Running]:
    with serving("trading", market_tick_ms=FAST) as running:
        yield running


def test_a_slow_reader_gets_no_pile_of_old_prices_but_the_newest(quick: Running) -> None:
    with RawSocket(quick.port, receive_buffer=4096) as slow:
        slow.shake_hands()
        slow.say(type="subscribe", channel="book")
        first = slow.message("snapshot")["seq"]
        time.sleep(3.0)  # not waiting for anything: being slow is the subject
        ticks = 3000 // FAST
        seqs, conflated = [first], False
        until_caught_up = int(time.time() * 1000) // FAST
        while seqs[-1] < until_caught_up:
            update = slow.message("update")
            assert update["seq"] > seqs[-1]
            conflated = conflated or update.get("conflated", False)
            seqs.append(update["seq"])
        assert conflated
        assert len(seqs) < ticks / 2, "old prices were queued"


def test_after_conflation_a_slow_reader_knows_every_newest_price(quick: Running) -> None:
    with RawSocket(quick.port, receive_buffer=4096) as slow:
        slow.shake_hands()
        slow.say(type="subscribe", channel="book")
        known = {book["symbol"]: book for book in slow.message("snapshot")["books"]}
        time.sleep(1.0)
        slow.say(type="ping", id="now")
        pong_seen, last = False, 0
        while not pong_seen:
            message = slow.frame().json
            pong_seen = message["type"] == "pong"
            if message["type"] == "update":
                last = message["seq"]
                known |= {book["symbol"]: book for book in message["books"]}
        while (message := slow.message("update"))["seq"] <= last:
            pass
        known |= {book["symbol"]: book for book in message["books"]}
        with RawSocket(quick.port) as fresh:
            fresh.shake_hands()
            session = fresh.frame().json["session"]
            resume = {"session": session, "seq": message["seq"]}
            fresh.say(type="subscribe", channel="book", resume=resume)
            assert fresh.frame().json["type"] == "resumed"
        market = Market(tick_ms=FAST)
        for name, book in known.items():
            newest = market.book_at(name, message["seq"])
            assert book == book_fields(newest, market.time_of(newest.seq)), name


def test_readers_that_never_read_cost_no_memory(quick: Running) -> None:
    server = psutil.Process(quick.process.pid)
    with contextlib.ExitStack() as stack:
        deaf = [stack.enter_context(RawSocket(quick.port, receive_buffer=4096)) for _ in range(50)]
        for raw in deaf:
            raw.shake_hands()
            raw.say(type="subscribe", channel="book")
        time.sleep(1.0)
        before = server.memory_info().rss
        time.sleep(2.0)
        assert server.memory_info().rss - before < 3_000_000


def test_a_reader_that_never_reads_does_not_slow_the_others(quick: Running) -> None:
    with RawSocket(quick.port, receive_buffer=4096) as deaf, RawSocket(quick.port) as brisk:
        for raw in (deaf, brisk):
            raw.shake_hands()
            raw.say(type="subscribe", channel="book")
        brisk.message("snapshot")
        for _ in range(100):
            update = brisk.message("update")
        assert time.time() * 1000 - update["seq"] * FAST < at_this_load(1000)


def test_one_who_asks_and_never_reads_is_not_listened_to_for_ever() -> None:
    limits = {"message_burst": 10**9, "messages_per_second": 1e9}
    with serving("trading", limits=limits) as running, RawSocket(running.port, receive_buffer=4096) as rude:
        rude.shake_hands()
        rude.connection.settimeout(1.0)
        question = client_frame(TEXT, json.dumps({"type": "subscribe", "channel": "book"}).encode()) * 100
        with pytest.raises(TimeoutError):
            rude.connection.sendall(question * 10_000)
        assert psutil.Process(running.process.pid).memory_info().rss < 150_000_000


def test_bots_messages_wait_for_a_slow_reader_within_bounds() -> None:
    limits = {"message_burst": 10_000, "messages_per_second": 10_000.0}
    with (
        serving("trading", limits=limits) as running,
        RawSocket(running.port, receive_buffer=4096) as slow,
        RawSocket(running.port) as sender,
    ):
        for raw, name in ((slow, "slow"), (sender, "sender")):
            raw.shake_hands()
            raw.say(type="subscribe", channel="bots", name=name)
            raw.message("snapshot")
        for number in range(2000):
            sender.say(type="bot", text=f"{number} " + "x" * 1000)
            sender.message("bot")
        seen, gap = [], False
        while not seen or seen[-1] != 1999:
            message = slow.frame().json
            gap = gap or message["type"] == "gap"
            if message["type"] == "bot":
                seen.append(int(message["text"].split()[0]))
        assert gap
        assert seen == sorted(set(seen))
        assert seen[-256:] == list(range(1744, 2000))
