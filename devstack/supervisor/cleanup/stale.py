"""Ends the run of a supervisor that is dead, by its record."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from devstack.machine import system
from devstack.machine.process_tree import Marks, is_alive
from devstack.machine.system import ProcessId, ProcessRow
from devstack.supervisor.cleanup.converge import KILL_FOR
from devstack.supervisor.cleanup.keeping import GRACE
from devstack.supervisor.cleanup.leftovers import Ended, end_leftovers
from devstack.supervisor.run_folder.record import Record


def end_run(
    record: Record, grace: float, on_wait: Callable[[tuple[ProcessRow, ...]], None] | None = None
) -> Ended:
    """End every process of the recorded run, whose supervisor is dead, and await the keeper's end.

    `grace` is the seconds between SIGTERM and SIGKILL.
    """
    # A main process that still lives vouches for the number of its group; of another it may be used again.
    groups = {
        service.process.pid: service.name
        for service in record.services
        if service.process is not None and is_alive(service.process)
    }
    keeper = record.keeper.pid if record.keeper and is_alive(record.keeper) else 0
    marks = Marks(
        cookie=record.run,
        groups=groups,
        outside=frozenset({os.getpid(), os.getppid(), keeper}),
        # Of this boot, as the record is. A number could have been given out again since the supervisor's end,
        # after four thousand million others: that is beyond all likelihood.
        pipes=frozenset(record.pipes),
        since=record.supervisor.started,
    )
    outcome = end_leftovers(marks, grace, on_wait)
    await_keeper(record.keeper)
    return outcome


def await_keeper(keeper: ProcessId | None) -> None:
    """Return when the keeper of a supervisor that is gone is gone too; its work has a grace of its own.

    One that somebody has stopped goes on; one that does not come to an end is killed.
    """
    if keeper is None:
        return
    system.resume(keeper)
    if not wait_until_gone(keeper):
        system.send_signal(keeper, system.KILL_SIGNAL)
        wait_until_gone(keeper)


def wait_for_supervisor(record: Record, seconds: float) -> bool:
    """Wait until the run's supervisor is gone, so many seconds at most; say whether it is."""
    return wait_until_gone(record.supervisor, seconds)


def wait_until_gone(process: ProcessId, seconds: float = GRACE + KILL_FOR + 1.0) -> bool:
    """Wait until `process` is gone, so many seconds at most; say whether it is.

    By default as long as a keeper's work may take.
    """
    deadline = time.monotonic() + seconds
    pause = 0.002
    while is_alive(process):
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
    return True
