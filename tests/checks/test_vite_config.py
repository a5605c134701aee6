"""`vite.config` against the ports of the stack, without running it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.checks.vite_config import check_vite_config, find_vite_config
from devstack.core.findings import Finding, Level
from devstack.core.javascript import read_settings
from devstack.core.vite_config import parse_vite_config
from devstack.errors import ConfigError
from tests.node_project import EXAMPLE, api_claim, hmr_claim, page_claim, trading_claim

CLAIMS = (page_claim(3000), hmr_claim(3002), api_claim(5000), trading_claim(3001))


def check(server: str, command: str = "") -> list[Finding]:
    source = f"export default defineConfig(({{ mode }}) => {{\n return {{ server: {{ {server} }} }} }})"
    config = parse_vite_config("vite.config.ts", source)
    return [one for one in check_vite_config(config, CLAIMS, command) if one.level is not Level.OK]


def test_the_seeds_configuration_has_its_two_holes_named() -> None:
    strict, host = check("port: 3000, hmr: { port: 3002 }")
    assert strict.what == "vite.config.ts does not set server.strictPort"
    assert host.what == "vite.config.ts:2 sets hmr.port and no hmr.host"
    assert "[::]:3002" in host.why


def test_the_example_has_none() -> None:
    config = find_vite_config(str(EXAMPLE))
    assert config is not None
    assert [one.level for one in check_vite_config(config, CLAIMS)] == [Level.OK]


@pytest.mark.parametrize(
    ("server", "what"),
    [
        ("port: 5173, strictPort: true", "vite.config.ts:2 has port 5173, and frontend claims 3000"),
        ("strictPort: true", "vite.config.ts sets no server.port, and frontend claims 3000"),
        (
            "port: 3000, strictPort: true, hmr: { port: 24678, host: 'localhost' }",
            "vite.config.ts:2 has hmr.port 24678, and frontend claims 3002",
        ),
        (
            "port: 3000, strictPort: true, hmr: false",
            "vite.config.ts:2 switches hot reload off, and frontend claims 3002 for it",
        ),
        (
            "port: 3000, strictPort: true, proxy: { '/api': 'http://localhost:8080' }",
            "vite.config.ts:2 sends '/api' to 8080, which no service claims",
        ),
        (
            "port: 3000, strictPort: true, proxy: { '/api': { target: 'http://localhost:5000', ws: true }, "
            "'/api/ws': 'ws://localhost:3001' }",
            "vite.config.ts:2 has proxy rule '/api/ws' behind '/api'",
        ),
    ],
)
def test_what_disagrees_is_named_with_its_line(server: str, what: str) -> None:
    assert [one.what for one in check(server)] == [what]


def test_what_is_computed_is_not_judged() -> None:
    assert check("port: Number(process.env.FRONTEND_PORT), strictPort: true, ...more") == []


def test_what_the_command_says_is_not_asked_of_the_file() -> None:
    assert check("", "vite --port 3000 --strictPort") == []


def test_comments_strings_regexes_and_plugins_do_not_confuse() -> None:
    source = """
    // server: { port: 1 }
    /* server: { port: 2 } */
    const note = "server: { port: 3 }", rule = /server: { port: 4 }/
    export default {
      plugins: [{ name: 'x', config: () => ({ server: { port: 5 } }) }],
      server: { proxy: { '/a': { rewrite: (p) => p.replace(/^\\/a\\//, '/') } }, port: 3_000 },
    }
    """
    ports = [one.value for one in read_settings(source) if one.path == ("server", "port")]
    assert ports == [3000]


@given(st.text(alphabet="{}[]()'\"`/\\,:ab1$\n* .=>", max_size=60))
def test_no_text_confuses_the_reader(source: str) -> None:
    assert all(one.path for one in read_settings(source))


def test_a_file_that_cannot_be_read_is_named_and_a_folder_is_none(tmp_path: Path) -> None:
    (tmp_path / "vite.config.js").mkdir()
    assert find_vite_config(str(tmp_path)) is None
    (tmp_path / "vite.config.ts").symlink_to(tmp_path / "vite.config.ts")
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        find_vite_config(str(tmp_path))
    assert caught.value.source == "vite.config.ts"


def test_the_file_that_vite_would_take_is_found(tmp_path: Path) -> None:
    assert find_vite_config(str(tmp_path)) is None
    (tmp_path / "vite.config.mjs").write_text("export default { envPrefix: 'APP_' }")
    config = find_vite_config(str(tmp_path))
    assert config is not None
    assert config.prefixes() == ("APP_",)
