"""Finds the calls with which a JavaScript or TypeScript source listens on a port: `listen(app, 3000)`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from devstack.config.node.port_expressions import MOST_STEPS, PortValue, evaluate, inside, split_at
from devstack.core.javascript import Token, read_tokens, unquoted

_SERVERS = frozenset({"WebSocketServer", "Server", "WebSocket.Server"})
_DECLARES = frozenset({"const", "let", "var"})
_CONTINUES = frozenset("|?:+.=(,&")
"""A line that begins or ends with one of these belongs to the one before or behind it."""


@dataclass(frozen=True, slots=True)
class ListenCall:
    """A port that a source listens on; `is_http` says that HTTP is spoken there."""

    port: PortValue
    is_http: bool = True


@dataclass(frozen=True)
class Module:
    """One source file. `load` returns the module that an import names, None where it is not the project's."""

    source: str
    load: Callable[[str], Module | None] = field(default=lambda _: None)

    @cached_property
    def _tokens(self) -> list[Token]:
        return list(read_tokens(self.source))

    def imported(self) -> tuple[str, ...]:
        """Return the relative paths that the source imports, in order."""
        names = [
            unquoted(token.text)
            for index, token in enumerate(self._tokens)
            if token.kind == "string" and self._is_import(index)
        ]
        return tuple(name for name in dict.fromkeys(names) if name.startswith("."))

    def _is_import(self, index: int) -> bool:
        before = self._text(index - 1)
        return before in ("from", "import") or (
            before == "(" and self._text(index - 2) in ("require", "import")
        )

    def calls(self) -> Iterator[ListenCall]:
        """Yield every call that listens on a port that the source says."""
        for index, token in enumerate(self._tokens):
            if token.kind != "word" or self._text(index + 1) != "(":
                continue
            arguments = split_at(inside(self._tokens, index + 1), ",")
            if token.text == "listen" and self._text(index - 1) == ".":
                found, is_http = self._listened(arguments[:2]), True
            elif token.text == "serve" or (token.text in _SERVERS and self._is_new(index)):
                found, is_http = self._listened(arguments[:1]), token.text == "serve"
            else:
                continue
            if found is not None:
                yield ListenCall(found, is_http)

    def _is_new(self, index: int) -> bool:
        return "new" in (self._text(index - 1), self._text(index - 3))

    def _listened(self, arguments: list[list[Token]]) -> PortValue | None:
        for argument in arguments:
            is_object = bool(argument) and argument[0].text == "{"
            found = self._property(argument, "port", 0) if is_object else evaluate(argument, self)
            if found is not None:
                return found
        return None

    def _text(self, index: int) -> str:
        return self._tokens[index].text if 0 <= index < len(self._tokens) else ""

    # What names mean: the scope of port_expressions.

    def name(self, name: str, steps: int) -> PortValue | None:
        """Return the value of a constant of this module, or of one that it imports."""
        if steps > MOST_STEPS:  # modules that import each other
            return None
        found = [value for value in self._definitions(name, steps) if value is not None]
        if found:
            return found[0] if len(set(found)) == 1 else None
        module = self._origin(name)
        return module.name(name, steps + 1) if module is not None else None

    def member(self, owner: str, name: str, steps: int) -> PortValue | None:
        """Return the value of `owner.name`: a property of an object here, or where it is imported from."""
        module = self._origin(owner.partition(".")[0]) or self
        return module._property(module._tokens, name, steps + 1) or (
            module.name(name, steps + 1) if module is not self else None
        )

    def _definitions(self, name: str, steps: int) -> Iterator[PortValue | None]:
        tokens = self._tokens
        for index, token in enumerate(tokens):
            if token.text != name or token.kind != "word":
                continue
            before, after = self._text(index - 1), self._text(index + 1)
            if before in _DECLARES and (start := self._after_equals(index)):
                yield evaluate(self._expression(start), self, steps + 1)
            elif before in ("{", ",") and after in ("=", ",", "}") and self._is_from_environment(index):
                default = self._expression(index + 2) if after == "=" else []
                yield PortValue(name).over(evaluate(default, self, steps + 1))

    def _after_equals(self, index: int) -> int | None:
        """Return where the value of the constant at `index` begins, behind a type that it may have."""
        line = self._tokens[index].line
        for place in range(index + 1, len(self._tokens)):
            if self._tokens[place].line != line or self._text(place) in (";", "=>"):
                return None
            if self._text(place) == "=":
                return place + 1
        return None

    def _is_from_environment(self, index: int) -> bool:
        """Say whether the destructuring around `index` takes its names from `process.env`."""
        for place in range(index, len(self._tokens)):
            if self._text(place) == "}":
                return [self._text(place + i) for i in range(1, 5)] == ["=", "process", ".", "env"]
            if self._text(place) in ("{", ";"):
                return False
        return False

    def _expression(self, start: int) -> list[Token]:
        """Return the tokens of the expression that begins at `start`, up to its end by mark or by line."""
        depth, found = 0, []
        for index in range(start, len(self._tokens)):
            token = self._tokens[index]
            depth += (token.text in "([{") - (token.text in ")]}")
            if depth < 0 or (depth == 0 and token.text in (",", ";")):
                break
            is_next_line = index > start and token.line != self._tokens[index - 1].line and not depth
            if is_next_line and not _CONTINUES & {token.text, self._text(index - 1)}:
                break
            found.append(token)
        return found

    def _property(self, tokens: list[Token], name: str, steps: int) -> PortValue | None:
        """Return the value of `name: …` in an object, None where several say several things."""
        found: list[PortValue] = []
        for index, token in enumerate(tokens):
            if unquoted(token.text) != name or (index and tokens[index - 1].text not in ("{", ",")):
                continue
            after = tokens[index + 1].text if index + 1 < len(tokens) else ""
            if after == ":":
                rest = _up_to_end(tokens[index + 2 :])
                value = evaluate(rest, self, steps + 1) or _of_schema(name, rest)
            elif after in (",", "}", "") and token.kind == "word":
                value = self.name(name, steps + 1)
            else:
                continue
            if value is not None:
                found.append(value)
        return found[0] if len(set(found)) == 1 else None

    def _origin(self, name: str) -> Module | None:
        """Return the module of the project that `name` is imported from."""
        match = re.search(
            rf"\bimport\b[^;'\"]*?\b{re.escape(name)}\b[^;'\"]*?\bfrom\s*['\"](\.[^'\"]+)['\"]"
            rf"|\b(?:const|let|var)\b[^;='\"]*?\b{re.escape(name)}\b[^;='\"]*=\s*require\(\s*['\"](\.[^'\"]+)['\"]",
            self.source,
        )
        return self.load(match[1] or match[2]) if match else None


def _up_to_end(tokens: list[Token]) -> list[Token]:
    """Return the tokens up to the comma or bracket that ends a property."""
    depth = 0
    for index, token in enumerate(tokens):
        depth += (token.text in "([{") - (token.text in ")]}")
        if depth < 0 or (depth == 0 and token.text == ","):
            return tokens[:index]
    return tokens


def _of_schema(name: str, tokens: list[Token]) -> PortValue | None:
    """Return what a schema of the environment says: `PORT: z.coerce.number().default(3000)`."""
    if not name.isupper():
        return None
    numbers = [
        int(tokens[index + 2].text)
        for index, token in enumerate(tokens[:-2])
        if token.text == "default" and tokens[index + 1].text in "(:" and tokens[index + 2].text.isdecimal()
    ]
    return PortValue(name, numbers[0] if len(numbers) == 1 else None)
