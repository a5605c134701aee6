"""The service that claims a port is the one that listens on it. Real processes, the real Vite."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from devstack.checks.impostors import check_claims, find_impostors
from devstack.core.findings import Level
from tests.checks.vite.vite import start_vite, write_project
from tests.commands import needs_setsid
from tests.node_project import free_run, hand_made_stack, page_claim, trading_claim, until

LISTEN = """
import os, socket, sys, time
sockets = []
for place in sys.argv[1:]:
    host, _, port = place.rpartition("@")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sockets.append(socket.socket(family))
    sockets[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sockets[-1].bind((host, int(port)))
    sockets[-1].listen()
time.sleep(600)
"""


def listen(*places: str) -> tuple[str, ...]:
    """A command that listens on `address@port` and waits for nothing."""
    return (sys.executable, "-c", LISTEN, *places)


def test_a_service_on_its_own_port_is_fine(tmp_path: Path) -> None:
    port = free_run(1)
    with hand_made_stack(tmp_path, [page_claim(port)]) as stack:
        stack.start("frontend", listen(f"127.0.0.1@{port}"), port=port)
        [finding] = check_claims(stack.facts())
    assert finding.level is Level.OK
    assert finding.what == f"frontend listens on 127.0.0.1:{port}"


def test_nobody_is_an_impostor_while_nobody_listens(tmp_path: Path) -> None:
    with hand_made_stack(tmp_path, [page_claim(free_run(1))]) as stack:
        assert find_impostors(stack.facts()) == ()


def test_a_service_that_listens_elsewhere_is_told_where(tmp_path: Path) -> None:
    port = free_run(2)
    with hand_made_stack(tmp_path, [page_claim(port)]) as stack:
        stack.start("frontend", listen(f"127.0.0.1@{port + 1}"), port=port + 1)
        [finding] = check_claims(stack.facts())
    assert finding.level is Level.ERROR
    assert finding.what == (
        f"frontend claims {port} and does not listen there; it listens on {port + 1} instead"
    )
    assert "FRONTEND_PORT" in finding.what_to_do


def test_a_stranger_on_a_claimed_port_is_named_with_pid_and_folder(tmp_path: Path) -> None:
    port = free_run(1)
    (tmp_path / "other").mkdir()
    with (
        hand_made_stack(tmp_path / "other", []) as other,
        hand_made_stack(tmp_path, [page_claim(port)]) as stack,
    ):
        other.start("x", (sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"), port=port)
        [finding] = find_impostors(stack.facts())
        pid = other.processes["x"].pid
    assert finding.level is Level.ERROR
    assert f"-m http.server (pid {pid}, in {tmp_path / 'other'})" in finding.what
    assert f"listens on 127.0.0.1:{port}, which frontend claims" in finding.what


def test_a_stranger_beside_the_service_on_the_other_loopback_is_found(tmp_path: Path) -> None:
    port = free_run(1)
    with hand_made_stack(tmp_path, []) as other, hand_made_stack(tmp_path, [page_claim(port)]) as stack:
        other.start("x", listen(f"::1@{port}"))
        stack.start("frontend", listen(f"127.0.0.1@{port}"), port=port)
        until(lambda: len(stack.facts().listeners) == 2, "both listeners")
        [finding] = find_impostors(stack.facts())
    assert f"listens on [::1]:{port}, which frontend listens on too" in finding.what


def test_a_sibling_on_anothers_port_is_named(tmp_path: Path) -> None:
    port = free_run(2)
    claims = [page_claim(port), trading_claim(port + 1)]
    with hand_made_stack(tmp_path, claims) as stack:
        stack.start("frontend", listen(f"127.0.0.1@{port}", f"127.0.0.1@{port + 1}"), port=port + 1)
        [finding] = find_impostors(stack.facts())
    assert finding.service == "trading"
    assert finding.what.startswith(f"frontend listens on {port + 1}, which trading claims")


@needs_setsid
def test_a_grandchild_listens_for_its_service(tmp_path: Path) -> None:
    port = free_run(1)
    with hand_made_stack(tmp_path, [page_claim(port)]) as stack:
        command = " ".join(f"'{word}'" for word in ("setsid", *listen(f"127.0.0.1@{port}")))
        stack.start("frontend", ("sh", "-c", f"{command} & wait"), port=port)
        [finding] = check_claims(stack.facts())
        assert finding.level is Level.OK


@pytest.mark.node
def test_vite_that_slid_to_the_trading_port_is_named_with_who_pushed_it(
    tmp_path: Path, node_modules: Path
) -> None:
    port = free_run(2)
    project = write_project(tmp_path / "p", node_modules, f"{{ host: '127.0.0.1', port: {port} }}")
    claims = [page_claim(port), trading_claim(port + 1)]
    with hand_made_stack(tmp_path, []) as other, hand_made_stack(project, claims) as stack:
        other.start("x", (sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"), port=port)
        start_vite(stack, port + 1)
        on_page, on_trading = find_impostors(stack.facts())
    assert "-m http.server" in on_page.what
    assert f"listens on 127.0.0.1:{port}, which frontend claims" in on_page.what
    assert on_trading.service == "trading"
    assert f"frontend listens on {port + 1}, which trading claims: vite (pid " in on_trading.what
    assert f"its own port {port} is held by " in on_trading.what
    assert "strictPort: true" in on_trading.what_to_do


@pytest.mark.node
def test_vite_that_slid_from_a_port_that_nobody_claims_is_told_to_stop_instead(
    tmp_path: Path, node_modules: Path
) -> None:
    port = free_run(2)
    project = write_project(tmp_path / "p", node_modules, f"{{ host: '127.0.0.1', port: {port} }}")
    with (
        hand_made_stack(tmp_path, []) as other,
        hand_made_stack(project, [trading_claim(port + 1)]) as stack,
    ):
        other.start("x", (sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"), port=port)
        start_vite(stack, port + 1, "web")
        [finding] = find_impostors(stack.facts())
    assert f"web listens on {port + 1}, which trading claims: vite (pid " in finding.what
    assert "strictPort: true" in finding.what_to_do
    assert "claim that port for web" in finding.what_to_do
