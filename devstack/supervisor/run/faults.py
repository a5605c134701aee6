"""Errors of our own: none may leave anything running. The first one ends the stack, and then comes out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio


class Faults:
    """Keeps the first unexpected error; `on_first` is called when it comes."""

    def __init__(self, on_first: Callable[[], None]) -> None:
        self.first: BaseException | None = None
        self._on_first = on_first

    def take(self, error: BaseException) -> None:
        """Take note of `error`."""
        if self.first is None:
            self.first = error
            self._on_first()

    def take_from_loop(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Take note of what a callback or a task raised; for set_exception_handler.

        What asyncio says of a connection (one that was lost, no descriptor left to accept one) is no fault.
        """
        error = context.get("exception")
        if error is not None and ("handle" in context or "future" in context):
            self.take(error)
        else:
            loop.default_exception_handler(context)

    def raise_first(self) -> None:
        """Raise what was kept, if anything."""
        if self.first is not None:
            raise self.first
