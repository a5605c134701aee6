"""What the output tells upward: what could not be written, what was left out, nobody there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol


class Reports(Protocol):
    """What the output tells upward."""

    def log_failed(self, name: str, error: OSError) -> None: ...

    def log_mended(self, name: str, missing: int) -> None: ...

    def lines_skipped(self, skipped: Mapping[str, int]) -> None: ...

    def line_cut(self, name: str) -> None: ...

    def screen_failed(self, error: OSError) -> None: ...

    def screen_gone(self) -> None: ...


class HeldReports:
    """Keeps what the output tells before anybody is there to hear it."""

    def __init__(self) -> None:
        self._held: list[Callable[[Reports], None]] = []

    def tell(self, reports: Reports) -> None:
        """Tell `reports` what was kept."""
        held, self._held = self._held, []
        for report in held:
            report(reports)

    def log_failed(self, name: str, error: OSError) -> None:
        self._held.append(lambda reports: reports.log_failed(name, error))

    def log_mended(self, name: str, missing: int) -> None:
        self._held.append(lambda reports: reports.log_mended(name, missing))

    def lines_skipped(self, skipped: Mapping[str, int]) -> None:
        self._held.append(lambda reports: reports.lines_skipped(skipped))

    def line_cut(self, name: str) -> None:
        self._held.append(lambda reports: reports.line_cut(name))

    def screen_failed(self, error: OSError) -> None:
        self._held.append(lambda reports: reports.screen_failed(error))

    def screen_gone(self) -> None:
        self._held.append(lambda reports: reports.screen_gone())
