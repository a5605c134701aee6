from __future__ import annotations

import getpass
import os
import socket
import subprocess
import sys
import time

import psutil
import pytest

from devstack.core.port_report import BusyReason, PortReport, PortState
from devstack.machine import system
from devstack.machine.preflight import check_claims
from tests.machine.strangers import claim, foreign_address, listening, quiet_port, stranger

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux alone")


def check(port: int) -> PortReport:
    return check_claims([claim(port)])[0]


def test_a_port_that_nobody_holds_is_free() -> None:
    report = check(quiet_port())
    assert report.state is PortState.FREE
    assert report.owners == ()
    assert report.may_bind


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1"])
def test_a_listener_that_a_client_of_localhost_can_meet_makes_a_port_busy(address: str) -> None:
    with listening(address) as port:
        report = check(port)
    assert report.state is PortState.BUSY
    assert report.reason is BusyReason.STRANGER
    shown = f"[{address}]" if ":" in address else address
    assert [(owner.pid, owner.address) for owner in report.owners] == [(os.getpid(), shown)]


def test_an_ipv6_wildcard_of_its_own_makes_a_port_busy() -> None:
    with listening("::", v6_only=True) as port:
        assert check(port).state is PortState.BUSY


@LINUX
def test_any_address_of_the_loopback_network_counts() -> None:
    with listening("127.0.0.2") as port:
        report = check(port)
    assert report.state is PortState.BUSY
    assert report.owners[0].address == "127.0.0.2"


def test_a_listener_on_another_interface_leaves_the_port_free() -> None:
    with listening(foreign_address()) as port:
        assert check(port).state is PortState.FREE


def test_a_clients_connection_leaves_its_port_free() -> None:
    with (
        listening("127.0.0.1") as server,
        socket.create_connection(("127.0.0.1", server)) as client,
    ):
        port = client.getsockname()[1]
        assert check(port).state is PortState.FREE


def test_time_wait_leaves_a_port_free() -> None:
    port = leave_in_time_wait()
    if sys.platform.startswith("linux"):
        rows = psutil.net_connections("tcp")
        assert {row.status for row in rows if row.laddr and row.laddr.port == port} == {"TIME_WAIT"}
    assert check(port).state is PortState.FREE


