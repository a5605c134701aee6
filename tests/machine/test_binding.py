from __future__ import annotations

import socket

from devstack.machine.binding import Binding, answering_address, find_free_port, next_free_port, try_binding
from devstack.machine.preflight import free_ports
from tests.machine.strangers import claim, listening, quiet_port


def test_trying_leaves_the_port_to_the_next_who_binds_it() -> None:
    port = quiet_port()
    assert try_binding(port) is Binding.FREE
    with socket.socket() as server:
        server.bind(("127.0.0.1", port))


def test_the_next_free_port_passes_over_listeners_and_taken_numbers() -> None:
    port = quiet_port()
    with listening("127.0.0.1", port):
        found = next_free_port(port - 1, taken={port + 1})
    assert found is not None
    assert found > port + 1


def test_there_is_no_port_after_the_last() -> None:
    assert next_free_port(65535) is None


def test_ports_for_auto_are_free_distinct_and_none_that_is_claimed() -> None:
    claims = [
        claim(quiet_port(), "web", "WEB_PORT"),
        claim(quiet_port(), "web", "HMR_PORT"),
        claim(quiet_port(), "api"),
        claim(quiet_port(), "fixed", None),
    ]
    moved = free_ports(claims)
    assert list(moved) == [("web", "WEB_PORT"), ("web", "HMR_PORT"), ("api", "PORT")]
    assert len({*moved.values(), *(one.port for one in claims)}) == 7
    assert all(try_binding(port) is Binding.FREE for port in moved.values())


def test_a_free_port_is_none_of_the_taken_ones() -> None:
    taken = {find_free_port() for _ in range(5)}
    assert find_free_port(taken) not in taken


def test_who_answers_is_told_by_the_address_that_took_the_connection() -> None:
    with listening("::1") as port:
        assert answering_address(port) == "[::1]"
    with listening("0.0.0.0") as port:
        assert answering_address(port) == "127.0.0.1"
    assert answering_address(quiet_port()) is None
