"""The cheap look at claimed ports agrees with what really listens."""

from __future__ import annotations

import os
import sys

import pytest

from devstack.machine.claimed_sockets import unaccounted_ports
from tests.machine.strangers import listening, stranger
from tests.node_project import free_run

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux alone tells it")


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1", "::"])
def test_a_listener_of_the_claiming_service_is_accounted_for(address: str) -> None:
    with listening(address) as port:
        assert unaccounted_ports({port: "web"}, {os.getpid(): "web"}) == frozenset()


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1", "::"])
def test_a_siblings_and_a_strangers_are_not(address: str) -> None:
    with listening(address) as sibling, stranger(address) as other:
        claims = {sibling: "web", other.port: "api"}
        assert unaccounted_ports(claims, {os.getpid(): "other"}) == {sibling, other.port}


def test_a_socket_that_the_supervisor_itself_holds_is_anybodys() -> None:
    with listening("127.0.0.1") as port:
        assert unaccounted_ports({port: "web"}, {os.getpid(): ""}) == frozenset()


def test_a_port_on_which_nobody_listens_is_nobodys() -> None:
    assert unaccounted_ports({free_run(1): "web"}, {}) == frozenset()


def test_a_process_that_has_ended_holds_nothing() -> None:
    with stranger("127.0.0.1") as gone:
        pid = gone.pid
    with listening("127.0.0.1") as port:
        assert unaccounted_ports({port: "web"}, {pid: "web"}) == {port}
