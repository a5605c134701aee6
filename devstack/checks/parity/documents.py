"""What two answers to one request have in common, and where they differ: bodies without what may differ.

Ports, times and the mode's own name are written as words. A page is compared without what a dev server adds
to it: scripts, styles, links. Fields that change by themselves from one moment to the next are live, and left
out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser

MOST_DIFFERENCES = 8
EXCERPT = 80
_ISO_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?")
_HTTP_TIME = re.compile(
    r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT"
)  # RFC 9110, section 5.6.7
_PORT_FIELD = re.compile(r"(^|_|[a-z])port$", re.IGNORECASE)
_NUMERIC = re.compile(r"[+-]?\d+(\.\d+)?")
_MODE_WORDS = {"dev": ("dev", "development"), "prod": ("prod", "production")}
_OLD_JAVASCRIPT = ("application/javascript", "application/x-javascript")
_UNSEEN = ("script", "style", "link", "meta", "base", "noscript")
_NEVER_CLOSED = ("link", "meta", "base")

Tree = object
"""A JSON value, or the lines of a text."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """In which stack an answer was given: what of it is the stack's and not the answer's."""

    mode: str
    ports: Collection[int] = field(default_factory=tuple)


def read_document(body: str, content_type: str, around: Surroundings) -> Tree:
    """Return a body in the form in which it is compared."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind.endswith("json") or (not kind and body[:1] in ("{", "[")):
        try:
            return _normal_value(json.loads(body), around)
        except ValueError:
            return _normal_text(body, around).splitlines()
    if kind == "text/html":
        return [_normal_text(line, around) for line in _visible_lines(body)]
    return _normal_text(body, around).splitlines()


def content_type_words(content_type: str) -> str:
    """Return a content type as it is compared: UTF-8 goes without saying, and JavaScript has one name.

    text/javascript is the one that RFC 9239 leaves, section 6.
    """
    kind, *parameters = (part.strip().lower() for part in content_type.split(";"))
    kind = "text/javascript" if kind in _OLD_JAVASCRIPT else kind
    told = [one for one in parameters if one not in ("", "charset=utf-8", 'charset="utf-8"')]
    return "; ".join([kind or "no content type", *told])


def _normal_text(text: str, around: Surroundings) -> str:
    text = _HTTP_TIME.sub("TIME", _ISO_TIME.sub("TIME", text))
    for port in around.ports:
        text = re.sub(rf"(?<!\d){port}(?!\d)", "PORT", text)
    return text


def _normal_value(value: object, around: Surroundings, name: str = "") -> Tree:
    match value:
        case dict():
            return {key: _normal_value(one, around, key) for key, one in value.items()}
        case list():
            return [_normal_value(one, around, name) for one in value]
        case _ if _PORT_FIELD.search(name) and (value is None or isinstance(value, int | str)):
            return "PORT"
        case str() if value in _MODE_WORDS.get(around.mode, (around.mode,)):
            return "MODE"
        case str():
            return _normal_text(value, around)
        case int() if not isinstance(value, bool) and value in around.ports:
            return "PORT"
        case _:
            return value


class _Visible(HTMLParser):
    """Collects the elements and texts of a page that a person would see, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if tag not in _UNSEEN:
            self.lines.append(f"<{tag}>")
        elif tag not in _NEVER_CLOSED:
            self._unseen += 1

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN and tag not in _NEVER_CLOSED:
            self._unseen = max(self._unseen - 1, 0)

    def handle_data(self, data: str) -> None:
        text = " ".join(data.split())
        if text and not self._unseen:
            self.lines.append(text)


def _visible_lines(page: str) -> list[str]:
    parser = _Visible()
    parser.feed(page)
    parser.close()
    return parser.lines


def live_fields(first: Tree, second: Tree, name: str = "") -> frozenset[str]:
    """Return the names of the fields that differ between two answers of one stack to one request."""
    if isinstance(first, dict) and isinstance(second, dict) and first.keys() == second.keys():
        return frozenset().union(*(live_fields(first[key], second[key], key) for key in first))
    if isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        return frozenset().union(*(live_fields(*pair, name) for pair in zip(first, second, strict=True)))
    return frozenset() if first == second else frozenset({name})


def without_live(tree: Tree, live: Collection[str], name: str = "") -> Tree:
    """Return `tree` with its live fields written as LIVE.

    Where any is live, a number is written as NUMBER: it may change, too, only less often.
    """
    if not live:
        return tree
    if name in live:
        return "LIVE"
    match tree:
        case dict():
            return {key: without_live(one, live, key) for key, one in tree.items()}
        case list():
            return [without_live(one, live, name) for one in tree]
        case bool():
            return tree
        case int() | float():
            return "NUMBER"
        case str() if _NUMERIC.fullmatch(tree):
            return "NUMBER"
        case _:
            return tree


def differences(trees: Mapping[str, Tree]) -> list[str]:
    """Return a line for each place where the two trees, by mode, differ; the first few of them."""
    (first_mode, first), (second_mode, second) = trees.items()
    found = [
        f"{place}: {first_mode} {_excerpt(one)}, {second_mode} {_excerpt(other)}"
        for place, one, other in _places(first, second, "body")
    ]
    more = len(found) - MOST_DIFFERENCES
    return found if more <= 0 else [*found[:MOST_DIFFERENCES], f"and {more} more"]


def _places(first: Tree, second: Tree, place: str) -> Iterator[tuple[str, Tree, Tree]]:
    if isinstance(first, dict) and isinstance(second, dict):
        for key in dict.fromkeys([*first, *second]):
            yield from _places(first.get(key, _ABSENT), second.get(key, _ABSENT), f"{place}.{key}")
    elif isinstance(first, list) and isinstance(second, list):
        for index in range(max(len(first), len(second))):
            one = first[index] if index < len(first) else _ABSENT
            other = second[index] if index < len(second) else _ABSENT
            yield from _places(one, other, f"{place}[{index}]")
    elif first != second or type(first) is not type(second):
        yield place, first, second


class _Absent:
    def __repr__(self) -> str:
        return "nothing"


_ABSENT = _Absent()


def _excerpt(value: Tree) -> str:
    text = repr(value)
    return text if len(text) <= EXCERPT else f"{text[:EXCERPT]}…"
