"""Literal settings out of a configuration that is a program."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.core.javascript import Setting, read_settings
from devstack.core.vite_config import config_option, parse_vite_config, root_argument

SOURCE = r"""
// port: 1, in a comment
import { defineConfig } from 'vite'
/* hmr: { port: 2 } */
export default defineConfig(({ mode }) => ({
  plugins: [react({ port: 3 })],
  envPrefix: 'SHOP_',
  test: /[/"]port: 4\/"/,
  server: {
    port: 3_000,
    'strictPort': true,
    host: `local${mode}`,
    origin: `http://localhost`,
    hmr: { port: PORT + 1, overlay: false, "time\'out": 1.5 },
    proxy: undefined
  },
}))
"""


def test_literals_are_found_with_the_keys_above_them() -> None:
    found = {one.path: one.value for one in read_settings(SOURCE) if one.is_known}
    assert found == {
        ("envPrefix",): "SHOP_",
        ("server", "port"): 3000,
        ("server", "strictPort"): True,
        ("server", "origin"): "http://localhost",
        ("server", "hmr", "overlay"): False,
        ("server", "hmr", "time'out"): 1.5,
    } | {path: value for path, value in found.items() if "[]" in path}


def test_what_is_computed_is_unknown_and_has_its_line() -> None:
    unknown = {one.path: one.line for one in read_settings(SOURCE) if not one.is_known}
    assert unknown[("server", "hmr", "port")] == 14
    assert unknown[("server", "host")] == 12
    assert unknown[("test",)] == 8
    assert unknown[("server", "proxy")] == 15


@pytest.mark.parametrize(
    "source", ["a = {port: 1}", "a = [/x/, {port: 1}]", "a = 4 / 2; b = {port: 1} / 3", "}) {port: 1}", "/"]
)
def test_a_slash_is_a_division_where_no_expression_can_begin(source: str) -> None:
    ports = [one for one in read_settings(source) if one.path[-1] == "port"]
    assert [one.value for one in ports] == ([1] if "port" in source else [])


@pytest.mark.parametrize("source", ["{port:", "{port: 1", "{'port': 80"])
def test_a_file_that_ends_too_early_is_read_as_far_as_it_goes(source: str) -> None:
    assert [one.path for one in read_settings(source)] == [("port",)]


@given(st.text("{}[]()'\"`/*\\:,;=> \nport12$true", max_size=60))
def test_any_text_is_read(source: str) -> None:
    for one in read_settings(source):
        assert isinstance(one, Setting)
        assert 1 <= one.line <= source.count("\n") + 1


def test_a_vite_configuration_is_asked_by_path() -> None:
    config = parse_vite_config("vite.config.ts", SOURCE)
    port = config.get("server", "port")
    assert port is not None
    assert port.value == 3000
    assert config.get("server", "nothing") is None
    assert config.has("server", "hmr")
    assert not config.has("build")
    assert config.prefixes() == ("SHOP_",)
    assert parse_vite_config("vite.config.js", "").prefixes() == ("VITE_",)
    listed = parse_vite_config("vite.config.js", "export default { envPrefix: ['A_', \"B_\"] }")
    assert listed.prefixes() == ("A_", "B_")


def test_a_path_with_two_values_has_none() -> None:
    config = parse_vite_config("vite.config.ts", "a = { server: { port: 1 } }; b = { server: { port: 2 } }")
    port = config.get("server", "port")
    assert port is not None
    assert (port.value, port.is_known) == (None, False)


@pytest.mark.parametrize(
    ("source", "may"),
    [
        ("export default { server: { port: 1 } }", True),
        ("export default { server: { host: 'x' } }", False),
        ("export default { server }", True),
        ("export default { server: options }", True),
        ("export default { server: { ...options } }", True),
        ("export default { ...options }", True),
        ("export default { plugins: [{ ...options }] }", False),
        ("export default f(...options)", False),
        ("import a from './a'; export default a", True),
        ("import { defineConfig } from 'vite'; export default defineConfig({})", False),
        ("import 'x'; import('y'); export default {}", False),
        ("exports = require('./a')", True),
        ("export default mergeConfig(a, b)", True),
        ("import { mergeConfig } from 'vite'; export default {}", False),
        ("config.server = {}", True),
        ("config.server == 1", False),
        ("export default", False),
        ("import a", False),
    ],
)
def test_what_may_be_set_elsewhere_is_told_from_what_is_not_set(source: str, may: bool) -> None:
    assert parse_vite_config("vite.config.ts", source).may_set("server", "port") is may


@pytest.mark.parametrize(
    ("command", "file"),
    [
        ("vite --config other.ts", "other.ts"),
        ("vite -c=other.ts --port 1", "other.ts"),
        ("vite", ""),
        ("vite --configLoader x", ""),
    ],
)
def test_the_command_can_name_the_file(command: str, file: str) -> None:
    assert config_option(command) == file


@pytest.mark.parametrize(
    ("command", "root"),
    [
        ("node_modules/.bin/vite client --port 1", "client"),
        ("vite dev ./web && x", "./web"),
        ("vite --port 1", ""),
        ("vite && node x", ""),
        ("vite build && vite preview", ""),
        ("vite", ""),
        ("vitest run", ""),
    ],
)
def test_the_command_can_name_the_root(command: str, root: str) -> None:
    assert root_argument(command) == root
