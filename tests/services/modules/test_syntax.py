from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.services.modules.syntax import read_module


def specifiers(source: str) -> list[str]:
    return [found.specifier for found in read_module(source).imports]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('import a from "./a.js";', ["./a.js"]),
        ("import './a.js'", ["./a.js"]),
        ('import a, { b as c, "d-e" as f } from "./a.js"', ["./a.js"]),
        ('import * as a from "./a.js"', ["./a.js"]),
        ('import data from "./d.json" with { type: "json" };', ["./d.json"]),
        ('import{a}from"./a.js"', ["./a.js"]),
        ("import {\n  a, // a comment\n  b, /* from './no.js' */\n} from './a.js';", ["./a.js"]),
        ('import from from "./a.js"', ["./a.js"]),
        (
            'export * from "./a.js"; export * as n from "./b.js"; export { c } from "./c.js"',
            ["./a.js", "./b.js", "./c.js"],
        ),
        ("export { a }; export default 1; export const s = 'from \"./no.js\"'", []),
        ('const a = await import("./a.js");', ["./a.js"]),
        ("import(`./a.js`)", ["./a.js"]),
        ('import("./a.js", { with: { type: "json" } })', ["./a.js"]),
        ('// import "./no.js"\n/* import "./no.js" */ import "./a.js"', ["./a.js"]),
        ("const s = \"import './no.js'\"; import './a.js'", ["./a.js"]),
        ('const t = `import "./no.js" ${ "}" } import("./no.js")`; import "./a.js"', ["./a.js"]),
        ("const t = `${ `${ await import('./a.js') }` }`; import './b.js'", ["./a.js", "./b.js"]),
        ('const r = /import "x"/g; import "./a.js"', ["./a.js"]),
        ("const q = a / b; import('./a.js'); c / d", ["./a.js"]),
        ("if (a) /'/.test(b); import './a.js'", ["./a.js"]),
        ("f(a) / 2; import('./a.js')", ["./a.js"]),
        ("const o = {} / 1; import './a.js'", ["./a.js"]),
        ("a++ / 2; import './a.js'; b / '", ["./a.js"]),
        ("const r = [/[/'\"]/, /\\/'/]; import './a.js'", ["./a.js"]),
        ("obj.import('./no.js'); obj?.import('./no.js'); const o = { import: 1, export: 2 }", []),
        ("class A { import(x) { return x } }", []),
        ("import.meta.url; import.meta.hot", []),
        ('import "./\\u0061.js"', ["./a.js"]),
        ("return /x/.test('import \"./no.js\"')", []),
        ("import './a.js'\nimport './b.js'\n", ["./a.js", "./b.js"]),
        ("#!/usr/bin/env node\nimport './a.js'", ["./a.js"]),
    ],
)
def test_imports_are_told_from_text_that_looks_like_them(source: str, expected: list[str]) -> None:
    assert specifiers(source) == expected


def test_the_place_of_a_specifier_is_that_of_its_literal() -> None:
    source = 'import { a } from "./a.js"; import("./b.js")'
    found = read_module(source).imports
    assert [source[one.start : one.end] for one in found] == ['"./a.js"', '"./b.js"']


def test_an_import_of_what_only_the_running_module_knows_is_found() -> None:
    source = "import(name); import('./a' + b); import(`./${c}.js`); import('./d.js')"
    found = read_module(source)
    assert [source[at : at + 7] for at in found.open_imports] == ["import("] * 3
    assert [one.specifier for one in found.imports] == ["./d.js"]


@pytest.mark.parametrize(
    ("source", "accepts_self", "accepts"),
    [
        ("import.meta.hot.accept()", True, []),
        ("import.meta.hot?.accept((next) => {})", True, []),
        ("if (import.meta.hot) { import.meta.hot.accept(function () {}) }", True, []),
        ('import.meta.hot.accept("./a.js", f)', False, ["./a.js"]),
        ("import.meta.hot.accept(['./a.js', `./b.js`], ([a, b]) => {})", False, ["./a.js", "./b.js"]),
        ("import.meta\n  .hot\n  .accept('./a.js')", False, ["./a.js"]),
        ("// import.meta.hot.accept()\nimport.meta.hot.dispose(f)", False, []),
        ("'import.meta.hot.accept()'", False, []),
    ],
)
def test_what_a_module_accepts_is_read(source: str, accepts_self: bool, accepts: list[str]) -> None:
    found = read_module(source)
    assert (found.accepts_self, [one.specifier for one in found.accepts]) == (accepts_self, accepts)


def test_a_module_is_hot_if_its_code_says_so_and_not_a_comment() -> None:
    assert read_module("import.meta.hot?.dispose(f)").uses_hot
    assert not read_module("// import.meta.hot\nimport './a.js'").uses_hot


PIECES = [
    "import",
    "export",
    " ",
    "\n",
    "{",
    "}",
    "(",
    ")",
    "/",
    "*",
    "`",
    "${",
    '"',
    "'",
    "\\",
    "a",
    ".",
    "from",
    ";",
]


@given(st.lists(st.sampled_from(PIECES), max_size=60))
def test_whatever_the_text_the_scan_ends_and_stays_inside(pieces: list[str]) -> None:
    source = "".join(pieces)
    for found in read_module(source).imports:
        assert source[found.start] in "\"'`"
        assert source[found.start] == source[found.end - 1]


LEXER = """
import { init, parse } from "es-module-lexer";
import { readFileSync } from "node:fs";
await init;
const named = (file) => {
  const text = readFileSync(file, "utf8");
  try {
    return parse(text)[0].filter((one) => one.n !== undefined && one.d !== -2).map((one) => one.n);
  } catch {
    return null;
  }
};
console.log(JSON.stringify(process.argv.slice(2).map(named)));
"""


@pytest.mark.parametrize("opened", ["import(", "import {", "import.meta.hot.accept(["])
def test_of_thousands_that_are_never_closed_each_is_read_once(opened: str) -> None:
    """Where each were read to the end of the file, this would take minutes."""
    syntax = read_module(f"import './a.js'; {opened * 20_000}")
    assert [found.specifier for found in syntax.imports] == ["./a.js"]
    assert len(syntax.open_imports) == (20_000 if opened == "import(" else 0)


@pytest.mark.node
@pytest.mark.skipif(shutil.which("npm") is None, reason="Node.js with npm is not installed")
def test_it_finds_what_es_module_lexer_finds_in_real_packages(tmp_path: Path) -> None:
    packages = ["es-module-lexer@1", "lodash-es@4", "vite@8", "preact@10"]
    subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *packages],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        timeout=110,
    )
    modules = tmp_path / "node_modules"
    folders = [modules / "vite" / "dist" / "client", modules / "preact", modules / "lodash-es"]
    files = [
        file for folder in folders for pattern in ("*.mjs", "*.js") for file in sorted(folder.rglob(pattern))
    ][:400]
    (tmp_path / "lexer.mjs").write_text(LEXER)
    ran = subprocess.run(
        ["node", "lexer.mjs", *map(str, files)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    compared = 0
    for file, expected in zip(files, json.loads(ran.stdout), strict=True):
        if expected is not None:
            compared += len(expected)
            assert specifiers(file.read_text(encoding="utf-8")) == expected, file
    assert compared > 500
