from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from devstack.services.hmr.hot_updates import HotState, plan, plan_invalidation
from devstack.services.modules.graph import ModuleGraph

PAGE = '<link rel="stylesheet" href="style.css"><script type="module" src="main.js"></script>'
SELF = "import.meta.hot.accept();"


class Site:
    """A root whose files change between two calls of `changes`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.graph = ModuleGraph(os.path.realpath(root))
        self.state = HotState(self.graph)

    def write(self, **files: str) -> None:
        for name, text in files.items():
            (self.root / name.replace("_", ".")).write_text(text)

    def look(self) -> None:
        self.state.look()

    def change(self, **files: str) -> list[dict[str, Any]]:
        existed = {name for name in files if (self.root / name.replace("_", ".")).exists()}
        self.write(**files)
        ids = {name: f"/{name.replace('_', '.')}" for name in files}
        return plan(self.state, ids.values(), [ids[name] for name in files if name not in existed])

    def delete(self, name: str) -> list[dict[str, Any]]:
        (self.root / name).unlink()
        return plan(self.state, [f"/{name}"])


@pytest.fixture
def site(tmp_path: Path) -> Site:
    found = Site(tmp_path)
    found.write(
        index_html=PAGE, main_js='import "./a.js"', a_js='import "./b.js"', b_js="1", style_css="h1 {}"
    )
    found.look()
    return found


def updates(messages: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    assert [message["type"] for message in messages] == ["update"]
    return [(one["type"], one["path"], one["acceptedPath"]) for one in messages[0]["updates"]]


def types(messages: list[dict[str, Any]]) -> list[str]:
    return [message["type"] for message in messages]


def test_a_style_sheet_is_swapped(site: Site) -> None:
    assert updates(site.change(style_css="h1 { color: red }")) == [("css-update", "/style.css", "/style.css")]


def test_a_style_sheet_that_others_import_swaps_them_as_well(site: Site) -> None:
    site.write(style_css='@import "base.css";', base_css='@import url("./deep.css");', deep_css="h1 {}")
    site.look()
    found = updates(site.change(deep_css="h2 {}"))
    assert [path for _, path, _ in found] == ["/base.css", "/deep.css", "/style.css"]


def test_a_change_that_nobody_accepts_reloads_the_page(site: Site) -> None:
    assert types(site.change(b_js="2")) == ["full-reload"]


def test_a_module_that_accepts_itself_takes_its_own_change(site: Site) -> None:
    site.write(b_js=SELF)
    assert updates(site.change(b_js=f"{SELF} 2")) == [("js-update", "/b.js", "/b.js")]


def test_a_change_goes_up_to_the_nearest_module_that_accepts_it(site: Site) -> None:
    site.write(main_js=f'import "./a.js"; {SELF}', a_js=f'import "./b.js"; {SELF}')
    site.look()
    assert updates(site.change(b_js="2")) == [("js-update", "/a.js", "/a.js")]


def test_a_module_may_accept_what_it_imports(site: Site) -> None:
    site.write(a_js='import "./b.js"; import.meta.hot.accept("./b.js", f)')
    site.look()
    assert updates(site.change(b_js="2")) == [("js-update", "/a.js", "/b.js")]


def test_every_way_up_must_meet_a_module_that_accepts(site: Site) -> None:
    site.write(main_js='import "./a.js"; import "./b.js"', a_js=f'import "./b.js"; {SELF}')
    site.look()
    assert types(site.change(b_js="2")) == ["full-reload"]


def test_all_modules_that_accept_on_the_way_up_are_told(site: Site) -> None:
    site.write(
        main_js='import "./a.js"; import "./c.js"',
        a_js=f'import "./b.js"; {SELF}',
        c_js=f'import "./b.js"; {SELF}',
    )
    site.look()
    assert sorted(path for _, path, _ in updates(site.change(b_js="2"))) == ["/a.js", "/c.js"]


def test_modules_that_import_each_other_and_accept_nothing_reload_the_page(site: Site) -> None:
    site.write(a_js='import "./b.js"', b_js='import "./a.js"')
    site.look()
    assert types(site.change(b_js='import "./a.js"; 2')) == ["full-reload"]


def test_modules_in_a_circle_below_one_that_accepts_are_no_endless_way(site: Site) -> None:
    site.write(main_js=f'import "./a.js"; {SELF}', b_js='import "./a.js"')
    site.look()
    assert updates(site.change(b_js='import "./a.js"; 2')) == [("js-update", "/main.js", "/main.js")]


def test_a_page_reloads_for_itself_and_says_which_it_is(site: Site) -> None:
    messages = site.change(index_html=f"{PAGE}<p>")
    assert [(one["type"], one["path"]) for one in messages] == [("full-reload", "/index.html")]


def test_another_kind_of_file_reloads_the_page(site: Site) -> None:
    site.write(logo_svg="<svg/>")
    assert types(site.change(logo_svg="<svg></svg>")) == ["full-reload"]


def test_a_script_that_no_module_names_reloads_the_page_when_it_changes(site: Site) -> None:
    site.write(classic_js="1")
    assert types(site.change(classic_js="2")) == ["full-reload"]


def test_a_new_script_says_nothing_until_something_imports_it(site: Site) -> None:
    site.write(a_js=SELF)
    site.look()
    assert site.change(c_js="1") == []
    assert updates(site.change(a_js=f'import "./c.js"; {SELF}')) == [("js-update", "/a.js", "/a.js")]


def test_a_module_that_is_no_longer_imported_is_pruned(site: Site) -> None:
    site.write(a_js=f'import "./b.js"; {SELF}')
    site.look()
    messages = site.change(a_js=SELF)
    assert types(messages) == ["update", "prune"]
    assert messages[1]["paths"] == ["/b.js"]


def test_an_import_of_nothing_is_an_error_with_file_line_and_column(site: Site) -> None:
    site.write(a_js=f'import "./b.js"; {SELF}')
    site.look()
    messages = site.change(a_js=f'{SELF}\n\nimport x from "./gone.js";\n')
    error = next(message["err"] for message in messages if message["type"] == "error")
    assert error["loc"] == {"file": "/a.js", "line": 3, "column": 15}
    assert "/gone.js" in error["message"]
    assert '3 | import x from "./gone.js";' in error["frame"]


def test_a_mended_import_is_told_as_the_change_that_it_was(site: Site) -> None:
    site.write(a_js=SELF)
    site.look()
    assert types(site.change(a_js=f'import "./gone.js"; {SELF}')) == ["error"]
    assert updates(site.change(gone_js="1")) == [("js-update", "/a.js", "/a.js")]
    assert site.state.broken == {}


def test_a_deleted_module_is_an_error_in_its_importer_until_the_import_goes(site: Site) -> None:
    site.write(a_js=f'import "./b.js"; {SELF}')
    site.look()
    messages = site.delete("b.js")
    assert types(messages) == ["error"]
    assert messages[0]["err"]["id"] == "/a.js"
    assert types(site.change(a_js=SELF)) == ["update", "prune"]


def test_a_renamed_module_with_its_import_is_one_update(site: Site) -> None:
    site.write(a_js=f'import "./b.js"; {SELF}')
    site.look()
    (site.root / "b.js").rename(site.root / "c.js")
    site.write(a_js=f'import "./c.js"; {SELF}')
    messages = plan(site.state, ["/a.js", "/b.js", "/c.js"], ["/c.js"])
    assert types(messages) == ["update", "prune"]


def test_a_module_gives_a_change_back_to_importers_that_accept_themselves(site: Site) -> None:
    site.write(a_js=f'import "./b.js"; {SELF}', b_js=SELF)
    site.look()
    message = plan_invalidation(site.state, "/b.js", "/b.js", 7)
    assert [(one["path"], one["timestamp"], one["firstInvalidatedBy"]) for one in message["updates"]] == [
        ("/a.js", 7, "/b.js")
    ]


def test_a_change_given_back_to_nobody_reloads_the_page(site: Site) -> None:
    site.write(b_js=SELF)
    site.look()
    assert plan_invalidation(site.state, "/b.js", "/b.js", 7)["type"] == "full-reload"


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("h1 { color: red }\n\nh2 { color: blue", 3, "not closed"),
        ("h1 { }\n}", 2, "nothing is open"),
        ("/* never\nended", 1, "comment"),
        ("h1 {\n content: 'x;\n}", 2, "string"),
        ("@media (min-width: 1px {\n h1 { } }", 1, "("),
    ],
)
def test_a_style_sheet_that_does_not_close_what_it_opens_is_an_error_with_its_line(
    site: Site, text: str, line: int, word: str
) -> None:
    messages = site.change(style_css=text)
    assert types(messages) == ["error"]
    assert messages[0]["err"]["loc"]["line"] == line
    assert word in messages[0]["err"]["message"]
    assert types(site.change(style_css="h1 { }")) == ["update"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "h1 { content: '}'; } /* { */ h2 { background: url(a{b.png) }",
        'a::before { content: "\\"{" }',
        "@supports (display: grid) { .a\\{b { color: red } }",
        "[data-x='['] { --y: {a: b}; }",
        "h1 { background: url( 'a)b.png' ) }",
    ],
)
def test_a_sound_style_sheet_has_no_error(site: Site, text: str) -> None:
    assert types(site.change(style_css=text)) == ["update"]
