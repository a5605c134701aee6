"""What the machine shows of the stack that runs in a project: facts for the checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from devstack.checks.facts import StackFacts
    from devstack.core.stack import Stack
    from devstack.supervisor.record import Record


def facts_of_run(stack: Stack, record: Record) -> StackFacts:
    """Return the facts of the run that `record` tells of; `stack` has the ports that this run has."""
    from devstack.checks.facts import gather_facts
    from devstack.machine.process_tree import Marks

    ours = [process.pid for process in (record.supervisor, record.guardian) if process]
    groups = {service.process.pid: service.name for service in record.services if service.process}
    return gather_facts(stack, Marks(cookie=record.run, groups=groups), ours)
