"""Runs what `devstack init` proposes, and looks where each service listens. Ends all of it.

The engine is that of a foreground `up`, with its keeper and its cleanup, so nothing survives a trial,
whatever ends it. A claim whose number is handed over is moved to a free port first: a service that then
listens there reads the variable, and one that listens elsewhere does not.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from devstack.config.proposal.seen_ports import SeenService
from devstack.config.stack import load_stack
from devstack.console.wording import trouble_lines
from devstack.core.events import Cause, Event, ServiceChanged, StackStopping, Trouble
from devstack.core.service import (
    ENDED_STATES,
    ProbeKind,
    ReadinessProbe,
    RestartMode,
    RestartPolicy,
    Service,
    ServiceState,
)
from devstack.core.stack import Stack
from devstack.machine import system
from devstack.machine.binding import Binding, find_free_port, try_binding
from devstack.machine.preflight import free_ports
from devstack.supervisor.cleanup.keeper import Keeper, fork_supervisor
from devstack.supervisor.probes.probes import ask
from devstack.supervisor.run.early_output import open_output
from devstack.supervisor.run.event_loop import import_asyncio
from devstack.supervisor.run.first_spawn import start_first
from devstack.supervisor.run.options import RunOptions
from devstack.supervisor.run.supervisor import Supervisor
from devstack.supervisor.run.troubles import Scene, troubles_of
from devstack.supervisor.run_folder.lock import acquire_lock, sign_lock
from devstack.supervisor.run_folder.paths import prepare_run_folder, run_folder
from devstack.supervisor.wiring import run_stack

if TYPE_CHECKING:
    from devstack.config.options import StackOptions
    from devstack.config.stack import LoadedStack

LONGEST = 30.0
"""Seconds in which a service has begun to listen, or does not listen at all."""

SETTLED = 2.0
"""Seconds after its last new port when a service has all of them."""

SETTLED_EARLY = 8.0
"""The same for a service that does not listen on every port that it claims."""

LOOK_EVERY = 0.25
FIRST_ANSWER = 15.0
"""Seconds for the first page, which a development server may compile when it is asked for."""

PAGES = tuple(status for status in range(200, 500) if status != 426)
"""Statuses of a port for a browser; 426 (Upgrade Required) is what one for WebSockets alone answers."""

Say = Callable[[str], None]


class TrialInterruptedError(Exception):
    """A signal ended the trial; everything that it started is gone."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exit code {code}")
        self.code = code


def try_services(
    options: StackOptions, loaded: LoadedStack, say: Say, *, kept: frozenset[str] = frozenset()
) -> dict[str, SeenService]:
    """Run the services of `loaded` and return what each did. `kept` are those whose ports stay as they are.

    Raises AlreadyRunningError where a stack runs in the project, and TrialInterruptedError.
    """
    from devstack.cli.up.launching import end_stale_run

    had_folder = os.path.isdir(run_folder(options.project))
    prepare_run_folder(options.project)
    lock = acquire_lock(options.project)
    try:
        end_stale_run(options.project)
        keeper = fork_supervisor(options.project, in_front=True)
        sign_lock(options.project, lock)
        return _Trial(_moved(options, loaded, kept), keeper, say).run()
    finally:
        os.close(lock)
        if not had_folder:
            shutil.rmtree(run_folder(options.project), ignore_errors=True)


def _moved(options: StackOptions, loaded: LoadedStack, kept: frozenset[str]) -> Stack:
    """Return the stack with every claim that is handed over on a free port, and nothing to wait for."""
    movable = [claim for claim in loaded.stack.claims if claim.service not in kept]
    moved = load_stack(options._replace(port_overrides=free_ports(movable)), loaded.files)
    taken = {claim.port for claim in moved.stack.claims}
    services = []
    for service in moved.stack.services:
        env = dict(service.env)
        if service.name not in kept and "PORT" not in {claim.variable for claim in service.claims}:
            taken.add(number := find_free_port(taken))
            env["PORT"] = str(number)
        services.append(
            replace(
                service,
                env=env,
                depends_on=(),
                probes=(ReadinessProbe(ProbeKind.ALIVE),),
                restart=RestartPolicy(RestartMode.NEVER),
            )
        )
    return replace(moved.stack, services=tuple(services))


@dataclass(slots=True)
class _Trial:
    """One trial: rounds without the services that failed at once, for each failure ends a round."""

    stack: Stack
    keeper: Keeper
    say: Say
    ports: dict[str, dict[int, bool]] = field(default_factory=dict)
    troubles: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def run(self) -> dict[str, SeenService]:
        self._refuse_taken()
        while services := tuple(one for one in self.stack.services if one.name not in self.troubles):
            round_ = _Round(replace(self.stack, services=services), self.keeper, self.say)
            round_.run()
            self.troubles |= round_.troubles
            if round_.is_complete or not round_.troubles:  # all have exited
                self.ports = round_.answers
                break
        return {
            one.name: SeenService(
                one.name, _handed(one), self.ports.get(one.name, {}), self.troubles.get(one.name, ())
            )
            for one in self.stack.services
        }

    def _refuse_taken(self) -> None:
        """Leave out each service whose port is in use: it would fail, or take the next port."""
        for claim in self.stack.claims:
            if try_binding(claim.port) is not Binding.FREE:
                line = f"{claim.service} was not tried: its port {claim.port} is in use"
                self.troubles[claim.service] = (line,)
                self.say(line)


