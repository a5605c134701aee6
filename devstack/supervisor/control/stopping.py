"""Stops a run from outside: by its supervisor if that lives and answers, else by its record."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from devstack.core.events import ServiceChanged, StackStopped, StillStopping
from devstack.core.service import ENDED_STATES, Stopped
from devstack.errors import AlreadyRunningError, ControlError, RunDirectoryError
from devstack.machine import system
from devstack.machine.system import ProcessRow
from devstack.supervisor.cleanup.stale import await_keeper, end_run, wait_for_supervisor, wait_until_gone
from devstack.supervisor.control.client import ANSWER_WITHIN, ControlClient, result_of
from devstack.supervisor.control.messages import decode
from devstack.supervisor.run_folder.lock import acquire_lock, lost_supervisor
from devstack.supervisor.run_folder.paths import remove_record
from devstack.supervisor.run_folder.record import Record, read_record

DEFAULT_GRACE = 10.0
GOODBYE = 10.0
"""Seconds in which a supervisor that has stopped everything must be gone itself."""

LONGEST_START = 30.0
"""Seconds in which an `up` that has the lock has begun, leftovers of an earlier run ended, or given up."""


@dataclass(frozen=True, slots=True)
class StopOutcome:
    """What was stopped, in a few words, and the pids that nobody could end."""

    what: str
    left: tuple[int, ...] = ()
    ports: tuple[int, ...] = ()


Say = Callable[[str], None]


def stop_project(project: str, grace: float | None, say: Say) -> StopOutcome | None:
    """Stop what runs in `project`, or end what a dead supervisor left there; None if there is neither.

    Returns when supervisor and keeper are gone. `grace` replaces every service's own, in seconds. `say`
    gets a line for each thing that happens. Raises AlreadyRunningError when somebody is starting a stack and
    does not come to an end with it.
    """
    deadline = time.monotonic() + LONGEST_START
    while (record := read_record(project)) is not None:
        if record.is_alive:
            return stop_run(record, grace, say)
        try:
            lock = _lock(project)
        except AlreadyRunningError:  # an `up` is ending what is left here, and its stack will run
            if time.monotonic() > deadline:
                raise
            continue
        try:
            if read_record(project) == record:
                return end_dead_run(record, grace, say)
        finally:
            if lock is not None:
                os.close(lock)
    return _stop_lost(project, grace, say)


def _stop_lost(project: str, grace: float | None, say: Say) -> StopOutcome | None:
    """Stop a stack whose run directory was removed under its feet; None if there is none."""
    supervisor = lost_supervisor(project)
    if supervisor is None:
        return None
    say(f"the run directory was removed; stopping its supervisor (pid {supervisor.pid}) by a signal")
    system.resume(supervisor)
    system.send_signal(supervisor, signal.SIGTERM)
    if wait_until_gone(supervisor, (DEFAULT_GRACE if grace is None else grace) + GOODBYE):
        return StopOutcome("the stack")
    return StopOutcome("nothing", (supervisor.pid,))


def _lock(project: str) -> int | None:
    try:
        return acquire_lock(project)
    except RunDirectoryError:
        return None  # what cannot be written, nobody starts in


def stop_run(record: Record, grace: float | None, say: Say) -> StopOutcome:
    """Have the living supervisor stop its stack; return when it and the keeper are gone.

    One that waits behind Ctrl-Z goes on, for the services are to end in their own way.
    """
    system.resume(record.supervisor)
    try:
        client = ControlClient(record)
    except ControlError as error:  # its socket is gone: it hears signals all the same
        say(f"{error.message}; ending it by a signal")
        return _stop_by_signal(record, grace, say)
    try:
        with client:
            if not client.greet():
                say("the supervisor is another version's; ending it by a signal")
                return _stop_by_signal(record, grace, say)
            outcome = _ask_to_stop(client, record, grace, say)
    except ControlError as error:
        say(f"{error.message}; ending it without its help")
        return _after_supervisor(record, grace, say, 0.0)
    if outcome is None:  # it hung up before all was stopped
        return _after_supervisor(record, grace, say, GOODBYE)
    if not wait_for_supervisor(record, GOODBYE):
        return _after_supervisor(record, grace, say, 0.0)
    await_keeper(record.keeper)
    return outcome


def _stop_by_signal(record: Record, grace: float | None, say: Say) -> StopOutcome:
    system.send_signal(record.supervisor, signal.SIGTERM)
    return _after_supervisor(record, grace, say, (DEFAULT_GRACE if grace is None else grace) + GOODBYE)


def _ask_to_stop(client: ControlClient, record: Record, grace: float | None, say: Say) -> StopOutcome | None:
    """Ask the supervisor, and tell what it does. None when it hangs up before it is through."""
    client.send("subscribe")
    identity = client.send("down", {} if grace is None else {"grace": grace})
    ended: list[str] = []
    # It tells on whom it waits every few seconds: one that says nothing for longer is stuck.
    for message in client.messages(ANSWER_WITHIN):
        if message.get("id") == identity:
            return StopOutcome(_words(record), tuple(result_of(message)["left"]), _ports(record))
        match decode(message.get("params", {})):
            case ServiceChanged(name, status) if status.state in ENDED_STATES and name not in ended:
                ended.append(name)
                if status.stopped is not Stopped.LEFT:  # that one had ended long before
                    say(f"{name} stopped")
            case StillStopping(waits_on, kill_in):
                waited = ", ".join(f"{name} (pid {' '.join(map(str, p))})" for name, p in waits_on.items())
                say(f"waiting for {waited}; killed in {kill_in:.0f} s")
            case StackStopped(_, left):
                return StopOutcome(_words(record), left, _ports(record))
            case _:
                continue
    return None


def _words(record: Record) -> str:
    count = len(record.services)
    return f"the stack ({count} service{'s' if count != 1 else ''}, mode {record.mode})"


def _ports(record: Record) -> tuple[int, ...]:
    return tuple(port for service in record.services for port in service.ports)


def _after_supervisor(record: Record, grace: float | None, say: Say, patience: float) -> StopOutcome:
    """Wait `patience` seconds for the supervisor's end, else end it; then end what it left."""
    if not wait_for_supervisor(record, patience):
        system.send_signal(record.supervisor, system.KILL_SIGNAL)
        wait_for_supervisor(record, GOODBYE)
    return end_dead_run(record, grace, say)


