"""One `.env` file: its entries, each with its line, as python-dotenv reads them.

An entry that python-dotenv would skip with a warning is an error.
"""

from __future__ import annotations

import io
from typing import NamedTuple

from devstack.config.files import read_text, shown_text
from devstack.errors import ConfigError


class Entry(NamedTuple):
    """One entry of a file as it stands there; `value` None is a name without `=`, which sets nothing."""

    name: str
    value: str | None
    line: int


class EnvFile(NamedTuple):
    """One `.env` file: its absolute path, its name as a person would write it, its entries in order."""

    path: str
    name: str
    entries: tuple[Entry, ...]


def layer_names(mode: str) -> tuple[str, ...]:
    """Return the names of the `.env` layers of `mode`, the one that wins first."""
    return tuple(dict.fromkeys((f".env.{mode}.local", ".env.local", f".env.{mode}", ".env")))


def read_env_file(path: str, name: str) -> EnvFile | None:
    """Read one `.env` file; None where there is none. ConfigError names the line that is wrong."""
    text = read_text(path, name)
    if text is None:
        return None
    return parse_env_file(text, path, name)


def parse_env_file(text: str, path: str, name: str) -> EnvFile:
    """Return the `.env` file whose text is `text`. ConfigError names the line that is wrong."""
    return EnvFile(path, name, tuple(_entries(text, name)))


def _entries(text: str, name: str) -> list[Entry]:
    from devstack.config.environment.bare_package import bare_package

    with bare_package("dotenv"):  # its __init__ brings logging, tempfile and urllib: an eighth of a start
        from dotenv.parser import parse_stream

    entries = []
    for binding in parse_stream(io.StringIO(text)):
        original = binding.original.string
        # The parser counts the blank lines before an entry to the entry.
        line = binding.original.line + original[: len(original) - len(original.lstrip())].count("\n")
        if binding.error:
            raise _not_understood(original, name, line)
        if binding.key is None:
            continue
        if "\0" in binding.key + (binding.value or "") or "=" in binding.key:
            raise ConfigError(
                f"{binding.key!r} cannot be a variable of a process: there is a NUL or a `=` in it",
                source=name,
                line=line,
            )
        entries.append(Entry(binding.key, binding.value, line))
    return entries


def _not_understood(text: str, name: str, line: int) -> ConfigError:
    return ConfigError(
        f"this is no `NAME=value`: {_shown_entry(text.strip().splitlines()[0])}",
        source=name,
        line=line,
        hint="one `NAME=value` a line; quote a value with ` #`, a line break or blanks at its ends",
    )


def _shown_entry(text: str) -> str:
    """Return a wrong entry for a message, without a secret that it may hold."""
    from devstack.config.environment.secrets import MASK, is_secret

    name, equals, value = text.partition("=")
    return shown_text(f"{name}={MASK}" if equals and is_secret(name, value) else text)
