"""The simulated market is a pure function of seed and time."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from devstack.services.market.market import (
    LONGEST_QUIET,
    SYMBOLS,
    Market,
    change_text,
    decimal_text,
)

NAMES = st.sampled_from([symbol.name for symbol in SYMBOLS])
TICKS = st.integers(min_value=10_000, max_value=40_000_000_000)
MARKET = Market(seed=7)


@given(NAMES, TICKS)
def test_two_markets_of_one_seed_agree_at_every_tick(name: str, tick: int) -> None:
    assert Market(seed=7).quote_at(name, tick) == MARKET.quote_at(name, tick)
    assert Market(seed=7).book_at(name, tick) == MARKET.book_at(name, tick)


def test_another_process_sees_the_same_market() -> None:
    quote = "market.Market(7).quote_at('EUR-USD', 17954863944)"
    program = f"from devstack.services.market import market; print({quote})"
    seen = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout
    assert seen.strip() == str(MARKET.quote_at("EUR-USD", 17954863944))


def test_a_known_price_stays_what_it_was() -> None:
    """Every release and machine must compute the same market; a change here needs a new session name."""
    assert [MARKET.price(name, 1_700_000_000_000) for name in ("BTC-USD", "EUR-USD")] == KNOWN_PRICES


KNOWN_PRICES = [6766986, 108305]


def test_another_seed_is_another_market_with_another_session() -> None:
    other = Market(seed=8)
    assert other.session != MARKET.session
    assert other.price("BTC-USD", 1_700_000_000_000) != MARKET.price("BTC-USD", 1_700_000_000_000)


@given(NAMES, TICKS)
def test_a_quote_makes_sense(name: str, tick: int) -> None:
    quote = MARKET.quote_at(name, tick)
    assert 0 < quote.bid < quote.ask
    assert quote.price == (quote.ask if quote.is_buy else quote.bid)
    assert quote.size > 0
    assert tick - LONGEST_QUIET <= quote.seq <= tick


@given(NAMES, TICKS)
def test_a_book_is_in_order_and_around_its_quote(name: str, tick: int) -> None:
    quote, book = MARKET.quote_at(name, tick), MARKET.book_at(name, tick)
    bids, asks = [level.price for level in book.bids], [level.price for level in book.asks]
    assert bids[0] == quote.bid
    assert asks[0] == quote.ask
    assert bids == sorted(set(bids), reverse=True)
    assert asks == sorted(set(asks))
    assert all(level.size > 0 for level in book.bids + book.asks)


@given(NAMES, TICKS, st.integers(0, 60))
def test_what_changed_between_two_ticks_is_what_changed_at_one_of_them(
    name: str, tick: int, gap: int
) -> None:
    one_by_one = any(MARKET.changes(name, later) for later in range(tick + 1, tick + gap + 1))
    assert MARKET.changed_between(name, tick, tick + gap) == one_by_one


@given(NAMES, st.integers(1_600_000_000_000, 1_900_000_000_000), st.sampled_from([5, 60, 3600, 86400]))
def test_a_candle_holds_its_own_prices_and_begins_where_the_last_one_ended(
    name: str, at: int, seconds: int
) -> None:
    start = at - at % (seconds * 1000)
    after = start + seconds * 1000
    candle, following = (MARKET.candle_until(name, begin, seconds, after * 2) for begin in (start, after))
    assert candle.low <= min(candle.open, candle.close)
    assert candle.high >= max(candle.open, candle.close)
    assert candle.close == following.open
    assert candle.volume >= 0


@given(NAMES, st.integers(1_600_000_000_000, 1_900_000_000_000))
def test_an_unfinished_candle_knows_nothing_of_what_comes(name: str, now: int) -> None:
    start = now - now % 60_000
    candle = MARKET.candle_until(name, start, 60, now)
    assert candle.close == MARKET.price(name, now)
    assert candle.open == MARKET.price(name, start)


@given(NAMES, st.integers(1_600_000_000_000, 1_900_000_000_000))
def test_prices_move_in_small_steps(name: str, at: int) -> None:
    now, soon = MARKET.price(name, at), MARKET.price(name, at + 100)
    assert abs(soon - now) <= max(2, now // 500)


@given(st.integers(-(10**12), 10**12), st.integers(0, 8))
def test_a_decimal_text_is_exact(steps: int, decimals: int) -> None:
    text = decimal_text(steps, decimals)
    assert Decimal(text) == Decimal(steps).scaleb(-decimals)
    assert len(text.partition(".")[2]) == decimals


def test_a_change_is_in_per_cent() -> None:
    assert change_text(10_150, 10_000) == "1.50"
    assert change_text(9_950, 10_000) == "-0.50"
    assert change_text(10_000, 10_000) == "0.00"


def test_the_wall_clock_and_the_tick_are_one() -> None:
    assert MARKET.tick_at(1_700_000_000.25) == 17_000_000_002
    assert MARKET.time_of(17_000_000_002) == 1_700_000_000_200
