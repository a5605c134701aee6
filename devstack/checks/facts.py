"""What is: the processes of a running stack, and who listens on its ports. Facts for the checks to judge."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from devstack.core.port_report import Owner
from devstack.core.ports import PortClaim
from devstack.core.stack import Stack
from devstack.machine.listeners import Listener, concerns, find_listeners
from devstack.machine.process_tree import Marks, find_members


@dataclass(frozen=True, slots=True)
class StackFacts:
    """A stack, and what the machine shows of it.

    `services` is pid → service for the stack's processes, "" for one that belongs to no service (the
    supervisor, or one that slipped away). `listeners` are the stack's own and whoever else listens on a
    claimed port. `owners` describes their processes by pid. `suspended` are pids of the stack that a signal
    has stopped.
    """

    stack: Stack
    services: Mapping[int, str] = field(default_factory=dict)
    listeners: tuple[Listener, ...] = ()
    owners: Mapping[int, Owner] = field(default_factory=dict)
    suspended: tuple[int, ...] = ()

    def service_of(self, listener: Listener) -> str | None:
        """Return the service that `listener` belongs to, "" for the stack's own, None for a stranger."""
        return self.services.get(listener.pid) if listener.pid is not None else None

    def listeners_of(self, service: str) -> tuple[Listener, ...]:
        return tuple(one for one in self.listeners if self.service_of(one) == service)

    def listeners_on(self, port: int) -> tuple[Listener, ...]:
        """Return those on `port` that a client of `localhost` could meet."""
        return tuple(one for one in self.listeners if one.port == port and concerns(one.address))

    def claim_on(self, port: int) -> PortClaim | None:
        return next((claim for claim in self.stack.claims if claim.port == port), None)

    def command_of(self, listener: Listener) -> str:
        """Return the command line behind `listener`, or nothing where it is not to be seen."""
        owner = self.owners.get(listener.pid) if listener.pid is not None else None
        return (owner.command or "") if owner else ""

    def name(self, listener: Listener) -> str:
        """Return who listens, in a person's words: program, pid and folder."""
        owner = self.owners.get(listener.pid) if listener.pid is not None else None
        if owner is None:
            return f"pid {listener.pid}" if listener.pid else "a process that this user may not see"
        words = [f"pid {owner.pid}"]
        if owner.cwd and owner.cwd != self.stack.project:
            words.append(f"in {owner.cwd}")
        return f"{program(owner)} ({', '.join(words)})"


def program(owner: Owner) -> str:
    """Return what people call a process: Vite is `vite`, though its process is called node."""
    arguments = _split(owner.command or "")
    script = arguments[1] if len(arguments) > 1 else ""
    name = script.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1].removesuffix(".js")
    interpreters = ("node", "node-MainThread", "python", "python3", "ruby", "bun", "deno")
    if name and not script.startswith("-") and owner.name in interpreters:
        return name
    if script == "-m" and len(arguments) > 2:
        return f"{owner.name or 'python'} -m {arguments[2]}"
    return owner.name or "a process"


def is_vite(command: str) -> bool:
    """Say whether `command` runs Vite's own command line (`node …/.bin/vite`, `…/vite/bin/vite.js`)."""
    scripts = (part.replace("\\", "/").rsplit("/", 1)[-1] for part in _split(command)[:3])
    return any(script in ("vite", "vite.js", "vite.mjs") for script in scripts)


def _split(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:  # a process may call itself what it likes
        return command.split()


def gather_facts(stack: Stack, marks: Marks, ours: Iterable[int] = ()) -> StackFacts:
    """Look at the machine once.

    `marks` tell the processes of the run, `ours` are the pids that belong to it without being a service's:
    supervisor and keeper.
    """
    from devstack.machine.owners import OurStack, describe_owners

    members = find_members(marks)
    services = dict.fromkeys(ours, "") | {member.row.pid: member.service for member in members}
    suspended = tuple(member.row.pid for member in members if member.row.is_suspended)
    claimed = {claim.port for claim in stack.claims}
    found = tuple(one for one in find_listeners() if one.port in claimed or one.pid in services)
    described = describe_owners(found, OurStack(stack.project, cookie=marks.cookie))
    return StackFacts(stack, services, found, _by_pid(described), suspended)


def look_at_ports(facts: StackFacts, ports: Collection[int]) -> StackFacts:
    """Return the facts with whoever listens on these ports, which no service claims."""
    from devstack.machine.owners import OurStack, describe_owners

    known = {(one.port, one.pid) for one in facts.listeners}
    found = tuple(one for one in find_listeners(ports) if (one.port, one.pid) not in known) if ports else ()
    described = describe_owners(found, OurStack(facts.stack.project))
    return replace(facts, listeners=(*facts.listeners, *found), owners={**facts.owners, **_by_pid(described)})


def _by_pid(described: Mapping[int, tuple[Owner, ...]]) -> dict[int, Owner]:
    return {owner.pid: owner for several in described.values() for owner in several if owner.pid}
