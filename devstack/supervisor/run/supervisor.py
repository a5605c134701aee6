"""The supervisor: one inbox of events, one stack state, and what follows from it.

Everything that happens, a user's wish, a process's end, a timer, a probe's answer, is an event in one inbox.
The pure `advance_stack` turns it into a new state and actions; the runners perform the actions; `judge` says
what the state means for the whole. The first services run before this module is even imported (first_spawn).
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from devstack.core import orchestration
from devstack.core.events import (
    Cause,
    Event,
    Listener,
    Notice,
    ServiceChanged,
    StackReady,
    StackStopped,
    StackStopping,
)
from devstack.core.findings import Finding
from devstack.core.orchestration import StackEvent, advance_stack, initial_state
from devstack.core.outcome import EndPolicy, Judgement, Verdict, exit_code, judge, not_up
from devstack.core.service import ServiceState, ServiceStatus
from devstack.core.service_events import Event as ServiceEvent
from devstack.core.service_events import TimerFired
from devstack.core.stack import Stack
from devstack.machine import system
from devstack.machine.system import ProcessId
from devstack.supervisor.output.output import Output
from devstack.supervisor.run.audience import Audience
from devstack.supervisor.run.faults import Faults
from devstack.supervisor.run.first_spawn import FirstSpawn
from devstack.supervisor.run.options import Phase, RunOptions
from devstack.supervisor.run.recorder import Recorder
from devstack.supervisor.run.runner import Runner, World
from devstack.supervisor.run.waiters import Waiters
from devstack.supervisor.run_folder.paths import remove_record

if TYPE_CHECKING:
    import asyncio
    import socket

    from devstack.supervisor.cleanup.clean_up import CleanUp
    from devstack.supervisor.run.running_stack import ServiceRun
    from devstack.supervisor.run_folder.record import Record


class Supervisor:
    """Runs one stack from start to end, once.

    `first` is what runs of it already, `output` where its output goes.
    """

    def __init__(
        self, stack: Stack, options: RunOptions, listener: Listener, first: FirstSpawn, output: Output
    ) -> None:
        self.stack = stack
        self.options = options
        self.phase = Phase.STARTING
        self.state = initial_state({service.name: service for service in stack.services})
        self._services = {service.name: service for service in stack.services}
        self._policy = EndPolicy(stack.mode == "prod", options.abort_on_exit, options.exit_code_from)
        self._inbox: deque[StackEvent] = deque()
        self._is_busy = False
        self.waiters = Waiters()
        self._first = first
        self.cookie = first.keeper.cookie
        self._started = time.monotonic()
        self._me = system.identify(os.getpid()) or ProcessId(os.getpid(), 0.0)
        self.exit_code = 0
        self._is_urgent = False
        self.ended: asyncio.Event | None = None
        self.recorder = Recorder(
            stack, first.keeper, self._me, lambda error: self.tell(Notice(error.message))
        )
        self.recorder.detached = options.detached
        self._sockets: Mapping[str, socket.socket] = {}
        self.faults = Faults(self._end_at_once)
        self.audience = Audience(listener, self.faults.take)
        self.output = output

    # The start, before the event loop.

    def launch(self) -> None:
        """Take over what runs already, and start the other services that wait for none.

        Raises RunDirectoryError, ServiceError; then nothing is left running.
        """
        first = self._first
        self._keeper = first.keeper
        first.children.on_orphan = self._look_soon
        self._world = World(
            first.children,
            first.keeper,
            self.output,
            self._post_service_event,
            first.spawned,
            first.early.pipes if first.early else {},
            self.tell,
        )
        try:
            self._prepare(first.environments)
            self.post(orchestration.StartWanted(tuple(self._services)))
            self.faults.raise_first()
        except BaseException:
            first.abandon()
            raise

    def _prepare(self, environments: Mapping[str, Mapping[str, str]]) -> None:
        """Make all that a runner needs. Raises RunDirectoryError, ServiceError."""
        self.runners = {
            name: Runner(service, environments[name], self._world) for name, service in self._services.items()
        }
        self.recorder.runners = self.runners
        if any(service.socket for service in self._services.values()):
            from devstack.supervisor.process.handover import open_handovers

            self._sockets = open_handovers(self._services, environments)
            for name, listening in self._sockets.items():
                self.runners[name].handover = listening.fileno()

    def _write_record_soon(self) -> None:
        if self._world.loop is not None:
            self.recorder.write_soon(self._world.loop)

    # The run: wiring.py calls these in this order.

    def connect(self, loop: asyncio.AbstractEventLoop, clean_up: CleanUp) -> None:
        """Use the running event loop from now on."""
        self._world.loop = loop
        self._world.clean_up = clean_up

    def stop_early_output(self) -> None:
        """Leave the pipes of the first services to the event loop."""
        if self._first.early is not None:
            self._first.early.stop()

    def perform_deferred(self) -> None:
        """Do what had to wait for the event loop."""
        for runner in self.runners.values():
            runner.perform_deferred()

    def begin(self) -> None:
        """Start the clock of the readiness timeout, and look at what is already known."""
        if self._world.loop is not None:
            self._world.loop.call_later(self.options.timeout, self._time_is_up)
        self._consider()

    def _end_at_once(self) -> None:
        """Go to the end, whatever the state of the services is: that may be wrong now."""
        if self.ended is not None:
            self.ended.set()

    @property
    def services(self) -> Mapping[str, ServiceRun]:
        return self.runners

    def record(self) -> Record:
        """Return what runs now."""
        return self.recorder.record()

    @property
    def is_stopping(self) -> bool:
        return self.phase in (Phase.STOPPING, Phase.ENDED)

    def reap(self) -> None:
        """Take every child that has ended; for SIGCHLD."""
        self._world.children.reap()

    def post(self, event: StackEvent) -> None:
        """Put `event` in the inbox and work it off, unless that is going on already.

        After an error of our own nothing is worked off any more: the state may be wrong.
        """
        self._inbox.append(event)
        if self._is_busy:
            return
        self._is_busy = True
        try:
            while self._inbox and self.faults.first is None:
                self._advance(self._inbox.popleft())
        finally:
            self._is_busy = False
            self._keeper.flush()
        if self._world.loop is not None and self.faults.first is None:
            self._consider()

    def _post_service_event(self, name: str, event: ServiceEvent) -> None:
        self.post(orchestration.ServiceEvent(name, event))

    def _advance(self, event: StackEvent) -> None:
        before = self.state.statuses
        step = advance_stack(self._services, self.state, event, time.monotonic())
        self.state = step.state
        if step.state.statuses is not before:
            for name, status in step.state.statuses.items():
                if status is not before[name]:
                    self._changed(name, before[name], status)
        for name, action in step.actions:
            self.runners[name].perform(action)

    def _changed(self, name: str, before: ServiceStatus, status: ServiceStatus) -> None:
        if status.pid != before.pid:
            self._write_record_soon()
        if status.epoch == before.epoch:
            return
        self.runners[name].entered(status)
        if status.pid is None and status.state is ServiceState.STARTING:
            self.runners[name].started_at = time.monotonic()
        delay = None
        if status.state is ServiceState.BACKOFF:
            delay = self._services[name].restart.delay(status.failures)
        self.tell(ServiceChanged(name, status, time.monotonic() - self._started, delay))

    def tell(self, event: Event) -> None:
        """Tell everybody who listens. One that breaks hears no more, and ends the stack."""
        self.audience.heard(event)

    # What the state means.

    def _consider(self) -> None:
        self.waiters.wake()
        if self.phase is Phase.STOPPING:
            if self.state.has_ended and self.ended is not None:
                self.ended.set()
            return
        if self.phase is Phase.ENDED:
            return
        was_ready = self.phase is Phase.RUNNING
        judgement = judge(
            self.state.statuses, self._policy, was_ready=was_ready, at_rest=self.state.has_ended
        )
        match judgement.verdict:
            case Verdict.READY:
                self.phase = Phase.RUNNING
                self.tell(StackReady(time.monotonic() - self._started, self.state.has_ended))
                self._consider()
            case Verdict.FAILED:
                self._end_by_itself(Cause.FAILED, judgement)
            case Verdict.ABORTED:
                self._end_by_itself(Cause.ABORTED, judgement)
            case Verdict.ENDED if not self._may_be_started_again:
                self._end_by_itself(Cause.ENDED, judgement)
            case Verdict.ENDED | Verdict.GOES_ON:
                return

    @property
    def _may_be_started_again(self) -> bool:
        """Say whether all rest because somebody stopped them one by one, and may start them again."""
        return any(status.state is ServiceState.STOPPED for status in self.state.statuses.values())

    def _end_by_itself(self, cause: Cause, judgement: Judgement) -> None:
        code = exit_code(self.state.statuses, self._policy, judgement)
        self.shut_down(cause, troubled=judgement.services, exit_code=code)

    def _time_is_up(self) -> None:
        if self.phase is Phase.STARTING:
            self.shut_down(Cause.NOT_READY, troubled=not_up(self.state.statuses), exit_code=1)

    def shut_down(
        self,
        cause: Cause,
        *,
        troubled: Iterable[str] = (),
        signal: int | None = None,
        exit_code: int | None = None,
        grace: float | None = None,
        findings: tuple[Finding, ...] = (),
    ) -> None:
        """Stop every service in the right order, once. `grace` replaces every service's own, in seconds.

        `findings` are what a look from outside found, and why it is to stop.
        """
        if self.is_stopping:
            return
        from devstack.supervisor.run.still_stopping import tell_while_stopping
        from devstack.supervisor.run.troubles import Scene, troubles_of

        elapsed = time.monotonic() - self._started
        seconds = min(elapsed, self.options.timeout) if cause is Cause.NOT_READY else elapsed
        scene = Scene(self)
        troubles = troubles_of(self, troubled, scene)
        listening = scene.listening() if troubles else ()
        self.phase = Phase.STOPPING
        if exit_code is not None:
            self.exit_code = exit_code
        if grace is not None:
            self._replace_grace(grace)
        self.tell(StackStopping(cause, troubles, signal, seconds, findings, listening))
        graces = {name: service.stop.grace for name, service in self._services.items()}
        if self._world.loop is not None and self._world.clean_up is not None:
            tell_while_stopping(self, self._world.loop, graces, self._world.clean_up.members)
        self.post(orchestration.StopWanted(tuple(self._services)))

    def _replace_grace(self, seconds: float) -> None:
        self._services = {
            name: replace(service, stop=replace(service.stop, grace=seconds))
            for name, service in self._services.items()
        }
        for name, status in self.state.statuses.items():
            # Who is being stopped already has a timer of its own, which may have long to go.
            if status.state is ServiceState.STOPPING and self._world.loop is not None:
                fired = TimerFired(status.epoch)
                self._world.loop.call_later(seconds, self._post_service_event, name, fired)

    def kill_all(self) -> None:
        """End every process at once."""
        self._is_urgent = True
        self.shut_down(Cause.SIGNAL)
        self.post(orchestration.KillWanted())

    def hurry(self, seconds: float) -> None:
        """End at once, in so many seconds, what is being stopped."""
        if self._world.loop is not None:
            self._world.loop.call_later(seconds, self.kill_all)

    # The end.

    async def end_all(self) -> None:
        """End what slipped away from its service, take the last output, and tell that all is stopped."""
        from devstack.supervisor.cleanup.clean_up import end_slipped

        left = await end_slipped(self._first.marks, self.reap, lambda: self._is_urgent)
        self.output.close_pipes()
        self.phase = Phase.ENDED
        if left:
            self.exit_code = self.exit_code or 1
        self.recorder.stop()
        self.tell(StackStopped(self.exit_code, left))
        self.waiters.wake()

    def forget_record(self) -> None:
        """Remove the record: nothing runs."""
        try:
            remove_record(self.stack.project)
        except OSError as error:  # it is stale from now on: its supervisor is about to exit
            self.tell(Notice(f"cannot remove the record: {error.strerror}"))

    def outside(self) -> frozenset[int]:
        """Return the pids that are never touched by a clean-up."""
        return frozenset({self._me.pid, self._keeper.id.pid})

    @property
    def keeper_life(self) -> int:
        """The descriptor that is at its end when the keeper is gone."""
        return self._keeper.life

    def keeper_gone(self) -> None:
        """Stop the stack: with the keeper gone, another kill would leave everything behind."""
        self.shut_down(Cause.KEEPER, exit_code=1)

    def cleared(self, name: str) -> None:
        """Take note that nothing of the service `name` lives."""
        self.runners[name].cleared()

    def _look_soon(self) -> None:
        if self._world.clean_up is not None:
            self._world.clean_up.look_soon()
