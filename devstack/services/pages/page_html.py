"""What prod makes of pages on their way out: nothing but that the page is told how it is served."""

from __future__ import annotations

from devstack.services.http.media_types import PAGES, extension
from devstack.services.http.representation import Representation
from devstack.services.http.served_files import ServedFile
from devstack.services.modules.rewrite import add_to_head, base_element, config_element
from devstack.services.settings import PROD, Settings


class ProdPages:
    """Pages get their config and base; all else goes out as it is."""

    def __init__(self, settings: Settings) -> None:
        self._base_path = settings.base_path
        self._config = config_element({"mode": PROD, "base": settings.base_path})

    def rewrites(self, file: ServedFile) -> bool:
        """Say whether `file` is a page."""
        return extension(file.url) in PAGES

    def rewrite(self, file: ServedFile, content: bytes) -> bytes:
        """Return the page with its config first in its head."""
        html = content.decode("utf-8", "surrogateescape")
        addition = base_element(file.url, html, self._base_path) + self._config
        return add_to_head(html, addition).encode("utf-8", "surrogateescape")

    def own_file(self, path: str, query: str) -> Representation | None:  # noqa: ARG002 - there is none
        """Return nothing: prod has no paths of its own."""
        return None
