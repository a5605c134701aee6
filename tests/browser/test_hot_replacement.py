"""Hot replacement as a person at the browser sees it: files are edited, and the page follows."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.browser.conftest import Tab
from tests.services.processes import Services, ask

pytestmark = pytest.mark.browser

PAGE = """<!doctype html><html><head><link rel="stylesheet" href="style.css"></head><body>
<h1>title</h1><p id="out"></p><script type="module" src="main.js"></script></body></html>"""
MAIN = """import { text } from "./view.js";
globalThis.loads = (globalThis.loads ?? 0) + 1;
globalThis.mark ??= Math.random();
const out = document.querySelector("#out");
out.textContent = text;
import.meta.hot.accept("./view.js", (next) => { if (next) out.textContent = next.text; });
"""

Opener = Callable[[str], Tab]


@pytest.fixture
def root(site: Services) -> Path:
    assert site.root is not None
    (site.root / "index.html").write_text(PAGE)
    (site.root / "style.css").write_text("h1 { color: rgb(255, 0, 0); }")
    (site.root / "main.js").write_text(MAIN)
    (site.root / "view.js").write_text('export const text = "one";')
    return site.root


@pytest.fixture
def tab(site: Services, root: Path, open_tab: Opener) -> Tab:
    return opened(site, open_tab)


def opened(site: Services, open_tab: Opener) -> Tab:
    site.start("frontend", "hmr")
    tab = open_tab(site.url("frontend"))
    tab.wait_for_line("[hmr] connected")
    tab.page.evaluate("globalThis.kept = 'yes'")
    return tab


def kept(tab: Tab) -> bool:
    """Say whether the page is still the one that was first loaded."""
    return bool(tab.page.evaluate("globalThis.kept === 'yes'"))


def shows(text: str) -> str:
    return f"document.querySelector('#out')?.textContent === '{text}'"


def overlay(tab: Tab, part: str) -> str:
    found = tab.page.wait_for_selector(f"vite-error-overlay >> .{part}")
    assert found is not None
    return found.inner_text()


def test_a_style_sheet_is_swapped_in_place(tab: Tab, root: Path) -> None:
    (root / "style.css").write_text("h1 { color: rgb(0, 128, 0); }")
    tab.wait_until("getComputedStyle(document.querySelector('h1')).color === 'rgb(0, 128, 0)'")
    tab.wait_until("document.querySelectorAll('link[rel=stylesheet]').length === 1")
    assert kept(tab)


def test_a_module_that_is_accepted_is_replaced_and_the_page_keeps_its_state(tab: Tab, root: Path) -> None:
    mark = tab.page.evaluate("mark")
    for text in ("two", "one", "two"):  # an undone edit is an edit too
        (root / "view.js").write_text(f'export const text = "{text}";')
        tab.wait_until(shows(text))
    assert kept(tab)
    assert tab.page.evaluate("[loads, mark]") == [1, mark]


def test_what_a_deep_import_changes_goes_up_to_the_module_that_accepts_it(tab: Tab, root: Path) -> None:
    (root / "words.js").write_text('export const word = "deep";')
    (root / "view.js").write_text('import { word } from "./words.js"; export const text = word;')
    tab.wait_until(shows("deep"))
    (root / "words.js").write_text('export const word = "deeper";')
    tab.wait_until(shows("deeper"))
    assert kept(tab)


def test_dispose_hands_data_to_the_next_version(site: Services, root: Path, open_tab: Opener) -> None:
    counter = """import.meta.hot.accept();
    const count = (import.meta.hot.data.count ?? 0) + 1;
    document.querySelector("#out").textContent = `%s ${count}`;
    import.meta.hot.dispose((data) => { data.count = count; });
    """
    (root / "main.js").write_text(counter % "a")
    tab = opened(site, open_tab)
    tab.wait_until(shows("a 1"))
    (root / "main.js").write_text(counter % "b")
    tab.wait_until(shows("b 2"))
    assert kept(tab)


def test_a_module_may_give_a_change_back_to_its_importer(
    site: Services, root: Path, open_tab: Opener
) -> None:
    view = 'export const text = "%s"; import.meta.hot.accept(() => import.meta.hot.invalidate("no"));'
    handler = '"./view.js", (next) => { if (next) out.textContent = next.text; }'
    (root / "main.js").write_text(MAIN.replace(handler, ""))
    (root / "view.js").write_text(view % "one")
    tab = opened(site, open_tab)
    (root / "view.js").write_text(view % "two")
    tab.wait_until(shows("two"))
    assert kept(tab)
    assert tab.page.evaluate("loads") == 2, (tab.lines, site.running["hmr"].lines)


def test_a_module_that_nothing_imports_any_more_is_pruned(
    site: Services, root: Path, open_tab: Opener
) -> None:
    (root / "old.js").write_text("import.meta.hot.prune(() => { globalThis.pruned = true; });")
    (root / "view.js").write_text('import "./old.js"; export const text = "one";')
    tab = opened(site, open_tab)
    (root / "view.js").write_text('export const text = "two";')
    tab.wait_until("globalThis.pruned === true")
    assert kept(tab)


def test_modules_hear_of_updates(site: Services, root: Path, open_tab: Opener) -> None:
    listen = (
        'import.meta.hot.on("vite:afterUpdate", ({ updates }) => { globalThis.heard = updates[0].path; });'
    )
    (root / "main.js").write_text(MAIN + listen)
    tab = opened(site, open_tab)
    (root / "view.js").write_text('export const text = "two";')
    tab.wait_until("globalThis.heard === '/main.js'")


def test_a_change_that_nobody_accepts_reloads_the_page(tab: Tab, root: Path) -> None:
    (root / "main.js").write_text(MAIN.replace("= text;", '= "fresh";'))
    tab.wait_until(shows("fresh"))
    assert not kept(tab)


def test_a_changed_page_reloads(tab: Tab, root: Path) -> None:
    (root / "index.html").write_text(PAGE.replace("title", "other"))
    tab.wait_until("document.querySelector('h1')?.textContent === 'other'")


def test_an_import_of_a_name_made_at_run_time_takes_the_live_module(
    site: Services, root: Path, open_tab: Opener
) -> None:
    (root / "main.js").write_text(
        'import * as view from "./view.js"; const name = "view";'
        "const same = (await import(`./${name}.js`)) === view;"
        'document.querySelector("#out").textContent = same;'
    )
    tab = opened(site, open_tab)
    tab.wait_until(shows("true"))


def test_a_syntax_error_is_shown_with_file_and_line_and_goes_away_when_mended(tab: Tab, root: Path) -> None:
    (root / "view.js").write_text('export const text = "two";\n\nconst broken = ;\n')
    assert "SyntaxError" in overlay(tab, "message")
    assert overlay(tab, "file").startswith("/view.js:3:")
    assert "3 | const broken = ;" in overlay(tab, "frame")
    assert tab.page.evaluate(shows("one"))
    (root / "view.js").write_text('export const text = "mended";')
    tab.wait_until(shows("mended"))
    tab.wait_until("document.querySelector('vite-error-overlay') === null")
    assert kept(tab)


def test_a_syntax_error_while_the_page_loads_is_shown_and_the_mended_page_loads(
    site: Services, root: Path, open_tab: Opener
) -> None:
    (root / "view.js").write_text("\nexport const text = (;\n")
    tab = opened(site, open_tab)
    assert overlay(tab, "file").startswith("/view.js:2:")
    (root / "view.js").write_text('export const text = "mended";')
    tab.wait_until(shows("mended"))
    assert tab.page.query_selector("vite-error-overlay") is None


def test_an_import_of_a_name_that_is_not_there_is_shown_with_its_line(tab: Tab, root: Path) -> None:
    (root / "view.js").write_text('import { gone } from "./other.js";\nexport const text = gone;')
    (root / "other.js").write_text("export const here = 1;")
    assert "gone" in overlay(tab, "message")
    assert overlay(tab, "file").startswith("/view.js:1:")


def test_an_import_of_no_file_is_shown_with_its_line_and_goes_away_when_the_file_comes(
    tab: Tab, root: Path
) -> None:
    (root / "view.js").write_text('\nimport "./gone.js";\nexport const text = "two";')
    assert "/gone.js" in overlay(tab, "message")
    assert overlay(tab, "file").startswith("/view.js:2:")
    (root / "gone.js").write_text("")
    tab.wait_until(shows("two"))
    tab.wait_until("document.querySelector('vite-error-overlay') === null")


def test_a_style_sheet_that_is_not_closed_is_shown_with_its_line(tab: Tab, root: Path) -> None:
    (root / "style.css").write_text("h1 { color: red }\nh2 {")
    assert overlay(tab, "file").startswith("/style.css:2:")
    (root / "style.css").write_text("h1 { color: rgb(0, 128, 0) }")
    tab.wait_until("getComputedStyle(document.querySelector('h1')).color === 'rgb(0, 128, 0)'")
    tab.wait_until("document.querySelector('vite-error-overlay') === null")


def test_the_overlay_is_hidden_by_escape(tab: Tab, root: Path) -> None:
    (root / "view.js").write_text("const = 1")
    overlay(tab, "message")
    tab.page.keyboard.press("Escape")
    tab.wait_until("document.querySelector('vite-error-overlay') === null")


def test_a_lost_server_is_said_and_the_page_reloads_when_it_is_back(tab: Tab, site: Services) -> None:
    site.end("hmr", signal.SIGKILL)
    tab.wait_for_line("lost the server")
    site.start("hmr")
    tab.wait_until("globalThis.kept === undefined")
    tab.wait_until(shows("one"))


def test_a_page_at_a_route_reloads_too_when_the_server_is_back(
    site: Services, root: Path, open_tab: Opener
) -> None:
    (root / "shop").mkdir()
    site.start("frontend", "hmr")
    tab = open_tab(site.url("frontend", "/shop/cart"))
    tab.wait_for_line("[hmr] connected")
    tab.page.evaluate("globalThis.kept = 'yes'")
    site.end("hmr", signal.SIGKILL)
    tab.wait_for_line("lost the server")
    site.start("hmr")
    tab.wait_until("globalThis.kept === undefined")
    tab.wait_until(shows("one"))


def test_a_page_waits_for_the_frontend_too_before_it_reloads(tab: Tab, site: Services) -> None:
    site.end("hmr", signal.SIGKILL)
    site.end("frontend", signal.SIGKILL)
    tab.wait_for_line("lost the server")
    site.start("hmr")
    with tab.page.expect_event("requestfailed", lambda request: request.method == "HEAD"):
        pass
    assert kept(tab)
    site.start("frontend")
    tab.wait_until("globalThis.kept === undefined")


def test_a_restarted_server_costs_no_reload_as_long_as_nothing_changed(
    tab: Tab, site: Services, root: Path
) -> None:
    site.restart("frontend", "hmr")
    tab.page.wait_for_event("console", lambda message: "[hmr] connected" in message.text)
    assert kept(tab)
    (root / "view.js").write_text('export const text = "two";')
    tab.wait_until(shows("two"))
    assert kept(tab)


def test_what_changed_while_the_server_was_away_is_made_good_by_a_reload(
    tab: Tab, site: Services, root: Path
) -> None:
    site.end("hmr")
    tab.wait_for_line("lost the server")
    (root / "view.js").write_text('export const text = "meanwhile";')
    site.start("hmr")
    tab.wait_until(shows("meanwhile"))
    assert not kept(tab)


def test_the_page_of_another_checkout_is_told_and_does_not_reload_for_ever(
    site: Services, root: Path, open_tab: Opener
) -> None:
    site.start("frontend")
    site.environment["DEVSTACK_HMR_TOKEN"] = "another checkout's"
    site.start("hmr")
    tab = open_tab(site.url("frontend"))
    tab.page.evaluate("globalThis.kept = 'yes'")
    tab.wait_for_line("is it another checkout's server?")
    assert kept(tab)


def test_a_page_of_another_origin_can_use_neither_the_socket_nor_the_files(
    tab: Tab, site: Services, tmp_path: Path, open_tab: Opener
) -> None:
    client = ask(site.port("frontend"), "/@vite/client").text
    token = client.partition('wsToken = "')[2].partition('"')[0]
    stranger = open_tab(site.url("frontend").replace("localhost", "evil.localhost") + "nothing")
    for protocol in ("vite-hmr", "vite-ping"):
        url = f"ws://localhost:{site.port('hmr')}/?token={token}"
        outcome = stranger.page.evaluate(
            """([url, protocol]) => new Promise((resolve) => {
                const socket = new WebSocket(url, protocol);
                socket.onopen = () => resolve("open");
                socket.onerror = () => resolve("refused");
            })""",
            [url, protocol],
        )
        assert outcome == "refused"
    fetched = stranger.page.evaluate(
        "(url) => fetch(url).then(() => 'read', () => 'refused')", site.url("frontend")
    )
    assert fetched == "refused"
