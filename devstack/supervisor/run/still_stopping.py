"""Tells on whom a stop waits, as long as it takes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from devstack.core.events import StillStopping
from devstack.core.service import ServiceState

if TYPE_CHECKING:
    from devstack.supervisor.run.runner import World
    from devstack.supervisor.run.supervisor import Supervisor

FIRST_AFTER = 1.0
THEN_EVERY = 5.0


def tell_while_stopping(supervisor: Supervisor, world: World, graces: Mapping[str, float]) -> None:
    """Tell after a second, and then every five, who still runs, until the stack has ended.

    `graces` are the seconds that each service has until it is killed. Without an event loop nothing is told.
    """
    if world.loop is None:
        return
    loop, began = world.loop, time.monotonic()

    def _tell() -> None:
        if world.clean_up is None or supervisor.state.has_ended:
            return
        waits_on = {
            name: tuple(row.pid for row in world.clean_up.members(name))
            for name, status in supervisor.state.statuses.items()
            if status.state is ServiceState.STOPPING
        }
        grace = max((graces[name] for name in waits_on), default=0.0)
        if waits_on:
            supervisor.tell(StillStopping(waits_on, max(grace - (time.monotonic() - began), 0.0)))
        loop.call_later(THEN_EVERY, _tell)

    loop.call_later(FIRST_AFTER, _tell)
