"""docs/configuration.md says what is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from devstack.config.environment.env_file import read_env_file
from devstack.config.environment.resolve import resolve
from devstack.config.settings.rules import PORT_KEYS, READY_KINDS, SERVICE_KEYS, parse_settings

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("example", blocks("toml"))
def test_every_example_of_devstack_toml_is_taken(example: str) -> None:
    parse_settings(example)


@pytest.mark.parametrize("key", [*SERVICE_KEYS, *PORT_KEYS, *READY_KINDS])
def test_every_key_is_documented(key: str) -> None:
    assert re.search(rf"`{key}\b", PAGE)


def test_the_example_of_an_env_file_has_the_values_that_it_speaks_of(tmp_path: Path) -> None:
    (example,) = (block for block in blocks("sh") if "QUOTED" in block)
    (tmp_path / ".env").write_text(example)
    file = read_env_file(str(tmp_path / ".env"), ".env")
    assert file is not None
    assert resolve({"PORT": "5000"}, [file]).values() == {
        "PORT": "5000",
        "PLAIN": "some text",
        "QUOTED": "two\nlines",
        "LITERAL": "as it \\n is",
        "URL": "http://localhost:5000/",
        "NAME": "nobody",
        "EXPORTED": "yes",
    }
