"""What is masked, and what a person still sees of it."""

from __future__ import annotations

import pytest

from devstack.config.environment.secrets import MASK, is_secret, masked


@pytest.mark.parametrize(
    "name",
    [
        "API_KEY",
        "STRIPE_KEYS",
        "apiKey",
        "APIKEY",
        "GITHUB_TOKEN",
        "ACCESSTOKEN",
        "CLIENT_SECRET",
        "DB_PASSWORD",
        "DB_PASS",
        "MYSQL_PWD",
        "PGPASSWORD",
        "SSH_PASSPHRASE",
        "AWS_CREDENTIALS",
        "SENTRY_DSN",
        "PRIVATE_KEY_PATH",
        "BASIC_AUTH",
        "SESSION_COOKIE",
        "VITE_SECRET_THING",
    ],
)
def test_a_name_that_tells_of_a_secret_masks_its_value(name: str) -> None:
    assert is_secret(name, "some value")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "5000"),
        ("PWD", "/home/me"),
        ("OLDPWD", "/home/me"),
        ("KEYBOARD", "de"),
        ("PASSENGERS", "3"),
        ("NODE_ENV", "development"),
        ("API_URL", "http://localhost:5000/a@b"),
        ("REGISTRY", "http://localhost:4873/@scope/package"),
        ("MAIL", "me@example.org"),
        ("DATABASE_URL", "postgres://localhost/db"),
        ("API_KEY", ""),
    ],
)
def test_what_tells_of_none_is_shown(name: str, value: str) -> None:
    assert not is_secret(name, value)


def test_a_certificate_of_any_length_is_looked_through_in_one_go() -> None:
    assert not is_secret("CERTIFICATE", "x" * 1_000_000)  # the square of that would take an hour


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("postgres://me:pw@db:5432/x", f"postgres://me:{MASK}@db:5432/x"),
        ("redis://:pw@db", f"redis://:{MASK}@db"),
        ("https://abcdef@git.example.org/x", f"https://{MASK}@git.example.org/x"),
        ("amqp://a:b@one,amqp://c:d@two", f"amqp://a:{MASK}@one,amqp://c:{MASK}@two"),
        ("https://me:p@ss@host/", f"https://me:{MASK}@host/"),
        ("postgres://me:a/b#c@db/x", f"postgres://me:{MASK}@db/x"),
    ],
)
def test_of_a_url_only_the_secret_part_is_masked(value: str, shown: str) -> None:
    assert is_secret("SOME_URL", value)
    assert masked(value) == shown


@pytest.mark.parametrize(
    "value",
    [
        "-----BEGIN PRIVATE KEY-----\nx",
        "ghp_" + "a" * 36,
        "sk-proj-abc",
        "AKIA" + "A" * 16,
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.x",
        "host=db user=me password=geheim",
        "https://example.org/?access_token=abc",
    ],
)
def test_a_value_that_looks_like_a_secret_is_masked_whatever_its_name(value: str) -> None:
    assert is_secret("SOMETHING", value)
    assert masked(value) == MASK


def test_the_mask_does_not_tell_how_long_the_secret_is() -> None:
    assert masked("a") == masked("a" * 50) == MASK
