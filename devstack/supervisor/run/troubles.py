"""Gathers what is known of a service that failed or was not ready in time."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

from devstack.core.events import Trouble
from devstack.core.service import UP_STATES, Service, ServiceStatus
from devstack.core.terminal_text import plain_text
from devstack.machine.process_tree import Marks, find_members
from devstack.supervisor.run_folder.paths import logs_folder

if TYPE_CHECKING:
    from devstack.core.port_report import Owner
    from devstack.machine.listeners import Listener
    from devstack.supervisor.run.running_stack import RunningStack

LAST_LINES = 20
TAIL_BYTES = 16 * 1024
CUT = "…".encode()
ASKED = frozenset({"127.0.0.1", "0.0.0.0", "::1", "::"})  # noqa: S104 compared, never bound
"""The addresses at which a listener hears who asks `localhost`."""


def troubles_of(
    running: RunningStack, names: Iterable[str], scene: Scene | None = None
) -> tuple[Trouble, ...]:
    """Return what a person wants to know of each service: how it ended, what it said, where it listens."""
    scene = scene or Scene(running)
    return tuple(_trouble_of(running, name, scene) for name in names)


def _trouble_of(running: RunningStack, name: str, scene: Scene) -> Trouble:
    runner, status = running.services[name], running.state.statuses[name]
    own = scene.listeners_of(name) if status.pid else ()
    return Trouble(
        name=name,
        status=status,
        answer=runner.answer,
        ports=tuple(claim.port for claim in runner.service.claims),
        listens_on=tuple(sorted({one.port for one in own})),
        last_lines=last_lines(running.stack.project, name),
        waits_for=_waits_for(running, runner.service),
        held_by=scene.others_on(runner.service),
        beyond=_beyond(runner.service, own),
        found_at=_found_at(runner.service, running.stack.project) if _is_not_found(status) else "",
    )


PROGRAM_FOLDERS = (".venv/bin", "venv/bin", "node_modules/.bin")
"""Where a project keeps programs that are not on the PATH unless its environment is activated."""


def _is_not_found(status: ServiceStatus) -> bool:
    return status.exit is not None and status.exit.code == 127


def _found_at(service: Service, project: str) -> str:
    """Return where a service's program stands, from the service's folder; "" if in none of the folders."""
    words = (word for word in service.command.split() if "=" not in word and word != "exec")
    program = next(words, "")
    if not program or "/" in program:
        return ""
    for folder in dict.fromkeys((service.cwd, project)):
        for place in PROGRAM_FOLDERS:
            path = os.path.join(folder, place, program)
            if os.access(path, os.X_OK):
                return os.path.relpath(path, service.cwd)
    return ""


def _waits_for(running: RunningStack, service: Service) -> tuple[str, ...]:
    statuses = running.state.statuses
    return tuple(
        need for need in service.depends_on if need in statuses and statuses[need].state not in UP_STATES
    )


def _beyond(service: Service, own: Iterable[Listener]) -> tuple[str, ...]:
    """Return where the service listens on a port of its own that nobody who asks `localhost` reaches."""
    claimed = {claim.port for claim in service.claims}
    found = [one for one in own if one.port in claimed]
    reached = {one.port for one in found if one.address.strip("[]").removeprefix("::ffff:") in ASKED}
    return tuple(dict.fromkeys(f"{one.address}:{one.port}" for one in found if one.port not in reached))


class Scene:
    """What the machine shows of the stack's processes, looked at once for all services in trouble."""

    def __init__(self, running: RunningStack) -> None:
        groups = {runner.group: name for name, runner in running.services.items() if runner.group}
        self._marks = Marks(cookie=running.record().run, groups=groups)

    @cached_property
    def _services(self) -> dict[int, str]:
        """Return the service of each process of the stack, "" where nothing tells it, by pid."""
        return {member.row.pid: member.service for member in find_members(self._marks)}

    @cached_property
    def _listeners(self) -> tuple[Listener, ...]:
        from devstack.machine.listeners import find_listeners

        return find_listeners()

    def listening(self) -> tuple[tuple[int, int], ...]:
        """Return the ports on which processes of the stack listen, each with the pid."""
        own = ((one.port, one.pid) for one in self._listeners if one.pid in self._services)
        return tuple(dict.fromkeys((port, pid) for port, pid in own if pid is not None))

    def listeners_of(self, name: str) -> tuple[Listener, ...]:
        """Return where the processes of service `name` listen, those included that left its group."""
        return tuple(
            one for one in self._listeners if one.pid is not None and self._services.get(one.pid) == name
        )

    def others_on(self, service: Service) -> tuple[tuple[int, str], ...]:
        """Return who else listens on the ports of `service` where its clients could meet him."""
        from devstack.machine.listeners import concerns
        from devstack.machine.owners import OurStack, describe_owners

        ports = {claim.port for claim in service.claims}
        if not ports:
            return ()
        others = [
            one
            for one in self._listeners
            if one.port in ports
            and concerns(one.address)
            and self._services.get(one.pid or 0) not in (service.name, "")
        ]
        found: dict[tuple[int, str], None] = {}
        for port, owners in describe_owners(others, OurStack()).items():
            for owner in owners:
                sibling = self._services.get(owner.pid or 0)
                found[port, f"{sibling}: {_who(owner)}" if sibling else _who(owner)] = None
        return tuple(found)


def _who(owner: Owner) -> str:
    if owner.pid is None:
        return f"a process of user {owner.user}" if owner.user else "a process that this user may not see"
    return f"{owner.name or 'a process'} (pid {owner.pid})"


def last_lines(project: str, name: str, count: int = LAST_LINES) -> tuple[str, ...]:
    """Return the last lines of a service's log as plain text: some services clear the screen in theirs."""
    path = os.path.join(logs_folder(project), f"{name}.log")
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
