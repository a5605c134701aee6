"""Literal settings out of a JavaScript or TypeScript configuration file, without running it.

A configuration is a program, so this does not pretend to understand it: it finds `key: literal` inside
nested braces and gives each the path of keys above it. What is computed, spread or named elsewhere stays
unknown, and says so.
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
    |(?P<mark>=>|\.\.\.|[^\s])""",
    re.VERBOSE | re.DOTALL,
)
_REGEX = re.compile(r"/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\[\n])+/\w*")
_BEFORE_REGEX = frozenset((*"(,=:[!&|?{};", "=>", "return"))

SPREAD = "..."
"""The key of a setting that stands for any number of others: `...base`, or a whole file by another's name."""

Literal = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Setting:
    """One `key: value`. `value` None: computed, so unknown (`is_known` False). `line` counts from 1.

    An object literal (`is_object`) has no value of its own: its keys have settings with longer paths. What
    stands in a list has `[]` in its path, behind the list's key.
    """

    path: tuple[str, ...]
    value: Literal
    is_known: bool
    line: int
    is_object: bool = False

    @property
    def is_opaque(self) -> bool:
        """Say whether this may set anything at its path and below: only running the file would tell."""
        return not self.is_known and not self.is_object


@dataclass(frozen=True, slots=True)
class Token:
    """A word, string, number or mark of the source. `line` counts from 1."""

    kind: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class _Frame:
    """An open bracket, and the keys that it adds to the path of what stands in it."""

    bracket: str
    keys: tuple[str, ...]


def read_settings(source: str) -> tuple[Setting, ...]:
    """Return every `key: value` of the file's object literals, in order."""
    tokens = list(read_tokens(source))
    settings = [Setting((SPREAD,), None, False, line) for line in _lines_of_hidden_settings(tokens)]
    frames: list[_Frame] = []
    key: str | None = None
    for index, token in enumerate(tokens):
        if token.text in ("{", "[", "("):
            # What stands in a list (`plugins`) is not the file's own setting.
            own = (key,) if key and token.text != "(" else ()
            frames.append(_Frame(token.text, (*own, "[]") if token.text == "[" else own))
            key = None
        elif token.text in ("}", "]", ")"):
            if frames:
                frames.pop()
            key = None
        elif token.text in (",", ";"):
            key = None
        elif (found := _setting(frames, tokens, index)) is not None:
            settings.append(found)
            key = found.path[-1] if _text(tokens, index + 1) == ":" else key
    return tuple(settings)


def _setting(frames: list[_Frame], tokens: list[Token], index: int) -> Setting | None:
    """Return what the token at `index` sets, if it sets anything."""
    token, before, after = tokens[index], _text(tokens, index - 1), _text(tokens, index + 1)
    above = tuple(key for frame in frames for key in frame.keys)
    bracket = frames[-1].bracket if frames else ""
    if token.kind in ("word", "string") and after == ":" and before in ("{", ","):
        return _with_value((*above, unquoted(token.text)), token.line, tokens, index + 2)
    if token.text == SPREAD and bracket == "{":
        return Setting((*above, SPREAD), None, False, token.line)
    if token.kind == "word" and bracket == "{" and before in ("{", ",") and after in ("}", ","):
        return Setting((*above, token.text), None, False, token.line)
    if token.kind == "word" and before == "." and after == "=" and _text(tokens, index + 2) != "=":
        return Setting((token.text,), None, False, token.line)
    if token.kind == "string" and bracket == "[" and after in ("]", ","):
        return Setting(above, unquoted(token.text), True, token.line)
    return None


def _text(tokens: list[Token], index: int) -> str:
    return tokens[index].text if 0 <= index < len(tokens) else ""


def _lines_of_hidden_settings(tokens: list[Token]) -> Iterator[int]:
    """Yield the line of each sign that the file's settings stand in another one.

    That is a call of mergeConfig, or an export of something imported.
    """
    imported: set[str] = set()
    for index, token in enumerate(tokens):
        if token.text == "import":
            imported |= set(_imported_names(tokens, index + 1))
        elif token.text == "mergeConfig" and _text(tokens, index + 1) == "(":
            yield token.line
        elif (token.text, _text(tokens, index - 1)) in (("default", "export"), ("=", "exports")):
            name = next((one for one in tokens[index + 1 :] if one.text not in ("defineConfig", "(")), token)
            if name.text in imported or name.text == "require":
                yield name.line


def _imported_names(tokens: list[Token], index: int) -> Iterator[str]:
    """Yield the words between `import` and `from`."""
    for token in tokens[index:]:
        if token.text == "from" or token.kind == "string" or token.text == "(":
            return
        if token.kind == "word":
            yield token.text


def _with_value(path: tuple[str, ...], line: int, tokens: list[Token], index: int) -> Setting:
    """Return the setting whose value begins at `index`."""
    value = tokens[index] if index < len(tokens) else None
    end = _text(tokens, index + 1) or "}"
    if value is not None and value.text == "{":
        return Setting(path, None, False, line, is_object=True)
    if value is not None and end in (",", "}"):
        match value.kind:
            case "number":
                return Setting(path, _number(value.text), True, line)
            case "string":
                return Setting(path, unquoted(value.text), True, line)
            case "template" if "${" not in value.text:
                return Setting(path, value.text[1:-1], True, line)
            case "word" if value.text in ("true", "false"):
                return Setting(path, value.text == "true", True, line)
    return Setting(path, None, False, line)


def read_tokens(source: str) -> Iterator[Token]:
    """Yield the tokens of a source; blanks and comments are left out."""
    position, line, before = 0, 1, ""
    while match := _regex_at(position, source, before) or _TOKEN.match(source, position):
        kind = match.lastgroup or "regex"
        if kind != "space":
            yield Token(kind, match[0], line)
            before = match[0]
        line += match[0].count("\n")
        position = match.end()


def _regex_at(position: int, source: str, before: str) -> re.Match[str] | None:
    """Return the regular expression that begins here, if the token before allows one."""
    if source.startswith(("//", "/*"), position) or (before != "" and before not in _BEFORE_REGEX):
        return None
    return _REGEX.match(source, position)


def unquoted(text: str) -> str:
    """Return what a quoted string says; anything else as it is."""
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text[:1] in ("'", '"') else text


def _number(text: str) -> int | float:
    plain = text.replace("_", "")
    return float(plain) if "." in plain else int(plain)
