"""Every way to the trading socket, and the hop that fails. The real Vite, Express and `ws`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from devstack.checks.websocket.path import check_websocket_paths
from devstack.core.findings import Finding, Level
from tests.checks.vite.vite import start_vite, write_project
from tests.node_project import HandMadeStack, api_claim, free_run, hand_made_stack, page_claim, trading_claim

pytestmark = pytest.mark.node

NODE = "node"


@contextmanager
def stack_with(
    folder: Path, node_modules: Path, proxy: str, environment: Mapping[str, str] | None = None
) -> Iterator[HandMadeStack]:
    """A page on the first port, the API on the second, the trading socket on the third."""
    port = free_run(3)
    proxy = proxy.replace("API", f"http://127.0.0.1:{port + 1}").replace(
        "TRADING", f"ws://127.0.0.1:{port + 2}"
    )
    server = f"{{ host: '127.0.0.1', port: {port}, strictPort: true, proxy: {{ {proxy} }} }}"
    project = write_project(folder / "p", node_modules, server)
    variables = {"PORT": str(port + 1), "WS_PORT": str(port + 2), "PAGE_ORIGIN": f"http://localhost:{port}"}
    claims = [page_claim(port), api_claim(port + 1), trading_claim(port + 2)]
    with hand_made_stack(project, claims, {**variables, **(environment or {})}) as stack:
        stack.start("api", (NODE, "api.js"), port=port + 1)
        stack.start("trading", (NODE, "trading.js"), port=port + 2)
        start_vite(stack, port)
        yield stack


def findings_of(stack: HandMadeStack) -> tuple[Finding, Finding, Finding]:
    """The way directly, the foreign page, the way through Vite."""
    direct, foreign, proxied = asyncio.run(check_websocket_paths(stack.facts()))
    return direct, foreign, proxied


GOOD = "'/api/ws': { target: 'TRADING', ws: true }, '/api': 'API'"


def test_every_hop_of_a_good_stack_is_fine(tmp_path: Path, node_modules: Path) -> None:
    with stack_with(tmp_path, node_modules, GOOD) as stack:
        findings = findings_of(stack)
    assert [finding.level for finding in findings] == [Level.OK] * 3, findings
    assert findings[2].what.endswith("reaches trading")


def test_the_wrong_proxy_order_is_named_with_where_it_leads(tmp_path: Path, node_modules: Path) -> None:
    wrong = "'/api': { target: 'API', ws: true }, '/api/ws': { target: 'TRADING', ws: true }"
    with stack_with(tmp_path, node_modules, wrong) as stack:
        direct, _, proxied = findings_of(stack)
        page, api, trading = stack.claims
    assert direct.level is Level.OK
    assert proxied.level is Level.ERROR
    assert proxied.what == (
        f"/api/ws through frontend on {page.port} goes to api on {api.port} instead of trading: "
        "wrong proxy order"
    )
    assert f"'/api/ws': {{ target: 'ws://127.0.0.1:{trading.port}', ws: true }}" in proxied.what_to_do


@pytest.mark.parametrize("proxy", ["'/api': 'API'", "'/api/ws': { target: 'API' }", ""])
def test_a_missing_rule_hangs_and_is_said_to(tmp_path: Path, node_modules: Path, proxy: str) -> None:
    with stack_with(tmp_path, node_modules, proxy) as stack:
        direct, _, proxied = findings_of(stack)
    assert direct.level is Level.OK
    assert proxied.level is Level.WARNING
    assert "hangs: vite.config's `server.proxy` has no rule with `ws: true` for it" in proxied.what


def test_a_rule_that_leads_nowhere_is_named(tmp_path: Path, node_modules: Path) -> None:
    nowhere = f"'/api/ws': {{ target: 'ws://127.0.0.1:{free_run(1)}', ws: true }}"
    with stack_with(tmp_path, node_modules, nowhere) as stack:
        _, _, proxied = findings_of(stack)
    assert proxied.level is Level.ERROR
    assert "the proxy's target does not take it" in proxied.what


def test_a_wrong_path_is_named_with_the_right_one(tmp_path: Path, node_modules: Path) -> None:
    with stack_with(tmp_path, node_modules, GOOD, {"WS_PATH": "/ws"}) as stack:
        direct, *_ = asyncio.run(check_websocket_paths(stack.facts()))
    assert direct.level is Level.ERROR
    assert "at /ws, not at /api/ws (HTTP 404)" in direct.what


def test_a_server_that_refuses_its_own_page_is_named(tmp_path: Path, node_modules: Path) -> None:
    environment = {"PAGE_ORIGIN": "https://trade.example.com"}
    with stack_with(tmp_path, node_modules, GOOD, environment) as stack:
        direct, *_ = asyncio.run(check_websocket_paths(stack.facts()))
        page, _, trading = stack.claims
    assert direct.what == (
        f"trading refuses the page's Origin http://localhost:{page.port} on {trading.port}: HTTP 403"
    )


def test_a_server_that_takes_every_origin_is_a_warning(tmp_path: Path, node_modules: Path) -> None:
    with stack_with(tmp_path, node_modules, GOOD, {"PAGE_ORIGIN": ""}) as stack:
        direct, foreign, _ = findings_of(stack)
    assert direct.level is Level.OK
    assert foreign.level is Level.WARNING
    assert "takes a connection with Origin http://evil.example" in foreign.what


def test_a_trading_socket_that_is_not_there_is_named(tmp_path: Path, node_modules: Path) -> None:
    with hand_made_stack(tmp_path, [trading_claim(port := free_run(1))]) as stack:
        [finding] = asyncio.run(check_websocket_paths(stack.facts()))
    assert finding.what == f"nobody listens on {port}, trading's port"


def test_in_prod_the_one_port_is_tried(tmp_path: Path, node_modules: Path) -> None:
    project = write_project(tmp_path / "p", node_modules, "{}")
    port = free_run(1)
    claim = replace(api_claim(port), service="server", path="/api/ws", also_ws=True)
    environment = {"WS_PORT": str(port), "PAGE_ORIGIN": f"http://localhost:{port}"}
    with hand_made_stack(project, [claim], environment) as stack:
        stack.start("server", (NODE, "trading.js"), port=port)
        direct, foreign = asyncio.run(check_websocket_paths(stack.facts()))
    assert (direct.level, direct.what) == (Level.OK, f"server answers directly on {port}, /api/ws")
    assert foreign.level is Level.OK
