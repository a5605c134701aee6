from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.errors import ConfigError
from devstack.services.settings import read_settings


def test_without_variables_the_settings_are_the_seeds() -> None:
    settings = read_settings({})
    ports = (settings.frontend_port, settings.trading_port, settings.hmr_port, settings.api_port)
    assert ports == (3000, 3001, 3002, 5000)
    assert settings.host == "127.0.0.1"
    assert settings.mode == "dev"


@pytest.mark.parametrize("variable", ["FRONTEND_PORT", "HMR_PORT", "PORT", "WS_PORT"])
@pytest.mark.parametrize("value", ["abc", "0", "65536", "-1", "3000.5", "３０００", "3000;"])
def test_a_value_that_is_no_port_names_its_variable(variable: str, value: str) -> None:
    with pytest.raises(ConfigError, match=variable):
        read_settings({variable: value})


@given(st.integers(1, 65535))
def test_every_port_number_is_taken(port: int) -> None:
    assert read_settings({"HMR_PORT": str(port)}).hmr_port == port


@pytest.mark.parametrize(
    ("environ", "mode"),
    [
        ({"DEVSTACK_MODE": "prod"}, "prod"),
        ({"NODE_ENV": "production"}, "prod"),
        ({"NODE_ENV": "development"}, "dev"),
        ({"NODE_ENV": "test"}, "dev"),
        ({"DEVSTACK_MODE": "dev", "NODE_ENV": "production"}, "dev"),
    ],
)
def test_the_mode_is_devstacks_word_before_nodes(environ: dict[str, str], mode: str) -> None:
    assert read_settings(environ).mode == mode


@pytest.mark.parametrize(
    ("text", "path"), [("", "/"), ("/", "/"), ("trade", "/trade/"), ("/trade/", "/trade/"), ("/a/b", "/a/b/")]
)
def test_a_base_path_has_a_slash_at_both_ends(text: str, path: str) -> None:
    assert read_settings({"BASE_PATH": text}).base_path == path


@pytest.mark.parametrize("text", ["/a/../b", "/a?b", "https://x", "/a b", '/"><script>'])
def test_a_base_path_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="BASE_PATH"):
        read_settings({"BASE_PATH": text})
