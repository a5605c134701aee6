"""`vite.config` against the ports of the stack, without running it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.checks.vite.config import check_vite_config, find_vite_config
from devstack.core.findings import Finding, Level
from devstack.core.javascript import read_settings
from devstack.core.vite_config import parse_vite_config
from devstack.errors import ConfigError
from tests.node_project import EXAMPLE, api_claim, hmr_claim, page_claim, trading_claim

CLAIMS = (page_claim(3000), hmr_claim(3002), api_claim(5000), trading_claim(3001))


HMR = "hmr: { port: 3002, host: '127.0.0.1' }"
GOOD = f"port: 3000, strictPort: true, {HMR}"


def check(server: str, command: str = "") -> list[Finding]:
    return check_file(
        f"export default defineConfig(({{ mode }}) => {{\n return {{ server: {{ {server} }} }} }})", command
    )


def check_file(source: str, command: str = "", sources: dict[str, str] | None = None) -> list[Finding]:
    config = parse_vite_config("vite.config.ts", source)
    return [one for one in check_vite_config(config, CLAIMS, command, sources) if one.level is not Level.OK]


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
        (f"port: 5173, strictPort: true, {HMR}", "vite.config.ts:2 has port 5173, and frontend claims 3000"),
        (f"strictPort: true, {HMR}", "vite.config.ts sets no server.port, and frontend claims 3000"),
        (f"port: 3000, {HMR}", "vite.config.ts does not set server.strictPort"),
        (
            "port: 3000, strictPort: true",
            "vite.config.ts sets no port for hot reload, and frontend claims 3002 for it",
        ),
        (
            "port: 3000, strictPort: true, hmr: { port: 24678, host: 'localhost' }",
            "vite.config.ts:2 has hmr.port 24678, and frontend claims 3002",
        ),
        (
            "port: 3000, strictPort: true, hmr: false",
            "vite.config.ts:2 switches hot reload off, and frontend claims 3002 for it",
        ),
        (
            f"{GOOD}, proxy: {{ '/api': 'http://localhost:8080' }}",
            "vite.config.ts:2 sends '/api' to 8080, which no service claims",
        ),
        (
            f"{GOOD}, proxy: {{ '/api': {{ target: 'http://localhost:5000', ws: true }}, "
            "'/api/ws': 'ws://localhost:3001' }",
            "vite.config.ts:2 has proxy rule '/api/ws' behind '/api'",
        ),
    ],
)
def test_what_disagrees_is_named_with_its_line(server: str, what: str) -> None:
    [finding] = check(server)
    assert finding.what == what
    assert finding.why
    assert finding.what_to_do


def test_the_line_of_env_that_disagrees_is_named() -> None:
    source = f"export default {{ server: {{ port: 4000, strictPort: true, {HMR} }} }}"
    [finding] = check_file(source, sources={"FRONTEND_PORT": ".env:3"})
    assert finding.what == "vite.config.ts:1 has port 4000, and frontend claims 3000 (FRONTEND_PORT, .env:3)"


@pytest.mark.parametrize(
    "source",
    [
        "const server = { port: 1 }\nexport default defineConfig({ plugins: [react()], server })",
        "import base from './base'\nexport default defineConfig({ ...base, plugins: [] })",
        "import shared from './base'\nexport default { server: { ...shared, open: true } }",
        "import base from './base'\nexport default mergeConfig(base, defineConfig({ plugins: [] }))",
        "import base from './base'\nexport default base",
        "import { ours } from './base'\nexport default defineConfig(ours())",
        "module.exports = require('./base')",
        "export default { server: serverOptions() }",
        "export default ({ command }) => ({ server: command === 'build' ? {} : { port: 4000 } })",
        "export default { server: process.env.CI ? { port: 4000 } : {} }",
        f"const port = 3000\nexport default {{ server: {{ port, strictPort: true, {HMR} }} }}",
        f"if (x) {{ a = {{ server: {{ port: 1 }} }} }}\nexport default {{ server: {{ {GOOD} }} }}",
        f"const config = {{ plugins: [] }}\nconfig.server = {{ {GOOD} }}\nexport default config",
        "const hmr = { port: 3002 }\nexport default { server: { port: 3000, strictPort: true, hmr } }",
    ],
)
def test_what_the_file_may_say_elsewhere_is_not_missed(source: str) -> None:
    assert check_file(source) == []


@pytest.mark.parametrize(
    "source",
    [
        f"export default {{ server: {{ {GOOD} }} }} satisfies UserConfig",
        f"const config: UserConfig = {{ server: {{ {GOOD} }} }}\nexport default config",
        f"export default defineConfig(async ({{ mode }}: ConfigEnv): Promise<UserConfig> => {{\n"
        f"  const env = loadEnv(mode, process.cwd(), '')\n  return {{ server: {{ {GOOD} }} }}\n}})",
        f"export default {{ define: {{ a: '{{ server: {{ port: 1 }} }}' }}, server: {{ {GOOD} }} }}",
        "exports = { server: { 'port': '3000', \"strictPort\": true, hmr: { port: 3_002, host: 'x' } } }",
        f"export default {{ test: {{ server: {{ port: 1 }} }}, server: {{ {GOOD} }} }}",
    ],
)
def test_every_usual_way_to_write_it_is_read(source: str) -> None:
    assert check_file(source) == []
    assert check_file(source.replace("'3000'", "4000").replace("port: 3000", "port: 4000")) != []


def test_what_is_computed_is_not_judged() -> None:
    assert check("port: Number(process.env.FRONTEND_PORT), strictPort: true, ...more") == []


def test_what_the_command_says_is_not_asked_of_the_file() -> None:
    assert check(HMR, "vite --port 3000 --strictPort") == []


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
    (tmp_path / "vite.config.js").write_text("")
    (tmp_path / "vite.config.ts").write_text("")
    assert [config.name for config in [find_vite_config(str(tmp_path))] if config] == ["vite.config.js"]
    (tmp_path / "client").mkdir()
    (tmp_path / "client" / "vite.config.ts").write_text("")
    assert [config.name for config in [find_vite_config(str(tmp_path), "vite client")] if config] == [
        "vite.config.ts"
    ]
