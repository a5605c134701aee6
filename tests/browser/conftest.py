"""A browser for the tests: a Chromium or Chrome on the PATH, else playwright's own, else they are skipped."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

from tests.services.processes import Services, services

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
NONE = "no Chromium or Chrome was found (on the PATH, or playwright's: `playwright install chromium`)"
WAIT_MS = 15_000


def find_browser(playwright: Playwright) -> str | None:
    """Return the path of a browser that the tests can drive."""
    named = [
        os.environ.get("CHROMIUM", ""),
        *map(shutil.which, NAMES),
        MAC,
        playwright.chromium.executable_path,
    ]
    return next((path for path in named if path and os.path.exists(path)), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A running browser. Not for longer: while playwright runs, its event loop is this thread's, and the
    tests of other modules could not run theirs."""
    with sync_playwright() as playwright:
        path = find_browser(playwright)
        if path is None:
            (pytest.fail if os.environ.get("CI") else pytest.skip)(NONE)
        running = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield running
        running.close()


class Tab:
    """A page with what it has logged."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.lines: list[str] = []
        page.set_default_timeout(WAIT_MS)
        page.on("console", lambda message: self.lines.append(message.text))
        page.on("pageerror", lambda error: self.lines.append(f"uncaught {error}"))

    def logged(self, text: str) -> bool:
        return any(text in line for line in self.lines)

    def wait_for_line(self, text: str) -> None:
        """Wait until the page has logged a line that contains `text`."""
        if not self.logged(text):
            self.page.wait_for_event("console", lambda message: text in message.text)

    def wait_until(self, expression: str) -> None:
        """Wait until a JavaScript expression holds."""
        self.page.wait_for_function(expression)

    def reach(self, state: str) -> None:
        """Wait until the connection badge says `state`."""
        self.page.wait_for_selector(f'#connection[data-state="{state}"]', timeout=30_000)

    @property
    def connection(self) -> str:
        return self.page.get_attribute("#connection", "data-connection-id") or ""


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1280, "height": 800})
    yield made
    made.close()


@pytest.fixture
def open_tab(context: BrowserContext) -> Callable[[str], Tab]:
    def open_at(url: str) -> Tab:
        tab = Tab(context.new_page())
        tab.page.goto(url)
        return tab

    return open_at


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Services]:
    """A root of the test's own; the test fills it and starts what it needs."""
    root = tmp_path / "root"
    root.mkdir()
    with services(tmp_path, root) as found:
        yield found
