"""A value of a TOML document with its place, and the questions that a validator asks it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from devstack.config.files import shown_text
from devstack.config.settings.toml_lines import Path
from devstack.core.suggest import did_you_mean
from devstack.errors import ConfigError

MOST_SECONDS = 1e9


class Document(NamedTuple):
    """Where the values come from: the file's name as a person would write it, and the line of every key."""

    name: str
    lines: Mapping[Path, int]


class Node(NamedTuple):
    """One value, the path that leads to it, and the document it stands in."""

    value: object
    path: Path
    document: Document

    @property
    def line(self) -> int | None:
        return self.document.lines.get(self.path)

    @property
    def key(self) -> str:
        """Return the path as a person would write it: `services.api.ports[0].env`."""
        text = ""
        for part in self.path:
            text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
        return text

    def error(self, message: str, hint: str = "") -> ConfigError:
        """Return the error that names this value's file, line and key."""
        text = shown_text(f"{self.key}: {message}")
        return ConfigError(text, source=self.document.name, line=self.line, hint=hint)

    def table(self, known: Collection[str] | None = None) -> dict[str, Node]:
        """Return the children of a table; ConfigError for another value and for a key not in `known`."""
        if not isinstance(self.value, dict):
            raise self._expected("a table")
        children = {
            str(key): Node(value, (*self.path, str(key)), self.document) for key, value in self.value.items()
        }
        for key, child in children.items():
            if known is not None and key not in known:
                raise child.error(
                    f"there is no such key{did_you_mean(key, known)}", f"known here: {', '.join(known)}"
                )
        return children

    def array(self) -> tuple[Node, ...]:
        if not isinstance(self.value, list):
            raise self._expected("an array")
        return tuple(Node(value, (*self.path, i), self.document) for i, value in enumerate(self.value))

    def string(self) -> str:
        """Return a string that is not empty and can be handed to a process."""
        if not isinstance(self.value, str) or not self.value or "\0" in self.value:
            raise self._expected("a string that is not empty")
        return self.value

    def strings(self) -> tuple[str, ...]:
        return tuple(child.string() for child in self.array())

    def one_of(self, known: Collection[str]) -> str:
        """Return a string that is one of `known`."""
        value = self.string()
        if value not in known:
            raise self.error(f"“{value}” is none of {', '.join(known)}{did_you_mean(value, known)}")
        return value

    def boolean(self) -> bool:
        if not isinstance(self.value, bool):
            raise self._expected("true or false")
        return self.value

    def integer(self, lowest: int, highest: int | None = None) -> int:
        """Return a whole number within the bounds, both included."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int) or not _within(value, lowest, highest):
            above = f" to {highest}" if highest is not None else " or more"
            raise self._expected(f"a whole number, {lowest}{above}")
        return value

    def seconds(self, *, zero: bool = True) -> float:
        """Return a number of seconds, not below 0, and above it where `zero` is False."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST_SECONDS:
            raise self._expected("a number of seconds")
        if value == 0 and not zero:
            raise self._expected("a number of seconds above 0")
        return float(value)

    def _expected(self, what: str) -> ConfigError:
        return self.error(f"expected {what}, found {_found(self.value)}")


def is_short(number: int) -> bool:
    """Say whether TOML has that number (64 bits); Python reads longer ones, and then cannot write them."""
    return -(2**63) <= number < 2**63


def _within(value: int, lowest: int, highest: int | None) -> bool:
    return value >= lowest and is_short(value) and (highest is None or value <= highest)


def _found(value: object) -> str:
    match value:
        case dict():
            return "a table"
        case list():
            return "an array"
        case bool():
            return "true" if value else "false"
        case int() if not is_short(value):
            return "a number of more than 64 bits"
        case str():
            return f"“{value}”" if value else "an empty string"
        case _:
            return str(value)
