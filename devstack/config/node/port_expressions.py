"""Evaluates the port in a JavaScript expression, as far as it is written out.

`process.env.PORT || 3000` reads the variable PORT and falls back to 3000. Also understood are `??`,
`Number(…)`, `parseInt(…, 10)`, a conditional, and names that a `Scope` can look up.
Anything else is no evidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from devstack.core.javascript import Token, unquoted
from devstack.core.ports import is_port

OPENING, CLOSING = frozenset("([{"), frozenset(")]}")
MOST_STEPS = 12
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
_CONVERTS = frozenset({"Number", "parseInt", "String", "int"})
_ENVIRONMENTS = ("process.env", "import.meta.env", "Bun.env", "env")


@dataclass(frozen=True, slots=True)
class PortValue:
    """A port that a program listens on: the environment variable that it reads, and the number without it."""

    variable: str = ""
    default: int | None = None

    def over(self, fallback: PortValue | None) -> PortValue:
        """Return this value, with what it lacks taken from `fallback`."""
        if fallback is None:
            return self
        default = fallback.default if self.default is None else self.default
        return PortValue(self.variable or fallback.variable, default)


class Scope(Protocol):
    """Where names are looked up."""

    def name(self, name: str, steps: int) -> PortValue | None:
        """Return the value of a constant."""
        ...

    def member(self, owner: str, name: str, steps: int) -> PortValue | None:
        """Return the value of `owner.name`."""
        ...


def evaluate(tokens: Sequence[Token], scope: Scope, steps: int = 0) -> PortValue | None:
    """Return the port that an expression says, None where that is not certain."""
    tokens = _stripped(tokens)
    if not tokens or steps > MOST_STEPS:
        return None
    for split in (_alternatives, _branches):
        if parts := split(tokens):
            return _first_of(parts, scope, steps + 1)
    if len(tokens) == 1:
        return _single(tokens[0], scope, steps + 1)
    return _call(tokens, scope, steps + 1) or _member(tokens, scope, steps + 1)


def split_at(tokens: Sequence[Token], mark: str) -> list[list[Token]]:
    """Return the parts of `tokens` between those marks that stand in no bracket."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += (token.text in OPENING) - (token.text in CLOSING)
        if depth == 0 and token.text == mark:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def inside(tokens: Sequence[Token], index: int) -> list[Token]:
    """Return what stands between the bracket at `index` and the one that closes it."""
    depth = 0
    for end in range(index, len(tokens)):
        depth += (tokens[end].text in OPENING) - (tokens[end].text in CLOSING)
        if depth == 0:
            return list(tokens[index + 1 : end])
    return list(tokens[index + 1 :])


def _stripped(tokens: Sequence[Token]) -> list[Token]:
    """Return an expression without what changes no port: brackets around it, `+`, `as string`, `!`."""
    found = split_at(tokens, "as")[0]
    while found:
        if found[0].text == "+":
            found = found[1:]
        elif found[-1].text == "!":
            found = found[:-1]
        elif found[0].text == "(" and len(inside(found, 0)) == len(found) - 2:
            found = found[1:-1]
        else:
            break
    return found


def _alternatives(tokens: Sequence[Token]) -> list[list[Token]]:
    """Return the operands of `||` or `??`; none where there is no such operator."""
    places = [
        i
        for i, depth in _outer(tokens)
        if depth == 0 and tokens[i].text in "|?" and _text(tokens, i + 1) == tokens[i].text
    ]
    starts = [0, *(place + 2 for place in places)]
    return [list(tokens[a:b]) for a, b in zip(starts, [*places, len(tokens)], strict=True)] if places else []


def _branches(tokens: Sequence[Token]) -> list[list[Token]]:
    """Return both results of `condition ? a : b`; none where it is no conditional."""
    marks = [i for i, depth in _outer(tokens) if depth == 0 and tokens[i].text in "?:"]
    marks = [i for i in marks if not (tokens[i].text == "?" and _text(tokens, i + 1) == ".")]
    if [tokens[i].text for i in marks] != ["?", ":"]:
        return []
    return [list(tokens[marks[0] + 1 : marks[1]]), list(tokens[marks[1] + 1 :])]


def _outer(tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """Yield each index with the number of brackets that are open there."""
    depth = 0
    for index, token in enumerate(tokens):
        depth += (token.text in OPENING) - (token.text in CLOSING)
        yield index, depth


def _text(tokens: Sequence[Token], index: int) -> str:
    return tokens[index].text if 0 <= index < len(tokens) else ""


def _first_of(parts: Sequence[Sequence[Token]], scope: Scope, steps: int) -> PortValue | None:
    """Return the first of several values, completed from the others; all of them have to be known."""
    value = PortValue()
    for part in parts:
        found = evaluate(part, scope, steps)
        if found is None:
            return None
        value = value.over(found)
    return value


def _single(token: Token, scope: Scope, steps: int) -> PortValue | None:
    if token.kind == "word":
        return scope.name(token.text, steps)
    text = unquoted(token.text).replace("_", "")
    if token.kind in ("number", "string") and text.isascii() and text.isdecimal() and len(text) < 6:
        return PortValue(default=int(text)) if is_port(int(text)) else None
    return None


def _call(tokens: Sequence[Token], scope: Scope, steps: int) -> PortValue | None:
    """Return the value of a conversion (`parseInt(…, 10)`, `normalizePort(…)`) or of `Deno.env.get(…)`."""
    start = next((i for i, token in enumerate(tokens) if token.text == "("), None)
    if start is None or len(inside(tokens, start)) != len(tokens) - start - 2:
        return None
    called = "".join(token.text for token in tokens[:start])
    arguments = split_at(inside(tokens, start), ",")
    if called == "Deno.env.get":
        return _environment_variable(unquoted(arguments[0][0].text)) if arguments[0] else None
    name = called.rpartition(".")[2]
    return evaluate(arguments[0], scope, steps) if name in _CONVERTS or "port" in name.lower() else None


def _member(tokens: Sequence[Token], scope: Scope, steps: int) -> PortValue | None:
    """Return the value of `process.env.PORT`, `env["PORT"]` or `config.port`."""
    text = "".join(token.text for token in tokens).replace("?.", ".")
    match = re.fullmatch(r"([\w$.]+?)(?:\.([\w$]+)|\[['\"]([\w$]+)['\"]\])", text)
    if match is None:
        return None
    owner, name = match[1], match[2] or match[3]
    if owner in _ENVIRONMENTS and (variable := _environment_variable(name)):
        return variable.over(scope.member(owner, name, steps) if owner == "env" else None)
    return scope.member(owner, name, steps)


def _environment_variable(name: str) -> PortValue | None:
    return PortValue(name) if _VARIABLE.fullmatch(name) and "PORT" in name else None
