"""The environment of a stack: the shell over the `.env` layers, and where each value came from.

References are resolved as python-dotenv does it (`${VAR}`, `${VAR:-default}`), with one difference: the shell
and the higher layers win inside `${...}` too. Nothing is ever executed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from devstack.config.environment.env_file import EnvFile
from devstack.errors import ConfigError

SHELL = "shell"
DEVSTACK = "devstack"


class Variable(NamedTuple):
    """One variable with its value and its source: a file (with the line), `shell` or `devstack`.

    `hides` are the places (`file:line`, `shell`) whose value for this name it replaces, nearest first.
    """

    name: str
    value: str
    source: str
    line: int | None = None
    hides: tuple[str, ...] = ()

    @property
    def location(self) -> str:
        """Return `file:line`, `shell` or `devstack`."""
        return _location(self.source, self.line)


class ResolvedEnvironment(NamedTuple):
    """Every variable that the shell and the files set."""

    variables: Mapping[str, Variable]

    def get(self, name: str) -> Variable | None:
        return self.variables.get(name)

    def values(self) -> dict[str, str]:
        """Return name → value, ready for a process."""
        return {name: variable.value for name, variable in self.variables.items()}


def resolve(
    shell: Mapping[str, str], layers: Sequence[EnvFile], overrides: Mapping[str, str] | None = None
) -> ResolvedEnvironment:
    """Put the shell over `layers` (the one that wins first) and resolve every `${...}` in them.

    `overrides` are values that devstack itself has chosen (moved ports): they replace the value of a
    variable that is set, and every `${NAME}` sees them. They set no variable that is set nowhere.
    """
    overrides = overrides or {}
    resolver = _Resolver({**shell, **overrides}, layers)
    resolver.resolve_all()
    variables = {name: Variable(name, value, SHELL) for name, value in shell.items()}
    for layer, file in enumerate(layers):
        for name, index in resolver.last[layer].items():
            value = resolver.value(layer, index)
            if value is None:
                continue
            line = file.entries[index].line
            known = variables.get(name)
            if known is None:
                variables[name] = Variable(name, value, file.name, line)
            else:
                variables[name] = _hiding(known, _location(file.name, line))
    for name in overrides.keys() & variables.keys():
        known = variables[name]
        variables[name] = Variable(name, overrides[name], DEVSTACK, None, (known.location, *known.hides))
    return ResolvedEnvironment(variables)


class _Resolver:
    """Resolves references by need: a lower layer may refer to a higher one and the other way round."""

    def __init__(self, fixed: Mapping[str, str], layers: Sequence[EnvFile]) -> None:
        self._fixed = fixed
        self._layers = layers
        self._known: dict[tuple[int, int], str | None] = {}
        self._open: list[tuple[int, int]] = []
        self.last = [{entry.name: i for i, entry in enumerate(file.entries)} for file in layers]

    def resolve_all(self) -> None:
        """Resolve every entry, each file from its top; ConfigError for too long a chain of references."""
        try:
            for layer, file in enumerate(self._layers):
                for index in range(len(file.entries)):
                    self.value(layer, index)
        except RecursionError:
            layer, index = self._open[0]
            file = self._layers[layer]
            raise ConfigError(
                f"{file.entries[index].name} refers to too long a chain of variables",
                source=file.name,
                line=file.entries[index].line,
            ) from None

    def value(self, layer: int, index: int) -> str | None:
        """Return the resolved value of one entry."""
        place = (layer, index)
        if place not in self._known:
            entry = self._layers[layer].entries[index]
            if entry.value is None or "${" not in entry.value:
                self._known[place] = entry.value
            else:
                self._known[place] = self._expanded(place, entry.value)
        return self._known[place]

    def _expanded(self, place: tuple[int, int], text: str) -> str:
        from devstack.config.environment.bare_package import bare_package

        with bare_package("dotenv"):
            from dotenv.variables import Variable as Reference
            from dotenv.variables import parse_variables

        if place in self._open:
            raise self._circle(place)
        self._open.append(place)
        parts = []
        for atom in parse_variables(text):
            seen = self._seen(atom.name, place) if isinstance(atom, Reference) else {}
            parts.append(atom.resolve(seen))
        self._open.pop()
        return "".join(parts)

    def _seen(self, name: str, place: tuple[int, int]) -> dict[str, str | None]:
        """Return `{name: value}` as the entry at `place` sees it, or nothing where it is set nowhere."""
        if name in self._fixed:
            return {name: self._fixed[name]}
        own, position = place
        for layer in range(len(self._layers)):
            index = self._before(layer, name, position) if layer == own else self.last[layer].get(name)
            if index is not None:
                return {name: self.value(layer, index)}
        return {}

    def _before(self, layer: int, name: str, position: int) -> int | None:
        entries = self._layers[layer].entries
        return next((i for i in range(position - 1, -1, -1) if entries[i].name == name), None)

    def _circle(self, place: tuple[int, int]) -> ConfigError:
        layer, index = place
        entries = [self._layers[at].entries[i] for at, i in self._open[self._open.index(place) :]]
        names = " → ".join(entry.name for entry in (*entries, entries[0]))
        return ConfigError(
            f"variables refer to each other in a circle: {names}",
            source=self._layers[layer].name,
            line=self._layers[layer].entries[index].line,
        )


def _location(source: str, line: int | None) -> str:
    return f"{source}:{line}" if line is not None else source


def _hiding(variable: Variable, place: str) -> Variable:
    return Variable(variable.name, variable.value, variable.source, variable.line, (*variable.hides, place))
