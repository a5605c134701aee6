"""Listeners beyond loopback that nobody declared, as bound, with the line that mends them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from devstack.checks.exposure import check_exposure, is_exposed
from devstack.checks.vite.version import check_vite_version, installed_version
from devstack.core.findings import Finding, Level
from tests.checks.vite.vite import start_vite, write_project
from tests.node_project import HandMadeStack, free_run, hand_made_stack, hmr_claim, page_claim, trading_claim


def exposures(stack: HandMadeStack, level: Level = Level.WARNING) -> list[Finding]:
    return [finding for finding in check_exposure(stack.facts(), level=level) if finding.check == "exposure"]


@pytest.mark.node
def test_vites_hot_reload_port_on_every_address_is_found(tmp_path: Path, node_modules: Path) -> None:
    port = free_run(2)
    server = f"{{ host: '127.0.0.1', port: {port}, strictPort: true, hmr: {{ port: {port + 1} }} }}"
    project = write_project(tmp_path / "p", node_modules, server)
    with hand_made_stack(project, [page_claim(port), hmr_claim(port + 1)]) as stack:
        start_vite(stack, port)
        [finding] = exposures(stack)
    assert finding.level is Level.WARNING
    assert finding.what == f"frontend listens on [::]:{port + 1}, open to the whole network"
    assert finding.what_to_do == (
        f"in vite.config: server: {{ ws: {{ port: {port + 1}, host: '127.0.0.1' }} }}"
    )


@pytest.mark.node
def test_the_line_that_mends_it_does(tmp_path: Path, node_modules: Path) -> None:
    port = free_run(2)
    ws = f"{{ port: {port + 1}, host: '127.0.0.1' }}"
    server = f"{{ host: '127.0.0.1', port: {port}, strictPort: true, ws: {ws} }}"
    project = write_project(tmp_path / "p", node_modules, server)
    with hand_made_stack(project, [page_claim(port), hmr_claim(port + 1)]) as stack:
        start_vite(stack, port)
        [finding] = exposures(stack)
    assert finding.level is Level.OK


def test_the_seeds_listen_on_every_address_is_an_error_in_smoke(tmp_path: Path) -> None:
    port = free_run(1)
    with hand_made_stack(tmp_path, [trading_claim(port)]) as stack:
        stack.start("trading", (sys.executable, "-m", "http.server", str(port)), port=port)
        [finding] = exposures(stack, Level.ERROR)
    assert finding.level is Level.ERROR
    assert finding.what == f"trading listens on 0.0.0.0:{port}, open to the whole network"
    assert finding.what_to_do == "add to the command: --bind 127.0.0.1"


def test_what_host_declares_is_no_finding(tmp_path: Path) -> None:
    port = free_run(1)
    with hand_made_stack(tmp_path, [trading_claim(port)], {"HOST": "0.0.0.0"}) as stack:
        stack.start("trading", (sys.executable, "-m", "http.server", str(port)), port=port)
        [finding] = exposures(stack)
    assert finding.level is Level.OK


@pytest.mark.parametrize(
    ("address", "exposed"),
    [
        ("127.0.0.1", False),
        ("127.0.1.1", False),
        ("[::1]", False),
        ("[::ffff:127.0.0.1]", False),
        ("0.0.0.0", True),
        ("[::]", True),
        ("192.168.1.7", True),
        ("[fe80::1%eth0]", True),
    ],
)
def test_addresses_are_told_apart(address: str, exposed: bool) -> None:
    assert is_exposed(address) is exposed


@pytest.mark.parametrize(
    ("version", "hole"),
    [
        ("8.0.4", "CVE-2026-39363"),
        ("8.0.5", None),
        ("8.3.8", None),
        ("7.3.1", "CVE-2026-39363"),
        ("7.3.2", None),
        ("6.4.1", "CVE-2026-39363"),
        ("6.4.2", None),
        ("5.4.11", "CVE-2025-24010"),
        ("5.4.14", "CVE-2025-30208"),
        ("5.4.18", "-46565"),
        ("5.4.21", None),
        ("4.5.5", "CVE-2025-24010"),
        ("8.0.0-beta.3", "CVE-2026-39363"),
        ("not a version", None),
    ],
)
def test_a_vite_with_a_known_hole_is_named(version: str, hole: str | None) -> None:
    finding = check_vite_version(version)
    assert (finding.level is Level.WARNING) is (hole is not None)
    assert hole is None or (hole in finding.why and "npm install vite@^" in finding.what_to_do)


def test_a_hole_that_the_network_can_reach_is_an_error() -> None:
    assert check_vite_version("8.0.4", exposed=True).level is Level.ERROR


def test_the_installed_version_is_found_above_the_folder(tmp_path: Path) -> None:
    vite = tmp_path / "node_modules" / "vite"
    vite.mkdir(parents=True)
    (vite / "package.json").write_text(json.dumps({"version": "8.0.4"}))
    (tmp_path / "apps" / "web").mkdir(parents=True)
    assert installed_version(str(tmp_path / "apps" / "web")) == "8.0.4"
