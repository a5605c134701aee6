"""Vite's own client module, as npm has it, on our page and our socket in place of our client."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Route

from tests.browser.conftest import Tab
from tests.services.processes import Services, ask

pytestmark = [
    pytest.mark.browser,
    pytest.mark.node,
    pytest.mark.skipif(shutil.which("npm") is None, reason="Node.js with npm is not installed"),
]

PAGE = '<link rel="stylesheet" href="style.css"><p id="out"></p><script type="module" src="main.js"></script>'
VIEW = 'document.querySelector("#out").textContent = "%s"; import.meta.hot.accept();'


@pytest.fixture(scope="session")
def vite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Vite's folder of client modules, installed from npm."""
    folder = tmp_path_factory.mktemp("vite")
    subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "vite@8"],
        cwd=folder,
        check=True,
        capture_output=True,
        timeout=110,
    )
    return folder / "node_modules" / "vite" / "dist" / "client"


@pytest.fixture
def tab(site: Services, vite: Path, context: BrowserContext, open_tab: Callable[[str], Tab]) -> Tab:
    assert site.root is not None
    (site.root / "index.html").write_text(PAGE)
    (site.root / "style.css").write_text("p { color: rgb(255, 0, 0); }")
    (site.root / "main.js").write_text('import "./view.js";')
    (site.root / "view.js").write_text(VIEW % "one")
    site.start("frontend", "hmr")
    served = {"client": client_module(site, vite), "env": env_module(vite)}

    def serve(route: Route) -> None:
        name = route.request.url.rpartition("/")[2]
        route.fulfill(body=served[name], content_type="text/javascript")

    context.route(re.compile(r"/@vite/(client|env)$"), serve)
    found = open_tab(site.url("frontend"))
    found.wait_for_line("[vite] connected.")
    found.page.evaluate("globalThis.kept = 'yes'")
    return found


def client_module(site: Services, vite: Path) -> str:
    """Return Vite's client with the values that its server writes into it; port and token are our page's."""
    ours = ask(site.port("frontend"), "/@vite/client").text
    token = ours.partition('wsToken = "')[2].partition('"')[0]
    values = {
        "__SERVER_HOST__": f"localhost:{site.port('frontend')}/",
        "__HMR_PROTOCOL__": None,
        "__HMR_PORT__": site.port("hmr"),
        "__HMR_HOSTNAME__": None,
        "__HMR_BASE__": "/",
        "__HMR_DIRECT_TARGET__": f"localhost:{site.port('hmr')}/",
        "__HMR_TIMEOUT__": 30000,
        "__HMR_ENABLE_OVERLAY__": True,
        "__HMR_CONFIG_NAME__": "vite.config.ts",
        "__BASE__": "/",
        "__WS_TOKEN__": token,
        "__SERVER_FORWARD_CONSOLE__": {"enabled": False},
    }
    text = (vite / "client.mjs").read_text(encoding="utf-8").replace('"@vite/env"', '"/@vite/env"')
    for name, value in values.items():
        text = text.replace(name, json.dumps(value))
    return text


def env_module(vite: Path) -> str:
    return (vite / "env.mjs").read_text(encoding="utf-8").replace("__DEFINES__", "{}")


def shows(text: str) -> str:
    return f"document.querySelector('#out')?.textContent === '{text}'"


def kept(tab: Tab) -> bool:
    return bool(tab.page.evaluate("globalThis.kept === 'yes'"))


def test_it_connects_and_replaces_a_module_and_a_style_sheet(tab: Tab, site: Services) -> None:
    assert site.root is not None
    for text in ("two", "three"):
        (site.root / "view.js").write_text(VIEW % text)
        tab.wait_until(shows(text))
    (site.root / "style.css").write_text("p { color: rgb(0, 128, 0); }")
    tab.wait_until("getComputedStyle(document.querySelector('p')).color === 'rgb(0, 128, 0)'")
    assert kept(tab)


def test_it_obeys_a_full_reload(tab: Tab, site: Services) -> None:
    assert site.root is not None
    (site.root / "main.js").write_text('import "./view.js"; globalThis.fresh = true;')
    tab.wait_until("globalThis.fresh === true")
    assert not kept(tab)


def test_it_shows_our_errors_and_takes_them_away(tab: Tab, site: Services) -> None:
    assert site.root is not None
    (site.root / "view.js").write_text('import "./gone.js";' + VIEW % "two")
    tab.page.wait_for_selector("vite-error-overlay", state="attached")
    (site.root / "view.js").write_text(VIEW % "mended")
    tab.wait_until(shows("mended"))
    assert tab.page.query_selector("vite-error-overlay") is None


def test_it_waits_for_a_lost_server_and_reloads(tab: Tab, site: Services) -> None:
    site.restart("hmr")
    tab.wait_until("globalThis.kept === undefined")
    tab.wait_until(shows("one"))
