"""Several prod processes, one real Redis: one market, one bot channel, and a Redis that comes and goes."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.services.apps.test_trading import Talker, assert_replay
from tests.services.running import LONG, Running, free_port, serving, until

SERVER = shutil.which("redis-server")
pytestmark = [
    pytest.mark.skipif(SERVER is None, reason="there is no redis-server here (Debian: redis-server)"),
]
pytest.importorskip("redis", reason="redis-py is not installed (the extra `redis`)")


@dataclass
class Redis:
    """A Redis on a port and with a folder of its own, which can be stopped and started again."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        kept = ["--save", "", "--appendonly", "yes", "--appendfsync", "always"]
        self.process = subprocess.Popen([str(SERVER), *options, *kept], stdout=subprocess.DEVNULL)
        until(self._answers)

    def _answers(self) -> bool:
        import redis

        with redis.Redis(port=self.port) as client, contextlib.suppress(redis.RedisError):
            return bool(client.ping())
        return False

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(LONG)
            self.process = None


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    server = Redis(free_port(), tmp_path)
    server.start()
    yield server
    server.stop()


@contextlib.contextmanager
def two(redis: Redis) -> Iterator[tuple[Running, Running]]:
    """Run two prod servers that were told different things of the market."""
    with (
        serving("combined", redis_url=redis.url, market_seed=1, market_tick_ms=50) as one,
        serving("combined", redis_url=redis.url, market_seed=2, market_tick_ms=200) as other,
    ):
        yield one, other


def test_all_processes_show_the_market_of_the_first(redis: Redis) -> None:
    with two(redis) as (one, other):
        ours, theirs = Talker(one), Talker(other)
        assert ours.hello["session"] == theirs.hello["session"]
        assert theirs.hello["tick_ms"] == 50
        ours.say(type="subscribe", channel="quotes")
        seq = ours.hear("snapshot")["seq"]
        assert (
            one.get(f"/api/quotes?seq={seq}").json["quotes"]
            == other.get(f"/api/quotes?seq={seq}").json["quotes"]
        )
        assert other.get("/api/health").json["redis"] == "ok"
        ours.close()
        theirs.close()


def test_a_client_resumes_on_another_machine(redis: Redis) -> None:
    with two(redis) as (one, other):
        ours, theirs = Talker(one), Talker(other)
        ours.say(type="subscribe", channel="quotes", symbols=["BTC-USD"])
        seq = ours.hear("snapshot")["seq"]
        missed = [ours.hear("update") for _ in range(5)]
        resume = {"session": ours.hello["session"], "seq": seq}
        theirs.say(type="subscribe", channel="quotes", symbols=["BTC-USD"], resume=resume)
        assert theirs.next()["type"] == "resumed"
        assert_replay(missed, [theirs.next() for _ in range(5)], seq)
        ours.close()
        theirs.close()


def test_bots_talk_across_processes_and_a_latecomer_sees_what_was_said(redis: Redis) -> None:
    with two(redis) as (one, other):
        al, bo = Talker(one), Talker(other)
        for talker, name in ((al, "al"), (bo, "bo")):
            talker.say(type="subscribe", channel="bots", name=name)
            talker.hear("snapshot")
        al.say(type="bot", text="to all")
        al.say(type="bot", to="bo", text="to bo")
        heard = [bo.hear("bot"), bo.hear("bot")]
        assert [message["text"] for message in heard] == ["to all", "to bo"]
        assert [al.hear("bot"), al.hear("bot")] == heard
        with serving("trading", redis_url=redis.url) as third:
            late = Talker(third)
            late.say(type="subscribe", channel="bots")
            assert [message["text"] for message in late.hear("snapshot")["messages"]] == ["to all"]
            late.close()
        al.close()
        bo.close()


def test_a_lost_redis_stops_no_price_and_is_said_and_its_return_is_noticed(redis: Redis) -> None:
    with two(redis) as (one, other):
        al, bo = Talker(one), Talker(other)
        for talker, name in ((al, "al"), (bo, "bo")):
            talker.say(type="subscribe", channel="bots", name=name)
            talker.hear("snapshot")
        al.say(type="subscribe", channel="quotes", symbols=["BTC-USD"])
        seq = al.hear("snapshot")["seq"]
        redis.stop()
        al.say(type="bot", text="lost")
        assert al.hear("error")["code"] == "bots_unavailable"
        for _ in range(20):
            update = al.hear("update")
            assert update["seq"] > seq
            seq = update["seq"]
        redis.start()
        until(lambda: _is_sent(al))
        until(lambda: bo.hear("bot")["text"] == "back")
        until(lambda: one.get("/api/health").json["redis"] == "ok")
        assert one.get("/api/config").json["session"] == al.hello["session"]
        al.close()
        bo.close()


def _is_sent(talker: Talker) -> bool:
    talker.say(type="bot", text="back")
    while (message := talker.next())["type"] not in ("bot", "error"):
        pass
    return bool(message["type"] == "bot")


def test_what_was_said_while_one_process_could_not_reach_redis_is_delivered_later(redis: Redis) -> None:
    with two(redis) as (one, other):
        al, bo = Talker(one), Talker(other)
        for talker, name in ((al, "al"), (bo, "bo")):
            talker.say(type="subscribe", channel="bots", name=name)
            talker.hear("snapshot")
        other.process.send_signal(signal.SIGSTOP)
        for number in range(5):
            al.say(type="bot", text=f"{number}")
            al.hear("bot")
        redis.stop()
        redis.start()
        other.process.send_signal(signal.SIGCONT)
        assert [bo.hear("bot")["text"] for _ in range(5)] == ["0", "1", "2", "3", "4"]
        al.close()
        bo.close()


def test_a_server_starts_without_its_redis_and_finds_it_later(tmp_path: Path) -> None:
    redis = Redis(free_port(), tmp_path)
    with serving("combined", redis_url=redis.url) as running:
        assert running.get("/api/health").json == {
            "status": "degraded",
            "live": True,
            "ready": True,
            "redis": "away",
        }
        assert running.get("/api/quotes").json["quotes"]
        redis.start()
        try:
            until(lambda: running.get("/api/health").json["redis"] == "ok")
            assert running.stop()[0] == 0
        finally:
            redis.stop()


def test_garbage_in_redis_is_replaced(redis: Redis) -> None:
    import redis as client

    with client.Redis(port=redis.port) as connection:
        connection.set("devstack:market", "garbage")
        with serving("api", redis_url=redis.url, market_seed=5) as running:
            assert running.get("/api/health").json["redis"] == "ok"
            assert b'"seed": 5' in connection.get("devstack:market")
            assert "no market" in running.complaints()


@pytest.mark.parametrize("url", ["not a url", "http://127.0.0.1:1", "redis://127.0.0.1:notaport"])
def test_an_address_that_is_none_is_a_wrong_variable(url: str) -> None:
    from devstack.errors import ConfigError
    from devstack.services.trading.redis_link import connect

    with pytest.raises(ConfigError, match="REDIS_URL") as caught:
        connect(url)
    assert url not in str(caught.value)