def _handed(service: Service) -> dict[str, int]:
    """Return the port numbers that a service is handed, by variable."""
    handed = {claim.variable: claim.port for claim in service.claims if claim.variable is not None}
    own = service.env.get("PORT", "")
    return {"PORT": int(own), **handed} if own.isdecimal() else handed


class _Round:
    """One run of the stack; a listener of its events."""

    def __init__(self, stack: Stack, keeper: Keeper, say: Say) -> None:
        self.stack = stack
        self._keeper = keeper
        self.troubles: dict[str, tuple[str, ...]] = {}
        self.answers: dict[str, dict[int, bool]] = {}
        self.is_complete = False
        self._say = say
        self._ports: dict[str, dict[int, float]] = {service.name: {} for service in stack.services}
        self._ended: dict[str, float] = {}
        self._signal: int | None = None
        self._ephemeral = system.ephemeral_ports()
        self._began = time.monotonic()

    def run(self) -> None:
        """Run until every service listens, or will not. Raises TrialInterruptedError."""
        first = start_first(self.stack, self._keeper, color=False)
        try:
            output = open_output(self.stack, first, None, {})
            supervisor = Supervisor(self.stack, RunOptions(timeout=LONGEST * 2), self, first, output)
            import_asyncio()
            supervisor.launch()
            asyncio.run(self._run(supervisor))
        except BaseException:
            first.abandon()
            raise
        if self._signal is not None:
            raise TrialInterruptedError(128 + self._signal)

    async def _run(self, supervisor: Supervisor) -> None:
        watch = asyncio.create_task(self._watch(supervisor))
        await run_stack(supervisor)
        watch.cancel()
        done = await asyncio.gather(watch, return_exceptions=True)
        for outcome in done:
            if isinstance(outcome, Exception):
                raise outcome

    def heard(self, event: Event) -> None:
        """Take note of what ended, and of why the stack is stopped."""
        match event:
            case ServiceChanged(name, status) if status.state in ENDED_STATES:
                self._ended.setdefault(name, event.seconds)
            case StackStopping(Cause.SIGNAL):
                self._signal = event.signal
            case StackStopping(Cause.DOWN) if not self.is_complete:  # `devstack down` elsewhere
                self._signal = signal.SIGTERM
            case StackStopping():
                self._take_troubles(event.troubles, event.seconds)
            case _:
                return

    def _take_troubles(self, troubles: tuple[Trouble, ...], seconds: float) -> None:
        for trouble in troubles:
            if trouble.name not in self.troubles:
                self.troubles[trouble.name] = tuple(trouble_lines(trouble, seconds))
                self._say(f"{trouble.name} failed in {seconds:.1f} s")

    async def _watch(self, supervisor: Supervisor) -> None:
        """Look where the services listen until nothing more is to be expected, and stop them.

        A development server may open a socket only when its first page is asked for: after each answer it is
        looked at again.
        """
        while await self._listened(supervisor):
            unasked = [
                (name, port)
                for name, ports in self._ports.items()
                for port in ports
                if port not in self.answers.setdefault(name, {})
            ]
            if not unasked:
                break
            answers = await asyncio.gather(*(_speaks_http(port) for _, port in unasked))
            for (name, port), is_http in zip(unasked, answers, strict=True):
                self.answers[name][port] = is_http
        if supervisor.is_stopping:
            return
        statuses = supervisor.state.statuses
        failed = [name for name, status in statuses.items() if status.state is ServiceState.FAILED]
        self._take_troubles(troubles_of(supervisor, failed), time.monotonic() - self._began)
        self.is_complete = True
        supervisor.shut_down(Cause.DOWN)

    async def _listened(self, supervisor: Supervisor) -> bool:
        """Return True when every service has all its ports, or will not; False when the stack is stopped."""
        while not supervisor.is_stopping:
            self._look(Scene(supervisor))
            if all(self._is_done(service) for service in self.stack.services):
                return True
            await asyncio.sleep(LOOK_EVERY)
        return False

    def _look(self, scene: Scene) -> None:
        now = time.monotonic()
        for service in self.stack.services:
            handed = _handed(service).values()
            claimed = {claim.port for claim in service.claims}
            for listener in scene.listeners_of(service.name):
                port = listener.port
                is_new = port not in self._ports[service.name]
                if is_new and (port in claimed or port in handed or port not in self._ephemeral):
                    self._ports[service.name][port] = now
                    self._say(f"{service.name} listens on {port} ({now - self._began:.1f} s)")

    def _is_done(self, service: Service) -> bool:
        now = time.monotonic()
        if service.name in self._ended or now - self._began >= LONGEST:
            return True
        found = self._ports[service.name]
        if not found:
            return False
        expected = {claim.port for claim in service.claims}
        return now - max(found.values()) >= (SETTLED if expected <= found.keys() else SETTLED_EARLY)


async def _speaks_http(port: int) -> bool:
    probe = ReadinessProbe(ProbeKind.HTTP, port, "/", status=PAGES)
    return (await ask(probe, within=FIRST_ANSWER)).ok
