"""Tells on whom a stop waits, as long as it takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from devstack.core.events import StillStopping
from devstack.core.service import ServiceState

if TYPE_CHECKING:
    import asyncio

    from devstack.machine.system import ProcessRow
    from devstack.supervisor.run.running_stack import RunningStack

FIRST_AFTER = 1.0
THEN_EVERY = 5.0


def tell_while_stopping(
    running: RunningStack,
    loop: asyncio.AbstractEventLoop,
    graces: Mapping[str, float],
    members: Callable[[str], tuple[ProcessRow, ...]],
) -> None:
    """Tell after a second, and then every five, which services still run, until the stack has ended.

    `graces` are the seconds that each service has until it is killed. `members` returns a service's
    processes.
    """
    began = time.monotonic()

    def _tell() -> None:
        if running.state.has_ended:
            return
        waits_on = {
            name: tuple(row.pid for row in members(name))
            for name, status in running.state.statuses.items()
            if status.state is ServiceState.STOPPING
        }
        grace = max((graces[name] for name in waits_on), default=0.0)
        if waits_on:
            running.tell(StillStopping(waits_on, max(grace - (time.monotonic() - began), 0.0)))
        loop.call_later(THEN_EVERY, _tell)

    loop.call_later(FIRST_AFTER, _tell)
