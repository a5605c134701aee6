from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.errors import ConfigError
from devstack.services.http.origins import check_request, is_allowed_origin, policy_for
from devstack.services.settings import PROD, Settings

DEV_HMR = policy_for(Settings(), 3002)
PROD_SERVER = policy_for(Settings(mode=PROD), 5000)


def headers(host: str | None = "localhost:3002", *origins: str) -> list[tuple[bytes, bytes]]:
    hosts = [] if host is None else [(b"host", host.encode())]
    return [*hosts, *((b"origin", origin.encode()) for origin in origins)]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
@pytest.mark.parametrize("port", [3000, 3002])
def test_the_servers_own_and_the_frontends_origin_may_connect_by_every_loopback_name(
    host: str, port: int
) -> None:
    assert check_request(headers("localhost:3002", f"http://{host}:{port}"), DEV_HMR) is None


def test_who_sends_no_origin_is_no_browser_and_may_connect() -> None:
    assert check_request(headers("127.0.0.1:3002"), DEV_HMR) is None


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://evil.example:3000",
        "http://localhost:3001",
        "http://localhost",
        "http://localhost.evil.example:3000",
        "http://evil.example#localhost:3000",
        "http://localhost:3000@evil.example",
        "http://evil.example:3000/localhost:3000",
        "file://",
        "null",
        "",
        "chrome-extension://localhost:3000",
        "http://127.0.0.2:3000",
        "http://[::2]:3000",
        "http://localhost:",
        "http://localhost:3000,http://evil.example",
    ],
)
def test_another_origins_page_may_not_connect(origin: str) -> None:
    refusal = check_request(headers("localhost:3002", origin), DEV_HMR)
    assert refusal is not None
    assert refusal.status == 403


def test_in_prod_there_is_no_frontend_whose_page_could_connect() -> None:
    assert not is_allowed_origin("http://localhost:3000", PROD_SERVER)
    assert is_allowed_origin("http://localhost:5000", PROD_SERVER)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:3002", "localhost.evil.example", "192.168.1.7:3002"]
)
def test_a_name_that_is_not_the_servers_is_refused_so_that_rebinding_a_name_is_of_no_use(host: str) -> None:
    refusal = check_request(headers(host), DEV_HMR)
    assert refusal is not None
    assert refusal.status == 403


@pytest.mark.parametrize(
    "host", ["", "local host", "localhost:port", "localhost:3002/x", "a@localhost", "[::1"]
)
def test_a_malformed_host_is_400(host: str) -> None:
    refusal = check_request(headers(host), DEV_HMR)
    assert refusal is not None
    assert refusal.status == 400


def test_no_host_and_two_hosts_are_400() -> None:
    none, two = headers(None), [*headers("localhost"), *headers("localhost")]
    assert [getattr(check_request(given, DEV_HMR), "status", None) for given in (none, two)] == [400, 400]


def test_two_origins_are_400() -> None:
    twice = headers("localhost:3002", "http://localhost:3000", "http://localhost:3000")
    refusal = check_request(twice, DEV_HMR)
    assert refusal is not None
    assert refusal.status == 400


def test_an_origin_that_was_allowed_may_connect_and_its_name_is_known() -> None:
    policy = policy_for(Settings(mode=PROD, allowed_origins=("https://trade.example.org",)), 5000)
    proxied = headers("trade.example.org", "https://trade.example.org")
    assert check_request(proxied, policy) is None
    assert not is_allowed_origin("http://trade.example.org", policy)
    assert not is_allowed_origin("https://trade.example.org:8443", policy)


def test_a_given_origin_that_is_none_is_an_error_that_shows_one() -> None:
    with pytest.raises(ConfigError, match=r"trade\.example\.org/x"):
        policy_for(Settings(allowed_origins=("https://trade.example.org/x",)), 5000)


def test_bound_to_all_addresses_every_bare_address_is_ours_but_no_name() -> None:
    policy = policy_for(Settings(host="0.0.0.0"), 3002)
    assert check_request(headers("192.168.1.7:3002", "http://192.168.1.7:3000"), policy) is None
    assert check_request(headers("evil.example:3002"), policy) is not None
    assert not is_allowed_origin("http://evil.example:3000", policy)


def test_bound_to_one_address_that_address_is_a_name_of_ours() -> None:
    policy = policy_for(Settings(host="192.168.1.7"), 3002)
    assert check_request(headers("192.168.1.7:3002"), policy) is None
    assert check_request(headers("192.168.1.8:3002"), policy) is not None


@given(st.text(), st.text())
def test_whatever_a_client_sends_is_judged_and_nothing_breaks(host: str, origin: str) -> None:
    given_headers = [
        (b"host", host.encode("utf-8", "replace")),
        (b"origin", origin.encode("utf-8", "replace")),
    ]
    refusal = check_request(given_headers, DEV_HMR)
    assert refusal is None or refusal.status in (400, 403)
