"""A real browser without a window: the Chromium or Chrome that this machine has."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"


def find_chromium() -> str | None:
    """Return the program's path, or None where there is none."""
    found = (path for name in NAMES if (path := shutil.which(name)))
    return next(found, MAC if os.path.exists(MAC) else None)


@contextmanager
def open_page(url: str) -> Iterator[Page]:
    """Open `url`, and fail at the end for an error that the page's own code has thrown."""
    from playwright.sync_api import sync_playwright

    program = find_chromium()
    if program is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no Chromium or Chrome on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            page = browser.new_page()
            errors: list[str] = []
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.goto(url)
            yield page
            assert not errors, errors
        finally:
            browser.close()
