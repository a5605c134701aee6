"""Starts the services that wait for none, before the supervisor itself is imported.

They boot while lifecycle, output and event loop load: a third of the time until the last of four services
runs. The keeper is there already, so that nothing runs unguarded; the supervisor takes over what runs.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from devstack.core.service import Service
from devstack.core.stack import COOKIE, Stack
from devstack.errors import DevstackError
from devstack.machine import system
from devstack.supervisor.cleanup.keeper import Keeper
from devstack.supervisor.process.children import Children
from devstack.supervisor.process.spawn import Spawned, SpawnError, spawn
from devstack.supervisor.run.options import MOST_CLIENTS
from devstack.supervisor.run.signals import hold_signals
from devstack.supervisor.run_folder.paths import cannot_use, remove_record, run_folder

if TYPE_CHECKING:
    from devstack.machine.process_tree import Marks
    from devstack.supervisor.output.service_pipe import ServicePipe

OWN_DESCRIPTORS = 64
DESCRIPTORS_EACH = 5
"""A service's stdin, its output, its log, the log's index, and a probe's connection."""


class Early(Protocol):
    """What reads the output of the first services until the event loop does."""

    @property
    def pipes(self) -> dict[str, ServicePipe]: ...

    def stop(self) -> None:
        """Leave the pipes to the event loop."""
        ...


@dataclass(slots=True)
class FirstSpawn:
    """What runs already, by service, and what it was started with.

    `adopts_orphans` says that orphans among our descendants become our children, and are the stack's. `early`
    reads what they print until the event loop does.
    """

    project: str
    children: Children
    keeper: Keeper
    environments: dict[str, dict[str, str]]
    spawned: dict[str, Spawned]
    adopts_orphans: bool
    early: Early | None = None

    def abandon(self) -> None:
        """End what was started, for the supervisor cannot go on; return when nothing is left."""
        from devstack.supervisor.cleanup.keeping import GRACE
        from devstack.supervisor.cleanup.leftovers import end_leftovers

        if self.early is not None:
            self.early.stop()
        end_leftovers(self.marks, GRACE)
        with contextlib.suppress(OSError):  # a record that stays is stale, and nobody will believe it
            remove_record(self.project)

    @property
    def marks(self) -> Marks:
        """Return the marks of every process of the run, orphans that became ours included."""
        from devstack.machine.process_tree import Marks

        outside = frozenset({os.getpid(), self.keeper.id.pid})
        me = system.identify(os.getpid())
        if me is not None and self.adopts_orphans:
            return Marks(cookie=self.keeper.cookie, parents=(me,), outside=outside)
        pipes, since = frozenset(self.keeper.holdings.pipes), me.started if me else 0.0
        return Marks(cookie=self.keeper.cookie, outside=outside, pipes=pipes, since=since)


def start_first(stack: Stack, keeper: Keeper, *, color: bool) -> FirstSpawn:
    """Start every service of `stack` that waits for none.

    `keeper` is this process's parent. `color` says that the services may colour what they print. The caller
    holds the project's lock. A service that could not be started is left to the supervisor, which tries again
    and says why not. Raises RunDirectoryError, or DevstackError where too few files may be open; then nothing
    has been started.
    """
    hold_signals()
    _make_room(len(stack.services))
    system.keep_descriptors_from_children()
    try:
        remove_record(stack.project)
    except OSError as error:
        raise cannot_use(run_folder(stack.project), error) from error
    children = Children()
    # Before the first spawn: who is orphaned earlier goes to the keeper.
    adopts_orphans = system.become_subreaper()
    cookie = keeper.cookie
    environments = {service.name: environment_of(stack, service, cookie, color) for service in stack.services}
    spawned = _spawn_all(stack, environments)
    for process in spawned.values():
        keeper.started(process.id.pid, process.output)
    keeper.flush()
    return FirstSpawn(stack.project, children, keeper, environments, spawned, adopts_orphans)


def _make_room(services: int) -> None:
    """See to it that there are descriptors for everything. Raises DevstackError."""
    needed = OWN_DESCRIPTORS + DESCRIPTORS_EACH * services
    allowed = system.allow_descriptors(needed + MOST_CLIENTS)
    if allowed < needed:
        raise DevstackError(
            f"{services} services need {needed} open files, and {allowed} are allowed here",
            hint=f"allow more: ulimit -n {needed}",
        )


def _spawn_all(stack: Stack, environments: Mapping[str, dict[str, str]]) -> dict[str, Spawned]:
    names = {service.name for service in stack.services}
    found: dict[str, Spawned] = {}
    for service in stack.services:
        needs_supervisor = service.tty or service.socket or not names.isdisjoint(service.depends_on)
        if not needs_supervisor:
            try:
                found[service.name] = spawn(service, environments[service.name])
            except SpawnError:
                continue
    return found


def environment_of(stack: Stack, service: Service, cookie: str, color: bool) -> dict[str, str]:
    """Return the whole environment of a service in this run."""
    environment = {**stack.environment, **service.env, COOKIE: cookie}
    if color and "NO_COLOR" not in environment:
        environment.setdefault("FORCE_COLOR", "1")
    return environment
