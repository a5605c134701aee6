"""Stops a run from outside: by its supervisor if that lives and answers, else by its record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from devstack.core.events import ServiceChanged, StackStopped, StillStopping
from devstack.core.service import ENDED_STATES
from devstack.errors import ControlError
from devstack.machine import system
from devstack.machine.system import ProcessRow
from devstack.supervisor.control_client import ControlClient, result_of
from devstack.supervisor.messages import decode
from devstack.supervisor.record import Record, remove_record
from devstack.supervisor.stale import end_run, wait_for_guardian, wait_for_supervisor

DEFAULT_GRACE = 10.0
GOODBYE = 10.0
"""Seconds in which a supervisor that has stopped everything must be gone itself."""


@dataclass(frozen=True, slots=True)
class StopOutcome:
    """What was stopped, in a few words, and the pids that nobody could end."""

    what: str
    left: tuple[int, ...] = ()


def stop_run(record: Record, grace: float | None, say: Callable[[str], None]) -> StopOutcome:
    """Have the living supervisor stop its stack; return when it and the guardian are gone.

    `grace` replaces every service's own, in seconds. `say` gets a line for each thing that happens.
    """
    try:
        outcome = _ask_to_stop(record, grace, say)
    except ControlError as error:
        say(f"{error.message}; ending it without its help")
        return _end_without_help(record, grace, say)
    if not wait_for_supervisor(record, GOODBYE):
        return _end_without_help(record, grace, say)
    wait_for_guardian(record)
    return outcome


def _ask_to_stop(record: Record, grace: float | None, say: Callable[[str], None]) -> StopOutcome:
    left: tuple[int, ...] = ()
    ended: list[str] = []
    with ControlClient(record) as client:
        client.send("subscribe")
        identity = client.send("down", {} if grace is None else {"grace": grace})
        for message in client.messages():
            if message.get("id") == identity:
                result_of(message)
                continue
            event = decode(message.get("params", {}))
            match event:
                case ServiceChanged(name, status) if status.state in ENDED_STATES and name not in ended:
                    ended.append(name)
                    say(f"{name} stopped")
                case StillStopping(waits_on, kill_in):
                    waited = ", ".join(
                        f"{name} (pid {' '.join(map(str, p))})" for name, p in waits_on.items()
                    )
                    say(f"waiting for {waited}; killed in {kill_in:.0f} s")
                case StackStopped(_, pids):
                    left = pids
                case _:
                    continue
    count = len(record.services)
    return StopOutcome(f"the stack ({count} service{'s' if count != 1 else ''}, mode {record.mode})", left)


def _end_without_help(record: Record, grace: float | None, say: Callable[[str], None]) -> StopOutcome:
    """End a supervisor that does not answer; its guardian or we end the rest."""
    system.send_signal(record.supervisor, system.KILL_SIGNAL)
    wait_for_supervisor(record, GOODBYE)
    return end_dead_run(record, grace, say)


def end_dead_run(record: Record, grace: float | None, say: Callable[[str], None]) -> StopOutcome:
    """End what the stack of a dead supervisor left, and remove its record."""
    say(f"the supervisor (pid {record.supervisor.pid}) is dead; looking for what it left")
    names = {service.process.pid: service.name for service in record.services if service.process}

    def _say_on_whom(rows: tuple[ProcessRow, ...]) -> None:
        say("waiting for " + ", ".join(f"{names.get(row.pid, 'pid')} {row.pid}" for row in rows))

    outcome = end_run(record, DEFAULT_GRACE if grace is None else grace, _say_on_whom)
    for row in outcome.ended:
        say(f"ended {names.get(row.group, 'a process')} (pid {row.pid})")
    if not outcome.left:
        remove_record(record.project)
    count = len(outcome.ended)
    left = tuple(row.pid for row in outcome.left)
    return StopOutcome(f"{count} leftover process{'es' if count != 1 else ''}", left)
