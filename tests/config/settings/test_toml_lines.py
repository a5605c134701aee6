"""Every key of a TOML document has a line, and it is the right one."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.config.settings.toml_lines import Path, key_lines

DOCUMENT = '''# [services.no]
title = """a
[not.a.table]
"""
[services . "web app"] # comment ] = [
ports = [ # first
  { env = "A", default = 1 }, # , {
  { env = "B", tags = [
    "x"], default = 2 },
]
ready.http = '/a#b"'
"de\\u0070ends_on" = ["x", 'y', """z"""]

[[many]]
a = 1
[[many]]
[many.sub]
b = 1979-05-27T07:32:00Z
c = +1_000.5e3
e = """""quoted"""""
f = \'\'\'it's ''fine''\'\'\'
g = "\\"#"
[[many.inner]]
h = true
'''


def test_the_lines_of_a_document_with_everything_in_it() -> None:
    tomllib.loads(DOCUMENT)
    web = ("services", "web app")
    assert key_lines(DOCUMENT) == {
        ("title",): 2,
        ("services",): 5,
        web: 5,
        (*web, "ports"): 6,
        (*web, "ports", 0): 7,
        (*web, "ports", 0, "env"): 7,
        (*web, "ports", 0, "default"): 7,
        (*web, "ports", 1): 8,
        (*web, "ports", 1, "env"): 8,
        (*web, "ports", 1, "tags"): 8,
        (*web, "ports", 1, "tags", 0): 9,
        (*web, "ports", 1, "default"): 9,
        (*web, "ready"): 11,
        (*web, "ready", "http"): 11,
        (*web, "depends_on"): 12,
        (*web, "depends_on", 0): 12,
        (*web, "depends_on", 1): 12,
        (*web, "depends_on", 2): 12,
        ("many",): 14,
        ("many", 0): 14,
        ("many", 0, "a"): 15,
        ("many", 1): 16,
        ("many", 1, "sub"): 17,
        ("many", 1, "sub", "b"): 18,
        ("many", 1, "sub", "c"): 19,
        ("many", 1, "sub", "e"): 20,
        ("many", 1, "sub", "f"): 21,
        ("many", 1, "sub", "g"): 22,
        ("many", 1, "inner"): 23,
        ("many", 1, "inner", 0): 23,
        ("many", 1, "inner", 0, "h"): 24,
    }


def paths_of(value: Any, path: Path = ()) -> set[Path]:
    """Return the path of everything in `value`."""
    children: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        children = list(value.items())
    elif isinstance(value, list):
        children = list(enumerate(value))
    own = {path} if path else set()
    return own.union(*(paths_of(child, (*path, key)) for key, child in children))


texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=6)
scalars = st.one_of(
    st.integers(-9, 9), st.booleans(), texts, st.floats(allow_nan=False, allow_infinity=False)
)
inline = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)


def render(value: Any) -> str:
    """Return a value as TOML that JSON's text is not: tables in braces with `=`."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case dict():
            return "{" + ", ".join(f"{render(str(k))} = {render(v)}" for k, v in value.items()) + "}"
        case list():
            return "[\n  # ] comment\n" + "".join(f"  {render(v)}, # ,\n" for v in value) + "]"
        case _:
            return repr(value)


@given(st.dictionaries(texts, st.dictionaries(texts, inline, max_size=4), max_size=4))
def test_everything_that_tomllib_finds_has_its_line(tables: dict[str, dict[str, Any]]) -> None:
    lines: list[str] = []
    expected: dict[Path, int] = {}
    for name, table in tables.items():
        lines += ["", f"[ {render(name)} ]"]
        expected[name,] = len(lines)
        for key, value in table.items():
            expected[name, key] = len(lines) + 1
            lines += f"{render(key)} = {render(value)}".split("\n")
    text = "\n".join(lines)
    every_path = paths_of(tomllib.loads(text))
    found = key_lines(text)
    assert found.keys() == every_path
    assert {path: line for path, line in found.items() if len(path) < 3} == expected


@pytest.mark.parametrize("text", ["", "\n", "# only a comment", "a = 1", "a = 1 # end"])
def test_a_document_may_end_anywhere(text: str) -> None:
    assert key_lines(text).keys() == paths_of(tomllib.loads(text))
