"""What an ES module imports and how it takes part in hot replacement, read from its source text.

Not a parser: a scan over tokens that knows strings, templates, comments and regular expressions well enough
to tell code from text (ECMA-262, chapters 12 and 16.2). Whether the module is valid is the browser's to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto

TOKEN = re.compile(
    r"""(?P<space>(?:\s+|//[^\n\r\u2028\u2029]*|/\*.*?(?:\*/|\Z))+)
      | (?P<word>(?:[\w$\#@]|\\u\{?[0-9A-Fa-f]+\}?)+)
      | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
      | (?P<template>`)
      | (?P<slash>/)
      | (?P<punctuator>=>|\+\+|--|\?\.(?!\d)|\.\.\.|.)""",
    re.VERBOSE | re.DOTALL,
)
TEMPLATE_TEXT = re.compile(r"(?:[^`\\$]|\\.|\$(?!\{))*", re.DOTALL)
REGULAR_EXPRESSION = re.compile(r"/(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/\w*")
ESCAPE = re.compile(r"\\(?:u\{([0-9A-Fa-f]+)\}|u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|(.))", re.DOTALL)

OPENING, CLOSING = frozenset("([{"), frozenset(")]}")
BEFORE_OPERAND = frozenset(
    {"return", "typeof", "case", "in", "of", "delete", "void", "instanceof", "new", "do", "else", "throw"}
    | {"yield", "await", "default", "extends"}
)
"""Words after which a value begins, so that a slash begins a regular expression."""
BEFORE_CONDITION = frozenset({"if", "while", "for", "with"})
BEFORE_BLOCK = frozenset({"", ")", ";", "{", "}", "=>", "else", "do", "try", "finally"})


class Kind(Enum):
    WORD = auto()
    STRING = auto()
    TEMPLATE = auto()  # one without substitutions; another shows its pieces' tokens only
    REGEXP = auto()
    PUNCTUATOR = auto()


@dataclass(frozen=True, slots=True)
class Token:
    kind: Kind
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Reference:
    """A module named by a literal; `start` and `end` bound the literal with its quotes."""

    specifier: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ModuleSyntax:
    """What was found: `imports` by literals, `open_imports` where `import(…)` is given something else.

    `accepts` are the dependencies in `import.meta.hot.accept("…")`, `accepts_self` is an accept without.
    """

    imports: tuple[Reference, ...] = ()
    open_imports: tuple[int, ...] = ()
    accepts: tuple[Reference, ...] = ()
    accepts_self: bool = False
    uses_hot: bool = False


def read_module(source: str) -> ModuleSyntax:
    """Return what `source` imports, exports from and accepts."""
    if "import" not in source and "export" not in source:
        return ModuleSyntax()
    tokens = list(tokenize(source))
    closings = _closings(tokens)
    imports: list[Reference] = []
    open_imports: list[int] = []
    for index, token in enumerate(tokens):
        if token.kind is not Kind.WORD or token.text not in ("import", "export"):
            continue
        if _is_property(tokens, index, closings):
            continue
        if token.text == "import" and _text(tokens, index + 1) == "(":
            found = _only_argument(tokens, index + 2)
            if found is None:
                open_imports.append(token.start)
            else:
                imports.append(found)
        elif reference := _source_of(tokens, index, closings):
            imports.append(reference)
    accepts, accepts_self, uses_hot = _hot_calls(tokens)
    return ModuleSyntax(tuple(imports), tuple(open_imports), accepts, accepts_self, uses_hot)


def _text(tokens: list[Token], index: int) -> str:
    """Return the text of a word or punctuator at `index`; nothing for other kinds and past the end."""
    if index < 0 or index >= len(tokens) or tokens[index].kind not in (Kind.WORD, Kind.PUNCTUATOR):
        return ""
    return tokens[index].text


def _is_property(tokens: list[Token], index: int, closings: Mapping[int, int]) -> bool:
    """Say whether the word at `index` is a name: `a.import`, `{ import: 1 }`, a method `import() {`."""
    if _text(tokens, index - 1) in (".", "?.") or _text(tokens, index + 1) in (":", "=", ","):
        return True
    if _text(tokens, index + 1) != "(" or index + 1 not in closings:
        return False
    return _text(tokens, closings[index + 1] + 1) == "{"


def _closings(tokens: list[Token]) -> dict[int, int]:
    """Return the index of the closing bracket for that of each opening one that is closed."""
    found: dict[int, int] = {}
    unclosed: list[int] = []
    for position in range(len(tokens)):
        text = _text(tokens, position)
        if text in OPENING:
            unclosed.append(position)
        elif text in CLOSING and unclosed:
            found[unclosed.pop()] = position
    return found


def _reference(token: Token) -> Reference:
    return Reference(_unescape(token.text[1:-1]), token.start, token.end)


def _only_argument(tokens: list[Token], index: int) -> Reference | None:
    """Return the literal that is the whole first argument at `index`."""
    if index >= len(tokens) or tokens[index].kind not in (Kind.STRING, Kind.TEMPLATE):
        return None
    return _reference(tokens[index]) if _text(tokens, index + 1) in (")", ",") else None


def _source_of(tokens: list[Token], index: int, closings: Mapping[int, int]) -> Reference | None:
    """Return the module named by the import or export declaration at `index`, if it names one."""
    following = index + 1
    if following >= len(tokens) or _text(tokens, following) == ".":
        return None
    if tokens[index].text == "import" and tokens[following].kind is Kind.STRING:
        return _reference(tokens[following])
    if tokens[index].text == "export" and _text(tokens, following) not in ("*", "{"):
        return None
    while following < len(tokens):
        text = _text(tokens, following)
        if text == "{":
            following = closings.get(following, len(tokens))
        elif text == "from" and following + 1 < len(tokens) and tokens[following + 1].kind is Kind.STRING:
            return _reference(tokens[following + 1])
        elif text in ("import", "export") or not (tokens[following].kind is Kind.WORD or text in ("*", ",")):
            return None
        following += 1
    return None


def _hot_calls(tokens: list[Token]) -> tuple[tuple[Reference, ...], bool, bool]:
    """Return accepted dependencies, whether the module accepts itself, and whether it is hot at all."""
    accepts: list[Reference] = []
    accepts_self = uses_hot = False
    for index in range(len(tokens) - 4):
        if [_text(tokens, index + offset) for offset in range(3)] != ["import", ".", "meta"]:
            continue
        if _text(tokens, index + 3) not in (".", "?.") or _text(tokens, index + 4) != "hot":
            continue
        uses_hot = True
        called = [_text(tokens, index + offset) for offset in range(5, 8)]
        if called[0] in (".", "?.") and called[1:] == ["accept", "("]:
            named = _accepted(tokens, index + 8)
            accepts.extend(named or ())
            accepts_self = accepts_self or named is None
    return tuple(accepts), accepts_self, uses_hot


def _accepted(tokens: list[Token], index: int) -> list[Reference] | None:
    """Return the dependencies named in the call whose arguments start at `index`; None: the module itself."""
    if index < len(tokens) and tokens[index].kind in (Kind.STRING, Kind.TEMPLATE):
        return [_reference(tokens[index])]
    if _text(tokens, index) != "[":
        return None
    named: list[Reference] = []
    for position in range(index + 1, len(tokens)):
        if _text(tokens, position) in OPENING | CLOSING:  # its end, or no list of literals
            break
        if tokens[position].kind in (Kind.STRING, Kind.TEMPLATE):
            named.append(_reference(tokens[position]))
    return named


def _unescape(text: str) -> str:
    """Return the value of a string literal's text; an escaped line break continues the line."""

    def value(match: re.Match[str]) -> str:
        code = match.group(1) or match.group(2) or match.group(3)
        if code:
            return chr(int(code, 16)) if int(code, 16) <= 0x10FFFF else ""
        return {"n": "\n", "t": "\t", "r": "\r", "\n": ""}.get(match.group(4), match.group(4))

    return ESCAPE.sub(value, text) if "\\" in text else text


class _Scanner:
    """Walks over a source text; knows where a slash divides and where a brace ends a template's part."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.position = 0
        self.previous = ""  # text of the last token; "x" stands for any value
        self.brackets: list[tuple[str, str]] = []  # the opening one, and the token before it
        self.operand_next = True

    def tokens(self) -> Iterator[Token]:
        while match := TOKEN.match(self.source, self.position):
            start, self.position = self.position, match.end()
            match match.lastgroup:
                case "space":
                    continue
                case "word":
                    yield self._word(match.group(), start)
                case "string":
                    yield self._value(Kind.STRING, start)
                case "template":
                    yield from self._template(start)
                case "slash":
                    yield self._slash(start)
                case _:
                    yield from self._punctuator(match.group(), start)

    def _word(self, text: str, start: int) -> Token:
        is_name = self.previous in (".", "?.")
        self.operand_next = text in BEFORE_OPERAND and not is_name
        self.previous = "x" if is_name else text
        return Token(Kind.WORD, text, start, self.position)

    def _value(self, kind: Kind, start: int) -> Token:
        self.operand_next, self.previous = False, "x"
        return Token(kind, self.source[start : self.position], start, self.position)

    def _slash(self, start: int) -> Token:
        literal = REGULAR_EXPRESSION.match(self.source, start) if self.operand_next else None
        if literal:
            self.position = literal.end()
            return self._value(Kind.REGEXP, start)
        self.operand_next, self.previous = True, "/"
        return Token(Kind.PUNCTUATOR, "/", start, self.position)

    def _template(self, start: int) -> Iterator[Token]:
        """Yield a template without substitutions as one token; else go on with the code in its `${`."""
        self._skip_template_text()
        if self.source.startswith("${", self.position):
            self.position += 2
            self.brackets.append(("`", ""))
            self.operand_next, self.previous = True, "{"
            yield Token(Kind.PUNCTUATOR, "`", start, start + 1)
        else:
            self.position += 1
            yield self._value(Kind.TEMPLATE, start)

    def _skip_template_text(self) -> None:
        match = TEMPLATE_TEXT.match(self.source, self.position)
        self.position = match.end() if match else self.position

    def _punctuator(self, text: str, start: int) -> Iterator[Token]:
        if text in OPENING:
            self.brackets.append((text, self.previous))
            self.operand_next = True
        elif text in CLOSING and self.brackets:
            opening, before = self.brackets.pop()
            if opening == "`":
                self._resume_template()
                return
            self.operand_next = _operand_after(text, before)
        else:
            self.operand_next = text not in ("++", "--", ")", "]", "}")
        self.previous = text
        yield Token(Kind.PUNCTUATOR, text, start, self.position)

    def _resume_template(self) -> None:
        self._skip_template_text()
        if self.source.startswith("${", self.position):
            self.position += 2
            self.brackets.append(("`", ""))
            self.operand_next, self.previous = True, "{"
        else:
            self.position += 1
            self.operand_next, self.previous = False, "x"


def _operand_after(closing: str, before: str) -> bool:
    """Say whether a value begins after `closing`, given the token before the bracket that opened it."""
    if closing == ")":
        return before in BEFORE_CONDITION
    return closing == "}" and before in BEFORE_BLOCK


def tokenize(source: str) -> Iterator[Token]:
    """Yield the tokens of `source`, comments and blanks left out."""
    return _Scanner(source).tokens()