def end_dead_run(record: Record, grace: float | None, say: Say) -> StopOutcome:
    """End what the stack of a dead supervisor left, and remove its record."""
    say(f"the supervisor (pid {record.supervisor.pid}) is dead; looking for what it left")
    names = {service.process.pid: service.name for service in record.services if service.process}

    def _say_on_whom(rows: tuple[ProcessRow, ...]) -> None:
        say("waiting for " + ", ".join(f"{names.get(row.pid, 'pid')} {row.pid}" for row in rows))

    outcome = end_run(record, DEFAULT_GRACE if grace is None else grace, _say_on_whom)
    for row in outcome.ended:
        say(f"ended {names.get(row.group, 'a process')} (pid {row.pid})")
    if not outcome.left:
        _forget(record, say)
    count = len(outcome.ended)
    left = tuple(row.pid for row in outcome.left)
    what = f"{count} leftover process{'es' if count != 1 else ''}" if count else "nothing, for all had ended"
    return StopOutcome(what, left, _ports(record))


def _forget(record: Record, say: Say) -> None:
    """Remove the record, if it is still that of this run."""
    current = read_record(record.project)
    if current is None or current.run != record.run:
        return
    try:
        remove_record(record.project)
    except OSError as error:  # nobody believes it: its supervisor is dead
        say(f"cannot remove the record: {error.strerror}")
