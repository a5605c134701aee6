"""Gathers what is known of a service that failed or was not ready in time."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from devstack.core.events import Trouble
from devstack.core.service import UP_STATES
from devstack.core.terminal_text import plain_text
from devstack.machine.process_tree import Marks, find_members
from devstack.supervisor import record as run_record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devstack.supervisor.supervisor import Supervisor

LAST_LINES = 20
TAIL_BYTES = 16 * 1024
CUT = "…".encode()


def trouble_of(supervisor: Supervisor, name: str) -> Trouble:
    """Return what a person wants to know of service `name`: how it ended, what it said, where it listens."""
    runner, status = supervisor.runners[name], supervisor.state.statuses[name]
    waits_for = tuple(
        need
        for need in runner.service.depends_on
        if need in supervisor.state.statuses and supervisor.state.statuses[need].state not in UP_STATES
    )
    ports = tuple(claim.port for claim in runner.service.claims)
    members = find_members(Marks(cookie=supervisor.recorder.record().run))
    services = {member.row.pid: member.service for member in members}
    return Trouble(
        name=name,
        status=status,
        answer=runner.answer,
        ports=ports,
        listens_on=_listening_ports(runner.group) if status.pid else (),
        last_lines=last_lines(supervisor.stack.project, name),
        waits_for=waits_for,
        held_by=_others_on(ports, name, services) if ports else (),
    )


def _others_on(ports: tuple[int, ...], name: str, services: Mapping[int, str]) -> tuple[tuple[int, str], ...]:
    """Return who else listens on `ports` of service `name`; `services` is pid → service of the stack."""
    from devstack.machine.listeners import concerns, find_listeners
    from devstack.machine.owners import OurStack, describe_owners

    others = [
        one
        for one in find_listeners(ports)
        if concerns(one.address) and one.pid is not None and services.get(one.pid) not in (name, "")
    ]
    found: dict[tuple[int, str], None] = {}
    for port, owners in describe_owners(others, OurStack()).items():
        for owner in owners:
            service = services.get(owner.pid or 0)
            who = f"{owner.name or 'a process'} (pid {owner.pid})"
            found[port, f"{service}: {who}" if service else who] = None
    return tuple(found)


def _listening_ports(group: int) -> tuple[int, ...]:
    """Return the ports on which the process group `group` and its descendants listen."""
    from devstack.machine.listeners import find_listeners

    pids = {member.row.pid for member in find_members(Marks(groups={group: ""}))}
    return tuple(sorted({listener.port for listener in find_listeners(None) if listener.pid in pids}))


def last_lines(project: str, name: str, count: int = LAST_LINES) -> tuple[str, ...]:
    """Return the last lines of a service's log as plain text: some services clear the screen in theirs."""
    path = os.path.join(run_record.logs_folder(project), f"{name}.log")
    text = _tail(path)
    if text.count(b"\n") < count:
        text = _tail(f"{path}.1") + text  # it may just have been rotated
    return tuple(map(plain_text, text.removesuffix(b"\n").split(b"\n")[-count:])) if text else ()


def _tail(path: str) -> bytes:
    """Return the end of a log, from the beginning of a line on where it has one there."""
    try:
        with open(path, "rb") as file:
            start = file.seek(max(os.path.getsize(path) - TAIL_BYTES, 0))
            text = file.read()
    except FileNotFoundError:
        return b""
    if not start:
        return text
    _, newline, whole = text.partition(b"\n")
    return whole if newline and whole else CUT + text
