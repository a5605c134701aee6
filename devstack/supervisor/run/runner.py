"""Does for one service what its lifecycle asks: spawn, signal, set the timer, ask the probes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from devstack.core import service_events
from devstack.core.events import Event as StackEvent
from devstack.core.events import ServiceSuspended
from devstack.core.service import ExitStatus, ProbeKind, Service, ServiceState, ServiceStatus
from devstack.core.service_events import Action, Event
from devstack.core.suspension import Suspension
from devstack.machine import system
from devstack.machine.system import ProcessId
from devstack.supervisor.cleanup.keeper import Keeper
from devstack.supervisor.output.output import Output
from devstack.supervisor.output.service_pipe import ServicePipe
from devstack.supervisor.process.children import Children
from devstack.supervisor.process.spawn import Spawned, SpawnError, spawn

if TYPE_CHECKING:
    import asyncio

    from devstack.supervisor.cleanup.clean_up import CleanUp
    from devstack.supervisor.probes.readiness import LogWatch, Readiness


@dataclass(slots=True)
class World:
    """What all runners share. `loop`, `clean_up` come once the event loop runs.

    `first` are processes that were started before the supervisor was there, by service, and `pipes` those of
    theirs that are read already.
    """

    children: Children
    keeper: Keeper
    output: Output
    post: Callable[[str, Event], None]
    first: dict[str, Spawned]
    pipes: dict[str, ServicePipe]
    tell: Callable[[StackEvent], None]
    loop: asyncio.AbstractEventLoop | None = None
    clean_up: CleanUp | None = None


class Runner:
    """One service's process, timer and probes. Knows nothing of when and why: that is the lifecycle's."""

    def __init__(self, service: Service, environment: Mapping[str, str], world: World) -> None:
        self.service = service
        self.process: ProcessId | None = None
        self.started_at: float | None = None
        self.handover: int | None = None
        self._environment = environment
        self._world = world
        self._pipe: ServicePipe | None = None
        self.suspension: Suspension | None = None
        self._group = 0
        self._stdin: int | None = None
        self._state = ServiceState.PENDING
        self._ending = 0  # the epoch of the latest Terminate or Kill
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._readiness: Readiness | None = None
        self._watches: dict[str, LogWatch] = {}
        self._deferred: list[Action] = []

    @property
    def answer(self) -> str:
        """Return what the readiness probe heard last, in plain words."""
        return self._readiness.answer if self._readiness else ""

    @property
    def group(self) -> int:
        """Return the process group that may still live, 0 if none."""
        return self._group

    def entered(self, status: ServiceStatus) -> None:
        """Take note of another state: timer and probe of the old one are void."""
        self._state = status.state
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def perform(self, action: Action) -> None:
        """Do `action`. What needs the event loop waits until it runs."""
        if self._world.loop is None and not isinstance(action, service_events.Spawn):
            self._deferred.append(action)
            return
        match action:
            case service_events.Spawn(process):
                self._spawn(process)
            case service_events.Terminate():
                self._end(action, self._gentle_signal)
            case service_events.Kill():
                self._end(action, system.KILL_SIGNAL)
            case service_events.SetTimer(seconds, epoch):
                self._set_timer(seconds, epoch)
            case service_events.StartProbe(epoch):
                self._start_probe(epoch)
            case _:
                assert_never(action)

    def perform_deferred(self) -> None:
        """Do what had to wait for the event loop."""
        deferred, self._deferred = self._deferred, []
        for action in deferred:
            self.perform(action)

    def cleared(self) -> None:
        """Nothing of the process lives any more."""
        if self._group:
            self._world.keeper.cleared(self._group)
        self._group = 0
        self._world.post(self.service.name, service_events.Cleared(self._ending))

    def _spawn(self, number: int) -> None:
        name = self.service.name
        try:
            spawned = self._world.first.pop(name, None) or self._spawn_now()
        except SpawnError as error:
            self._world.post(name, service_events.Exited(number, ExitStatus(error=str(error))))
            return
        pid = spawned.id.pid
        self.process, self._group = spawned.id, pid
        self._world.children.watch(pid, lambda status: self._exited(number, status), self._suspended)
        self._stdin = spawned.stdin
        self._pipe = self._take_pipe(spawned)
        self._world.post(name, service_events.Spawned(number, pid))

    def _take_pipe(self, spawned: Spawned) -> ServicePipe:
        """Return the pipe of a process; that of one of the first is read already."""
        name, watch = self.service.name, self._watch_output()
        pipe = self._world.pipes.pop(name, None)
        if pipe is None:
            return self._world.output.add(name, spawned.output, watch)
        pipe.set_watch(watch)
        return pipe

    def _spawn_now(self) -> Spawned:
        window = self._world.output.window(self.service.name)
        spawned = spawn(self.service, self._environment, self.handover, window)
        self._world.keeper.started(spawned.id.pid, spawned.output)
        return spawned

    def _watch_output(self) -> Callable[[bytes], None] | None:
        patterns = {probe.target for probe in self.service.probes if probe.kind is ProbeKind.LOG}
        if not patterns:
            return None
        from devstack.supervisor.probes.readiness import LogWatch

        self._watches = {pattern: LogWatch(pattern) for pattern in patterns}
        watches = tuple(self._watches.values())

        def _take(chunk: bytes) -> None:
            for watch in watches:
                watch.take(chunk)

        return _take

    def _suspended(self, number: int) -> None:
        """The main process was suspended by signal `number`, or resumed (0). A stop suspends on purpose."""
        if self._state is ServiceState.STOPPING or self.process is None:
            return
        before, self.suspension = self.suspension, Suspension(number, time.time()) if number else None
        if before is None and not number:
            return
        lasted = time.time() - before.since if before and not number else 0.0
        self._world.tell(ServiceSuspended(self.service.name, self.process.pid, number, lasted))

    def _close_stdin(self) -> None:
        if self._stdin is not None:
            os.close(self._stdin)
            self._stdin = None

    def _exited(self, number: int, status: ExitStatus) -> None:
        """The main process ended. Its last lines come before the news of its end."""
        self._close_stdin()
        self.suspension = None
        if self._pipe is not None:
            self._pipe.drain()
        self.process = None
        if self._world.clean_up is not None:
            self._world.clean_up.exited(self.service.name)
        self._world.post(self.service.name, service_events.Exited(number, status))

    @property
    def _gentle_signal(self) -> int:
        return system.signal_number(self.service.stop.signal) or int(signal.SIGTERM)

    def _end(self, action: service_events.Terminate | service_events.Kill, number: int) -> None:
        self._ending = action.epoch
        self.suspension = None
        if self._world.clean_up is not None and self._world.loop is not None:
            from devstack.supervisor.cleanup.clean_up import Ending

            ending = Ending(self._group, number, self.process is None, action.spares_daemons)
            self._world.clean_up.end(self.service.name, ending)
            # Behind the signal: a program that reads its input takes the end of it for the end of its work.
            self._world.loop.call_soon(self._close_stdin)

    def _set_timer(self, seconds: float, epoch: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._world.loop is not None:
            fired = service_events.TimerFired(epoch)
            self._timer = self._world.loop.call_later(seconds, self._world.post, self.service.name, fired)

    def _start_probe(self, epoch: int) -> None:
        from devstack.supervisor.probes.readiness import Readiness, start_readiness

        if self._task is not None:
            self._task.cancel()
        self._readiness = Readiness(self.service, self._environment, self._world.children, self._watches)
        self._task = start_readiness(
            self._readiness,
            is_up=self._state is ServiceState.READY,
            answered=lambda ok: self._world.post(self.service.name, service_events.ProbeAnswered(epoch, ok)),
        )
