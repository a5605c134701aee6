from __future__ import annotations

import os
from pathlib import Path

import pytest

from devstack.services.modules.graph import ModuleGraph, module_scripts, resolve
from devstack.services.modules.rewrite import (
    add_to_head,
    config_element,
    rewrite_page_scripts,
    rewrite_script,
)


def version(graph: ModuleGraph, id_: str) -> int:
    """Return the version as of now."""
    graph.look()
    return graph.version(id_)


def write(root: Path, **files: str) -> ModuleGraph:
    for name, text in files.items():
        (root / f"{name}.js").write_text(text)
    return ModuleGraph(os.path.realpath(root))


@pytest.mark.parametrize(
    ("specifier", "id_"),
    [
        ("./b.js", "/app/b.js"),
        ("../b.js", "/b.js"),
        ("../../../b.js", "/b.js"),
        ("/b.js", "/b.js"),
        ("./b.js?raw#x", "/app/b.js"),
        ("./%C3%A4.js", "/app/ä.js"),
        ("lit", None),
        ("https://example.org/b.js", None),
        ("//example.org/b.js", None),
        ("#inner", None),
    ],
)
def test_a_specifier_means_a_file_below_the_root_or_nothing(specifier: str, id_: str | None) -> None:
    assert resolve("/app/a.js", specifier) == id_


def test_a_version_changes_with_the_file_and_with_what_it_imports(tmp_path: Path) -> None:
    graph = write(tmp_path, a='import "./b.js"', b='import "./c.js"', c="1")
    before = {name: version(graph, f"/{name}.js") for name in "abc"}
    (tmp_path / "c.js").write_text("2")
    assert all(version(graph, f"/{name}.js") != before[name] for name in "abc")


def test_a_version_never_comes_back_though_the_content_does(tmp_path: Path) -> None:
    graph = write(tmp_path, a="1")
    versions = set()
    for number, text in enumerate(["1", "2", "1", "2"]):
        (tmp_path / "next.js").write_text(text)
        os.replace(tmp_path / "next.js", tmp_path / "a.js")
        versions.add(version(graph, "/a.js"))
        assert len(versions) == number + 1


def test_a_module_keeps_its_version_when_what_it_imports_is_replaced_by_itself(tmp_path: Path) -> None:
    graph = write(tmp_path, a='import "./b.js"', b="import.meta.hot.accept()")
    before = version(graph, "/a.js")
    (tmp_path / "b.js").write_text("import.meta.hot.accept(); 2")
    assert version(graph, "/a.js") == before


def test_a_module_keeps_its_version_when_it_accepts_what_changed(tmp_path: Path) -> None:
    graph = write(tmp_path, a='import "./b.js"; import.meta.hot.accept("./b.js", f)', b="1")
    before = version(graph, "/a.js")
    (tmp_path / "b.js").write_text("2")
    assert version(graph, "/a.js") == before


def test_modules_that_import_each_other_have_versions_too(tmp_path: Path) -> None:
    graph = write(tmp_path, a='import "./b.js"', b='import "./a.js"')
    assert version(graph, "/a.js") == version(graph, "/b.js")


def test_two_processes_read_the_same_version_from_the_files(tmp_path: Path) -> None:
    first, second = write(tmp_path, a='import "./b.js"', b="1"), ModuleGraph(os.path.realpath(tmp_path))
    assert version(first, "/a.js") == version(second, "/a.js")


def test_a_version_is_a_number_that_javascript_can_hold(tmp_path: Path) -> None:
    graph = write(tmp_path, a="1")
    assert 0 < version(graph, "/a.js") < 2**53


def test_a_script_is_served_with_versioned_imports_and_every_line_in_its_place(tmp_path: Path) -> None:
    source = 'import { b } from "./b.js";\nimport lit from "lit";\nimport("./gone.js");\nlet x = b;\n'
    graph = write(tmp_path, a=source, b="export const b = 1")
    served = rewrite_script(graph, "/a.js", source, "/")
    number = version(graph, "/b.js")
    assert served.splitlines() == [
        f'import {{ b }} from "./b.js?t={number}";',
        'import lit from "lit";',
        'import("./gone.js");',
        "let x = b;",
    ]


def test_a_hot_script_gets_its_context_before_its_first_line_and_on_it(tmp_path: Path) -> None:
    source = '\nimport.meta.hot.accept("./b.js", f);\n'
    graph = write(tmp_path, a=source, b="1")
    first, second = rewrite_script(graph, "/a.js", source, "/trade/").splitlines()
    assert 'from "/trade/@vite/client"' in first
    assert 'import.meta.hot = __devstack_hot("/a.js")' in first
    assert second == 'import.meta.hot.accept("/b.js", f);'


def test_an_open_import_asks_for_the_live_version(tmp_path: Path) -> None:
    graph = write(tmp_path, a="import(name)")
    assert rewrite_script(graph, "/a.js", "import(name)", "/").endswith(
        "__devstack_import(import.meta.url)(name)"
    )


def test_a_page_names_the_versions_of_its_scripts(tmp_path: Path) -> None:
    graph = write(tmp_path, a="1", b="2")
    html = (
        '<!-- <script type="module" src="/a.js"></script> --><script src="/a.js"></script>'
        "<script type=module src=a.js></script><script type='module'>import './b.js'</script>"
    )
    served = rewrite_page_scripts(graph, "/index.html", html, "/trade/")
    assert f"src=a.js?t={version(graph, '/a.js')}>" in served
    assert f'import "./b.js?t={version(graph, "/b.js")}"' in served
    assert '<!-- <script type="module" src="/a.js"></script> --><script src="/a.js">' in served


def test_module_scripts_are_found_whatever_the_quotes_and_the_order() -> None:
    html = '<SCRIPT SRC="x.js" TYPE="module"></SCRIPT><script type=text/javascript src=y.js></script>'
    assert [script.source for script in module_scripts(html)] == ["x.js"]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<html><head><title>t</title></head></html>", "<html><head>+<title>t</title></head></html>"),
        ('<html><head lang="en">', '<html><head lang="en">+'),
        ("<!-- <head> --><html><head>", "<!-- <head> --><html><head>+"),
        ("<!doctype html><p>x", "<!doctype html>+<p>x"),
        ("<p>x", "+<p>x"),
        ("<header>x</header>", "+<header>x</header>"),
        ("", "+"),
    ],
)
def test_what_is_added_is_first_in_the_head(html: str, expected: str) -> None:
    assert add_to_head(html, "+") == expected


def test_the_config_cannot_break_out_of_its_element() -> None:
    assert "</script><" not in config_element({"base": "</script><script>alert(1)"})[:-9]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_missing_and_harms_nobody(tmp_path: Path) -> None:
    graph = write(tmp_path, a='import "./b.js";', b="")
    (tmp_path / "b.js").chmod(0)
    module = graph.module("/a.js")
    assert module is not None
    assert module.imports == {"/b.js"}
    assert graph.module("/b.js") is None
