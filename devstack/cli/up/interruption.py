"""The signals that ask devstack to end, as an exception: for a command that has started what it must stop."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from devstack.machine import system

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, system.HANGUP_SIGNAL)


class Interrupted(KeyboardInterrupt):
    """One of STOP_SIGNALS came; `number` is its number. asyncio lets it through as it does Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextmanager
def raising_interrupted() -> Iterator[None]:
    """Raise Interrupted wherever the block is when a signal comes; the handlers before are back behind it."""
    before = {number: signal.signal(number, _raise) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _raise(number: int, _: FrameType | None) -> NoReturn:
    raise Interrupted(number)
