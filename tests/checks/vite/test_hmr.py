"""Hot reload reaches the page, or the finding says what stands in between. The real Vite."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from devstack.checks.vite.client import parse_client
from devstack.checks.vite.hmr import check_hmr
from devstack.core.findings import Finding, Level
from tests.checks.vite.vite import start_vite, write_project
from tests.node_project import HandMadeStack, free_run, hand_made_stack, hmr_claim, page_claim

pytestmark = pytest.mark.node


def claims(port: int) -> list:  # type: ignore[type-arg]
    return [page_claim(port), hmr_claim(port + 1)]


def server(port: int, hmr: str) -> str:
    return f"{{ host: '127.0.0.1', port: {port}, strictPort: true, {hmr} }}"


def only_finding(stack: HandMadeStack) -> Finding:
    [finding] = asyncio.run(check_hmr(stack.facts()))
    return finding


@pytest.mark.parametrize("option", ["hmr", "ws"])
def test_a_healthy_vite_gives_its_page_hot_reload(tmp_path: Path, node_modules: Path, option: str) -> None:
    port = free_run(2)
    config = server(port, f"{option}: {{ port: {port + 1}, host: '127.0.0.1' }}")
    project = write_project(tmp_path / "p", node_modules, config)
    with hand_made_stack(project, claims(port)) as stack:
        start_vite(stack, port)
        finding = only_finding(stack)
    assert (finding.level, finding.what) == (
        Level.OK,
        f"frontend's page gets hot reload from {port + 1}",
    )


def test_a_base_other_than_the_root_is_followed(tmp_path: Path, node_modules: Path) -> None:
    port = free_run(2)
    project = write_project(tmp_path / "p", node_modules, server(port, f"ws: {{ port: {port + 1} }}"))
    config = project / "vite.config.js"
    config.write_text(config.read_text().replace("cacheDir", "base: '/app/', cacheDir"))
    with hand_made_stack(project, claims(port)) as stack:
        start_vite(stack, port)
        assert only_finding(stack).level is Level.OK


def test_a_taken_hot_reload_port_is_named_with_its_holder(tmp_path: Path, node_modules: Path) -> None:
    port = free_run(2)
    project = write_project(tmp_path / "p", node_modules, server(port, f"hmr: {{ port: {port + 1} }}"))
    with hand_made_stack(tmp_path, []) as other, hand_made_stack(project, claims(port)) as stack:
        other.start("x", (sys.executable, "-m", "http.server", str(port + 1)), port=port + 1)
        start_vite(stack, port)
        finding = only_finding(stack)
        pid = other.processes["x"].pid
    assert finding.level is Level.ERROR
    assert finding.what.startswith(f"{port + 1}, where frontend's page looks for hot reload, is held by ")
    assert f"-m http.server (pid {pid}" in finding.what
    assert "hot reload is dead" in finding.why


@pytest.mark.parametrize("is_claimed", [True, False])
def test_another_checkouts_vite_on_the_hot_reload_port_is_named(
    tmp_path: Path, node_modules: Path, is_claimed: bool
) -> None:
    """Whether or not the stack knows of that port: many a devstack.toml names the page's alone."""
    port = free_run(3)
    own_claims = claims(port) if is_claimed else [page_claim(port)]
    hmr = f"hmr: {{ port: {port + 1} }}"
    first = write_project(tmp_path / "first", node_modules, server(port + 2, hmr))
    second = write_project(tmp_path / "second", node_modules, server(port, hmr))
    with hand_made_stack(first, []) as other, hand_made_stack(second, own_claims) as stack:
        start_vite(other, port + 1)
        start_vite(stack, port)
        finding = only_finding(stack)
    assert finding.level is Level.ERROR
    assert finding.what.startswith(f"{port + 1} is the hot-reload port of another Vite: vite (pid ")
    assert f"in {first})" in finding.what
    assert "HTTP 400" in finding.why
    assert ("claim it in devstack.toml" in finding.what_to_do) is not is_claimed


def test_a_switched_off_socket_is_named(tmp_path: Path, node_modules: Path) -> None:
    port = free_run(2)
    project = write_project(tmp_path / "p", node_modules, server(port, "ws: false"))
    with hand_made_stack(project, claims(port)) as stack:
        start_vite(stack, port)
        finding = only_finding(stack)
    assert finding.level is Level.ERROR
    assert "switched off" in finding.what


@pytest.mark.parametrize(("is_claimed", "level"), [(True, Level.ERROR), (False, Level.WARNING)])
def test_hot_reload_that_is_switched_off_is_named_though_its_socket_answers(
    tmp_path: Path, node_modules: Path, is_claimed: bool, level: Level
) -> None:
    port = free_run(2)
    project = write_project(tmp_path / "p", node_modules, server(port, "hmr: false"))
    with hand_made_stack(project, claims(port) if is_claimed else [page_claim(port)]) as stack:
        start_vite(stack, port)
        finding = only_finding(stack)
    assert finding.level is level
    assert finding.what == (
        "hot reload of frontend's page is switched off: vite.config.js:1 has `hmr: false`"
    )
    assert finding.what_to_do


def test_hot_reload_elsewhere_than_claimed_is_a_warning(tmp_path: Path, node_modules: Path) -> None:
    port = free_run(2)
    project = write_project(tmp_path / "p", node_modules, server(port, ""))
    with hand_made_stack(project, claims(port)) as stack:
        start_vite(stack, port)
        finding = only_finding(stack)
    assert finding.level is Level.WARNING
    assert finding.what == f"hot reload runs on {port}, and frontend claims {port + 1} for it"


def test_a_server_that_is_not_vite_has_no_finding(tmp_path: Path, node_modules: Path) -> None:
    port = free_run(1)
    with hand_made_stack(tmp_path, [page_claim(port)]) as stack:
        command = (sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1")
        stack.start("frontend", command, port=port)
        assert asyncio.run(check_hmr(stack.facts())) == ()


def test_what_the_client_module_says_is_read() -> None:
    client = parse_client(
        'const socketProtocol = "wss" || (importMetaUrl.protocol === "https:" ? "wss" : "ws");\n'
        "const hmrPort = 443;\n"
        'const socketHost = `${"dev.example" || importMetaUrl.hostname}:${hmrPort || importMetaUrl.port}'
        '${"/app/"}`;\nconst wsToken = "secret";\n',
        3000,
    )
    assert client is not None
    assert (client.protocol, client.host, client.port) == ("wss", "dev.example", 443)
    assert client.path == "/app/?token=secret"
    assert not client.is_built_in


def test_any_other_module_is_not_vites() -> None:
    assert parse_client("const hmrPort = 3002;", 3000) is None
