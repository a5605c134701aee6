"""Literal settings out of a JavaScript or TypeScript configuration file, without running it.

A configuration is a program, so this does not pretend to understand it: it finds `key: literal` inside
nested braces and gives each the path of keys above it. What is computed stays unknown, and says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*|/\*.*?(?:\*/|\Z))
    |(?P<string>'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*")
    |(?P<template>`(?:\\.|[^`\\])*`)
    |(?P<number>\d[\d_]*(?:\.\d+)?)
    |(?P<word>[A-Za-z_$][\w$]*)
    |(?P<mark>=>|[^\s])""",
    re.VERBOSE | re.DOTALL,
)
_REGEX = re.compile(r"/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\[\n])+/\w*")
_BEFORE_REGEX = frozenset((*"(,=:[!&|?{};", "=>", "return"))

Literal = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Setting:
    """One `key: value`. `value` None: computed, so unknown (`is_known` False). `line` counts from 1."""

    path: tuple[str, ...]
    value: Literal
    is_known: bool
    line: int


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    line: int


def read_settings(source: str) -> tuple[Setting, ...]:
    """Return every `key: value` of the file's object literals, in order."""
    tokens = list(_tokens(source))
    settings: list[Setting] = []
    frames: list[str | None] = []
    key: str | None = None
    for index, token in enumerate(tokens):
        after = tokens[index + 1].text if index + 1 < len(tokens) else ""
        before = tokens[index - 1].text if index else ""
        if token.text in ("{", "[", "("):
            # What stands in a list (`plugins`) is not the file's own setting.
            frames.append({"{": key, "[": "[]"}.get(token.text))
            key = None
        elif token.text in ("}", "]", ")"):
            if frames:
                frames.pop()
            key = None
        elif token.text == "," or token.text == ";":
            key = None
        elif after == ":" and before in ("{", ",") and token.kind in ("word", "string"):
            key = _unquoted(token.text)
            settings.append(
                _setting(tuple(frame for frame in frames if frame), key, token.line, tokens, index)
            )
    return tuple(settings)


def _setting(above: tuple[str, ...], key: str, line: int, tokens: list[_Token], index: int) -> Setting:
    """Return the setting whose key is at `index`."""
    value = tokens[index + 2] if index + 2 < len(tokens) else None
    end = tokens[index + 3].text if index + 3 < len(tokens) else "}"
    path = (*above, key)
    if value is not None and end in (",", "}"):
        match value.kind:
            case "number":
                return Setting(path, _number(value.text), True, line)
            case "string":
                return Setting(path, _unquoted(value.text), True, line)
            case "template" if "${" not in value.text:
                return Setting(path, value.text[1:-1], True, line)
            case "word" if value.text in ("true", "false"):
                return Setting(path, value.text == "true", True, line)
    return Setting(path, None, False, line)


def _tokens(source: str) -> Iterator[_Token]:
    position, line, before = 0, 1, ""
    while match := _regex_at(position, source, before) or _TOKEN.match(source, position):
        kind = match.lastgroup or "regex"
        if kind != "space":
            yield _Token(kind, match[0], line)
            before = match[0]
        line += match[0].count("\n")
        position = match.end()


def _regex_at(position: int, source: str, before: str) -> re.Match[str] | None:
    """Return the regular expression that begins here, if the token before allows one."""
    if source.startswith(("//", "/*"), position) or (before != "" and before not in _BEFORE_REGEX):
        return None
    return _REGEX.match(source, position)


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text[:1] in ("'", '"') else text


def _number(text: str) -> int | float:
    plain = text.replace("_", "")
    return float(plain) if "." in plain else int(plain)
