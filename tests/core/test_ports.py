"""Port claims, the seed's table, and what is said of a claim."""

from __future__ import annotations

import pytest

from devstack.core.port_report import (
    BusyReason,
    Owner,
    PortReport,
    PortState,
    any_busy,
)
from devstack.core.ports import SEED_TABLE, PortClaim, Protocol, is_port
from devstack.core.service import Service
from devstack.core.stack import Stack

TRADING = PortClaim("trading", 3001, "WS_PORT", Protocol.WS, path="/api/ws")
SERVER = PortClaim("server", 5000, "PORT", Protocol.HTTP, path="/api/ws", also_ws=True)


def test_the_table_is_the_seeds() -> None:
    assert {(row.name, row.variable, row.default, row.modes) for row in SEED_TABLE} == {
        ("frontend", "FRONTEND_PORT", 3000, ("dev",)),
        ("hmr", "HMR_PORT", 3002, ("dev",)),
        ("api", "PORT", 5000, ("dev",)),
        ("trading", "WS_PORT", 3001, ("dev",)),
        ("server", "PORT", 5000, ("prod",)),
    }


@pytest.mark.parametrize(
    ("claim", "url", "websocket_url"),
    [
        (TRADING, "ws://localhost:3001/api/ws", "ws://localhost:3001/api/ws"),
        (PortClaim("hmr", 3002, None, Protocol.WS), "ws://localhost:3002/", "ws://localhost:3002/"),
        (SERVER, "http://localhost:5000", "ws://localhost:5000/api/ws"),
        (PortClaim("api", 5000, "PORT", Protocol.HTTP), "http://localhost:5000", None),
        (PortClaim("db", 5432), "localhost:5432", None),
    ],
)
def test_a_claim_has_the_address_that_its_clients_use(
    claim: PortClaim, url: str, websocket_url: str | None
) -> None:
    assert (claim.url, claim.websocket_url) == (url, websocket_url)


def test_a_port_is_a_number_of_sixteen_bits_and_not_zero() -> None:
    assert [is_port(number) for number in (-1, 0, 1, 65535, 65536)] == [False, False, True, True, False]


def test_a_busy_port_has_the_reason_of_its_first_owner() -> None:
    owners = (Owner(pid=7, reason=BusyReason.LEFTOVER), Owner(pid=8, reason=BusyReason.STRANGER))
    assert PortReport(TRADING, PortState.BUSY, owners).reason is BusyReason.LEFTOVER
    assert PortReport(TRADING, PortState.BUSY).reason is BusyReason.NO_OWNER
    assert PortReport(TRADING, PortState.OURS, (Owner(pid=7),)).reason is None


def test_only_what_is_busy_stands_in_the_way() -> None:
    free, ours = PortReport(TRADING, PortState.FREE), PortReport(SERVER, PortState.OURS)
    assert not any_busy([free, ours])
    assert any_busy([free, PortReport(TRADING, PortState.BUSY)])


def test_a_stack_has_the_claims_of_all_its_services() -> None:
    services = (Service("trading", "run", "/", claims=(TRADING,)), Service("worker", "run", "/"))
    stack = Stack("/project", "dev", "Procfile.dev", services)
    assert stack.claims == (TRADING,)
    assert stack.service("worker") is services[1]
    with pytest.raises(KeyError):
        stack.service("nobody")