def leave_in_time_wait() -> int:
    """End a connection from the server's side, so that the server's port is in TIME_WAIT."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = server.accept()
    with client:
        accepted.close()
        assert client.recv(1) == b""
    return port


def test_a_living_connection_of_a_listener_that_is_gone_leaves_the_port_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = server.accept()
    with client, accepted:
        assert check(port).state is PortState.FREE


def test_a_port_that_is_bound_without_a_listener_has_no_owner_in_sight() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        report = check(port)
    assert report.state is PortState.BUSY
    assert report.reason is BusyReason.NO_OWNER
    assert report.owners == ()
    assert report.inspect_command


def test_an_owner_is_told_with_all_that_is_known(tmp_path: os.PathLike[str]) -> None:
    before = time.time()
    with stranger(cwd=os.fspath(tmp_path)) as other:
        owner = check(other.port).owners[0]
    assert owner.pid == other.pid
    assert owner.name is not None
    assert owner.name.startswith("python")
    assert owner.command is not None
    assert "127.0.0.1" in owner.command
    assert owner.user is not None
    assert owner.user.endswith(getpass.getuser())  # Windows: behind the domain
    assert owner.cwd == os.path.realpath(tmp_path)
    assert owner.started is not None
    assert abs(owner.started - before) < 5


@pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="no SO_REUSEPORT")
def test_two_owners_of_one_port_are_both_named() -> None:
    with stranger(ways=["reuse"]) as first, stranger(port=first.port, ways=["reuse"]) as second:
        report = check(first.port)
    assert {owner.pid for owner in report.owners} == {first.pid, second.pid}
    assert str(first.pid) in report.end_command
    assert str(second.pid) in report.end_command


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_every_process_that_shares_a_listening_socket_is_named() -> None:
    with stranger(ways=["share"]) as parent:
        report = check(parent.port)
    assert {owner.pid for owner in report.owners} == {parent.pid, parent.child}


def test_the_same_process_on_two_addresses_is_told_with_both() -> None:
    port = quiet_port()
    with listening("127.0.0.1", port), listening("::1", port):
        report = check(port)
    assert {owner.address for owner in report.owners} == {"127.0.0.1", "[::1]"}
    assert report.end_command.split().count(str(os.getpid())) == 1


def test_reports_come_in_the_order_of_the_claims_and_busy_ones_get_free_ports_of_their_own() -> None:
    first = quiet_port()
    with listening("127.0.0.1", first), listening("127.0.0.1") as second:
        claims = [claim(second, "web"), claim(quiet_port(), "idle"), claim(first, "api")]
        reports = check_claims(claims)
    assert [report.claim for report in reports] == claims
    assert [report.state for report in reports] == [PortState.BUSY, PortState.FREE, PortState.BUSY]
    alternatives = [report.alternative for report in reports if report.alternative]
    assert len(set(alternatives)) == 2
    assert not set(alternatives) & {one.port for one in claims}


def test_an_alternative_is_no_port_that_another_service_claims() -> None:
    port = quiet_port()
    with listening("127.0.0.1", port):
        reports = check_claims([claim(port, "web"), claim(port + 1, "api")])
    assert reports[0].alternative is not None
    assert reports[0].alternative > port + 1


FAST = """
import sys
from devstack.core.ports import PortClaim
from devstack.machine.preflight import check_claims, free_ports
claims = [PortClaim("a", int(port), "PORT") for port in sys.argv[1:]]
assert all(report.state.value == "free" for report in check_claims(claims))
free_ports(claims)
heavy = {"psutil", "rich", "subprocess", "asyncio", "typer", "devstack.machine.listeners"} & set(sys.modules)
sys.exit(f"imported: {sorted(heavy)}" if heavy else 0)
"""


def test_free_ports_need_neither_psutil_nor_another_heavy_module() -> None:
    ports = [str(quiet_port()) for _ in range(4)]
    subprocess.run([sys.executable, "-c", FAST, *ports], check=True)


NOBODY = 65534
AS_NOBODY = """
import os, sys
sys.path[:0] = sys.argv[2].split(os.pathsep)
from devstack.core.ports import PortClaim
from devstack.machine.preflight import check_claims
# Whatever is imported late must be here before: nobody may not read a Python in root's home.
import psutil, pwd, shlex, shutil, subprocess
import devstack.machine.listeners, devstack.machine.owners
os.setgid(65534); os.setuid(65534)
report = check_claims([PortClaim("a", int(sys.argv[1]), "PORT")])[0]
owners = [(owner.pid, owner.user, owner.address) for owner in report.owners]
print(repr((report.state.value, report.reason and report.reason.value, owners, report.may_bind)))
"""

AS_ROOT = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another user"
)


def check_as_nobody(port: int) -> tuple[str, str | None, list[tuple[int | None, str | None, str]], bool]:
    arguments = [str(port), os.pathsep.join(sys.path)]
    answer = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, *arguments], check=True, stdout=subprocess.PIPE, text=True
    )
    found: tuple[str, str | None, list[tuple[int | None, str | None, str]], bool] = eval(answer.stdout)  # noqa: S307
    return found


@AS_ROOT
@LINUX
@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "0.0.0.0"])
def test_an_owner_of_another_user_is_hidden_and_the_user_is_named(address: str) -> None:
    with listening(address) as port:
        state, reason, owners, _ = check_as_nobody(port)
    shown = f"[{address}]" if ":" in address else address
    assert (state, reason, owners) == ("busy", "hidden", [(None, getpass.getuser(), shown)])


@AS_ROOT
@LINUX
def test_a_port_below_1024_is_free_though_this_user_may_not_bind_it() -> None:
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="ascii") as file:
        if int(file.read()) < 1024:
            pytest.skip("every user may bind every port here")
    port = next(port for port in range(600, 1000) if check(port).state is PortState.FREE)
    assert check_as_nobody(port) == ("free", None, [], False)


@LINUX
def test_a_machine_without_ipv6_has_free_ports() -> None:
    script = "import sys; from devstack.machine.binding import try_binding; sys.exit(try_binding(5000).value)"
    answer = subprocess.run(
        ["unshare", "-rn", sys.executable, "-c", script], check=False, capture_output=True, text=True
    )
    if "unshare" in answer.stderr:
        pytest.skip(f"no network namespace here: {answer.stderr.strip()}")
    assert answer.stderr.strip() == "free"


def test_identity_is_pid_and_start_time() -> None:
    with stranger() as other:
        identity = system.identify(other.pid)
        assert identity is not None
        recycled = system.ProcessId(identity.pid, identity.started - 1)
        claims = [claim(other.port)]
        assert check_claims(claims, [identity])[0].state is PortState.OURS
        assert check_claims(claims, [recycled])[0].state is PortState.BUSY
