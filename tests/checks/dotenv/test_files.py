"""`.env` files: their example, secrets on the way into the page, readers that read differently."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.checks.dotenv.files import (
    EnvValue,
    compare_readings,
    compare_with_example,
    find_browser_secrets,
)
from devstack.checks.dotenv.node import expand, read_like_dotenv
from devstack.core.findings import Level


def values(**variables: str) -> list[EnvValue]:
    return [EnvValue(name, value, f".env:{line}") for line, (name, value) in enumerate(variables.items(), 1)]


def test_an_env_that_agrees_with_its_example_is_fine() -> None:
    [finding] = compare_with_example(values(PORT="5000"), values(PORT="5001"))
    assert finding.level is Level.OK


def test_a_default_that_is_left_is_fine_and_named() -> None:
    [finding] = compare_with_example(values(PORT="5000", WS_PORT="3001"), values(PORT="5000"))
    assert finding.level is Level.OK
    assert finding.what.endswith("WS_PORT left at the default")


def test_a_value_that_the_example_asks_for_is_missed() -> None:
    [finding] = compare_with_example(values(API_KEY="", PORT="5000"), values(PORT="1"))
    assert finding.level is Level.WARNING
    assert finding.what == ".env.example asks for API_KEY, and no .env file sets it"


def test_a_value_from_the_shell_is_not_missed() -> None:
    [finding] = compare_with_example(values(API_KEY=""), [], shell={"API_KEY"})
    assert finding.level is Level.OK


def test_a_variable_that_the_example_does_not_tell_is_named_with_its_line() -> None:
    [finding] = compare_with_example(values(PORT="5000"), values(PORT="5000", EXTRA="x"))
    assert finding.what == "EXTRA (.env:2) is not in .env.example"


@pytest.mark.parametrize(
    ("name", "value", "sign"),
    [
        ("VITE_STRIPE_SECRET_KEY", "anything", "its name says SECRET"),
        ("VITE_DB_PASSWORD", "hunter2", "its name says PASSWORD"),
        ("VITE_SUPABASE_SERVICE_ROLE", "x", "its name says SERVICE_ROLE"),
        ("VITE_PAYMENTS", "sk_live_0123456789ab", "a Stripe secret key"),
        ("VITE_X", "ghp_" + "a" * 36, "a GitHub token"),
        ("VITE_URL", "postgres://app:pw@db/app", "an address with a password"),
    ],
)
def test_a_secret_on_its_way_into_the_page_is_an_error(name: str, value: str, sign: str) -> None:
    [finding] = find_browser_secrets(values(**{name: value}))
    assert finding.level is Level.ERROR
    assert sign in finding.what
    assert value not in finding.what + finding.why + finding.what_to_do


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VITE_API_URL", "http://localhost:5000"),
        ("VITE_SUPABASE_ANON_KEY", "eyJhbGciOi"),
        ("VITE_MAPBOX_TOKEN", "pk.abc"),
        ("VITE_STRIPE_PUBLISHABLE_KEY", "pk_live_0123456789ab"),
        ("VITE_TOKENIZER", "x"),
        ("VITE_SECRET_KEY", ""),
        ("STRIPE_SECRET_KEY", "sk_live_0123456789ab"),
    ],
)
def test_what_may_be_public_is_left_alone(name: str, value: str) -> None:
    assert find_browser_secrets(values(**{name: value})) == ()


def test_another_prefix_of_vite_is_followed() -> None:
    assert find_browser_secrets(values(APP_SECRET="x"), ("APP_",))


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("A=1", {"A": "1"}),
        ("export A = b # c", {"A": "b"}),
        ("A=x#y", {"A": "x"}),
        ("A='x#y'", {"A": "x#y"}),
        ('A="a\\nb"', {"A": "a\nb"}),
        ("A='a\\nb'", {"A": "a\\nb"}),
        ('A="two\nlines"', {"A": "two\nlines"}),
        ("A: yaml", {"A": "yaml"}),
        ("A=", {"A": ""}),
        ("A=it's", {"A": "it's"}),
        ("A=`back`\r\nB=2", {"A": "back", "B": "2"}),
        ("no entry", {}),
    ],
)
def test_dotenv_is_followed_in_what_it_reads(text: str, reading: dict[str, str]) -> None:
    assert read_like_dotenv(text) == reading


@pytest.mark.parametrize(
    ("values_", "expanded"),
    [
        ({"A": "1", "B": "$A-${A}"}, {"A": "1", "B": "1-1"}),
        ({"A": "pa$word"}, {"A": "pa"}),
        ({"A": "pa\\$word"}, {"A": "pa$word"}),
        ({"A": "${B:-x}"}, {"A": "x"}),
        ({"A": "${B-x}", "B": ""}, {"A": "x", "B": ""}),
        ({"A": "${B:+x}", "B": "1"}, {"A": "x", "B": "1"}),
        ({"A": "$5"}, {"A": "$5"}),
        ({"A": "$A"}, {"A": ""}),
    ],
)
def test_dotenv_expand_is_followed_in_what_it_replaces(
    values_: dict[str, str], expanded: dict[str, str]
) -> None:
    assert expand(values_) == expanded


@given(st.text(alphabet="AB=#'\"`$ {}\\n\n:-", max_size=40))
def test_no_text_confuses_the_readers(text: str) -> None:
    for value in expand(read_like_dotenv(text)).values():
        assert isinstance(value, str)


@pytest.mark.parametrize(
    ("ours", "theirs", "words"),
    [
        ("x#y", "x", "ends the value at the #"),
        ("pa$word", "pa", "replaces what follows the $"),
        ("x", None, "does not see it"),
        ("x", "", "reads nothing"),
    ],
)
def test_a_different_reading_is_named_without_the_value(ours: str, theirs: str | None, words: str) -> None:
    others = {} if theirs is None else {"NAME": theirs}
    [finding] = compare_readings(values(NAME=ours), others, "Vite")
    assert finding.what == f"NAME (.env:1): Vite {words}"
    assert finding.what_to_do


def test_the_same_reading_is_no_finding() -> None:
    assert compare_readings(values(A="1", B="2"), {"A": "1", "B": "2", "C": "3"}, "Vite") == ()
