from __future__ import annotations

import ipaddress
import os
import socket

from hypothesis import given
from hypothesis import strategies as st

from devstack.machine.listeners import Listener, bound_address, concerns, find_connected_ports, find_listeners
from tests.machine.strangers import listening, stranger


def test_listeners_are_found_with_address_port_and_pid() -> None:
    with stranger("0.0.0.0") as first, listening("::1") as second:
        found = find_listeners({first.port, second})
    assert set(found) == {
        Listener(first.port, "0.0.0.0", first.pid),
        Listener(second, "[::1]", os.getpid()),
    }


def test_without_ports_every_listener_is_found() -> None:
    with listening("127.0.0.1") as port:
        assert Listener(port, "127.0.0.1", os.getpid()) in find_listeners()
        assert find_listeners(set()) == ()


def test_a_connection_is_no_listener_and_is_found_as_one_end_of_a_connection() -> None:
    with listening("127.0.0.1") as port, socket.create_connection(("127.0.0.1", port)) as client:
        own = client.getsockname()[1]
        assert find_listeners({own}) == ()
        assert find_connected_ports({own, 1}) == {own}


ADDRESSES = st.ip_addresses(v=4) | st.ip_addresses(v=6) | st.ip_addresses(network="::ffff:0:0/96")


@given(ADDRESSES)
def test_an_address_concerns_us_just_if_it_is_loopback_or_wildcard(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    shown = bound_address(socket.inet_ntop(family, address.packed))  # as the system itself writes it
    plain = getattr(address, "ipv4_mapped", None) or address
    assert concerns(shown) == (plain.is_loopback or plain.is_unspecified)


def test_mapped_and_bare_spellings_concern_us_as_well() -> None:
    assert all(map(concerns, ("::ffff:127.0.0.1", "[::ffff:127.9.9.9]", "[::ffff:0.0.0.0]", "::1", "[::]")))
    assert not any(map(concerns, ("192.0.2.1", "[::ffff:192.0.2.1]", "[fe80::1%eth0]", "[fd00::1]")))
