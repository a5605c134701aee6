"""What the machine shows of the stack that runs in a project: facts for the checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from devstack.checks.facts import StackFacts
    from devstack.core.findings import Finding
    from devstack.core.stack import Stack
    from devstack.machine.process_tree import Marks
    from devstack.supervisor.run_folder.record import Record

CONFIRM_AFTER = 0.1
"""Seconds between two looks: who only tries whether a port is free listens for less."""


def facts_of_run(stack: Stack, record: Record) -> StackFacts:
    """Return the facts of the run that `record` tells of; `stack` has the ports that this run has."""
    from devstack.checks.facts import gather_facts

    return gather_facts(stack, _marks(record), _ours(record))


def seems_sound(stack: Stack, record: Record) -> bool:
    """Say whether every listener on a claimed port is its service's, after a look that costs little.

    False means that it takes a closer look.
    """
    from devstack.machine.claimed_sockets import unaccounted_ports
    from devstack.machine.process_tree import find_members

    services = {member.row.pid: member.service for member in find_members(_marks(record))}
    services |= dict.fromkeys(_ours(record), "")
    claims = {claim.port: claim.service for claim in stack.claims}
    return unaccounted_ports(claims, services) == frozenset()


def confirmed_impostors(stack: Stack, read_record: Callable[[], Record | None]) -> tuple[Finding, ...]:
    """Return the error for each claimed port that two looks in a row saw in another's hands.

    It takes a tenth of a second where somebody is suspected.
    """
    import time

    from devstack.checks.impostors import find_impostors
    from devstack.core.findings import Level

    def look() -> tuple[Finding, ...]:
        record = read_record()
        found = find_impostors(facts_of_run(stack, record)) if record is not None else ()
        return tuple(one for one in found if one.level is Level.ERROR)

    first = look()
    if not first:
        return ()
    time.sleep(CONFIRM_AFTER)
    return tuple(one for one in look() if one in first)


def _marks(record: Record) -> Marks:
    from devstack.machine.process_tree import Marks

    groups = {service.process.pid: service.name for service in record.services if service.process}
    return Marks(cookie=record.run, groups=groups)


def _ours(record: Record) -> list[int]:
    return [process.pid for process in (record.supervisor, record.keeper) if process]
