"""Whole stacks in a fake world, by any order of wishes, deaths, late and repeated messages, and clocks.

After every step the invariants are checked that the names of the checks below say; at the end the world
becomes fair, and everybody must be where the last wish wanted him.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from devstack.core.orchestration import (
    KillWanted,
    RestartWanted,
    ServiceEvent,
    StackEvent,
    StackState,
    StackStep,
    StartWanted,
    StopWanted,
    advance_stack,
    initial_state,
)
from devstack.core.service import (
    ENDED_STATES,
    UP_STATES,
    ExitStatus,
    ProbeKind,
    ReadinessProbe,
    RestartMode,
    RestartPolicy,
    Service,
    ServiceState,
    ServiceStatus,
    Stopped,
)
from devstack.core.service_events import (
    Cleared,
    Exited,
    ProbeAnswered,
    Spawn,
    Spawned,
    TimerFired,
)
from tests.core.fake_world import Character, FakeWorld, settle

AT_REST = ENDED_STATES | {ServiceState.PENDING}
NAMES = ("db", "cache", "migrate", "api", "web")
EXITS = (
    ExitStatus(code=0),
    ExitStatus(code=1),
    ExitStatus(code=126),
    ExitStatus(code=127),
    ExitStatus(signal=9),
)

characters = st.builds(
    Character,
    refuses=st.sampled_from([False, False, False, True]),
    crashes=st.sampled_from([None, None, None, 0, 1, 127]),
    leaves_child=st.booleans(),
    leaves_daemon=st.booleans(),
    is_deaf=st.booleans(),
    answers=st.sampled_from([True, True, True, False]),
)
policies = st.builds(
    RestartPolicy,
    mode=st.sampled_from(RestartMode),
    max=st.integers(0, 3),
    within=st.sampled_from([10.0, 60.0]),
)
probes = st.sampled_from(
    [
        (ReadinessProbe(ProbeKind.ALIVE),),
        (ReadinessProbe(ProbeKind.TCP, 1, every=1.0),),
        (ReadinessProbe(ProbeKind.LOG, every=1.0), ReadinessProbe(ProbeKind.HTTP, 1, every=2.0)),
    ]
)


@dataclass(frozen=True)
class Plan:
    """What is drawn of a service: `needs` are earlier ones, so there is no circle."""

    policy: RestartPolicy
    probes: tuple[ReadinessProbe, ...]
    needs: frozenset[str]


@st.composite
def stacks(draw: st.DrawFn) -> dict[str, Plan]:
    count = draw(st.integers(1, len(NAMES)))
    earlier = [st.sampled_from(NAMES[:position]) if position else st.nothing() for position in range(count)]
    return {
        name: Plan(draw(policies), draw(probes), draw(st.frozensets(needs)))
        for name, needs in zip(NAMES, earlier, strict=False)
    }


def service(name: str, plan: Plan) -> Service:
    return Service(
        name, "run", "/", probes=plan.probes, depends_on=tuple(sorted(plan.needs)), restart=plan.policy
    )


def all_needs(services: Mapping[str, Service], name: str) -> frozenset[str]:
    """Return what `name` needs, directly or not."""
    direct = services[name].depends_on
    return frozenset(direct).union(*(all_needs(services, need) for need in direct))


names = st.sets(st.sampled_from((*NAMES, "nobody"))).map(lambda chosen: tuple(sorted(chosen)))


class Stacks(RuleBasedStateMachine):
    @initialize(plans=stacks(), likes=st.fixed_dictionaries(dict.fromkeys(NAMES, characters)))
    def build(self, plans: dict[str, Plan], likes: dict[str, Character]) -> None:
        self.services = services = {name: service(name, plan) for name, plan in plans.items()}
        self.world = FakeWorld(likes)
        self.state: StackState = initial_state(services)
        self.now = 0.0
        self.said: list[ServiceEvent] = []
        self.is_wanted: dict[str, bool] = {}
        self.waits: dict[str, frozenset[str]] = {}
        self.to_stop: set[str] = set()
        self.backoffs: dict[str, list[float]] = {name: [] for name in services}

    # What people do.

    @rule(chosen=names)
    def start(self, chosen: tuple[str, ...]) -> None:
        for name in self._known(chosen):
            self.is_wanted[name] = True
            if name not in self.waits:
                self.to_stop.discard(name)
                self.waits[name] = all_needs(self.services, name)
        self._send(StartWanted(chosen))

    @rule()
    def start_all(self) -> None:
        self.start(tuple(self.services))

    @rule(chosen=names)
    def stop(self, chosen: tuple[str, ...]) -> None:
        for name in self._known(chosen):
            self.is_wanted[name] = False
            self.waits.pop(name, None)
            self.to_stop.add(name)
        self._send(StopWanted(chosen))

    @rule()
    def stop_all(self) -> None:
        self.stop(tuple(self.services))

    @rule(chosen=names)
    def restart(self, chosen: tuple[str, ...]) -> None:
        for name in self._known(chosen):
            self.is_wanted[name] = True
            if name not in self.waits:
                self.to_stop.add(name)
                self.waits[name] = all_needs(self.services, name)
                if self.state.statuses[name].state not in AT_REST:
                    self.waits[name] = self.waits[name].intersection(chosen)
        self._send(RestartWanted(chosen))

    @precondition(lambda self: len(self.said) % 5 == 4)  # now and then: it makes an end of what goes on
    @rule()
    def kill_all(self) -> None:
        self.is_wanted = dict.fromkeys(self.services, False)
        self.waits.clear()
        self.to_stop.clear()
        self._send(KillWanted())

    # What the world does.

    @rule(position=st.integers(0, 10))
    def a_message_arrives_late_and_out_of_order(self, position: int) -> None:
        if self.world.in_flight:
            self._say(self.world.in_flight.pop(position % len(self.world.in_flight)))

    @rule()
    def all_messages_arrive(self) -> None:
        while self.world.in_flight:
            self._say(self.world.in_flight.pop(0))

    @rule(position=st.integers(0, 1000))
    def a_message_arrives_again(self, position: int) -> None:
        if self.said:
            self._say(self.said[position % len(self.said)])

    @rule(position=st.integers(0, 10))
    def a_timer_fires(self, position: int) -> None:
        if self.world.timers:
            self._say(self.world.timers.pop(position % len(self.world.timers)))

    @rule(position=st.integers(0, 10))
    def a_probe_answers(self, position: int) -> None:
        """Asked whether it is ready a service says yes in the end; asked whether it still is, no."""
        if self.world.probes:
            name, epoch = self.world.probes.pop(position % len(self.world.probes))
            is_ready = self.state.statuses[name].state is ServiceState.READY
            self._say(ServiceEvent(name, ProbeAnswered(epoch, not is_ready)))

    @rule(name=st.sampled_from(NAMES), status=st.sampled_from(EXITS))
    def a_process_ends(self, name: str, status: ExitStatus) -> None:
        self.world.main_ends(name, status)

    @rule(name=st.sampled_from(NAMES))
    def what_a_process_left_ends(self, name: str) -> None:
        self.world.rest_ends(name)

    @rule(seconds=st.floats(-1000, 1000))
    def the_clock_jumps(self, seconds: float) -> None:
        self.now += seconds

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        settle(self.world, self.services, self._say)
        self._everybody_is_where_he_is_wanted()
        if len(self.said) % 2:
            self.stop_all()
        else:
            self.kill_all()
        settle(self.world, self.services, self._say)
        assert self.state.has_ended
        self._everybody_is_where_he_is_wanted()

    # What must hold.

    def _say(self, event: ServiceEvent) -> None:
        self.said.append(event)
        before = self.state
        is_stale = self._is_stale(event)
        step = self._send(event)
        if is_stale:
            assert step == StackStep(before), "what is said of the past changes nothing"

    def _is_stale(self, event: ServiceEvent) -> bool:
        status = self.state.statuses[event.name]
        match event.event:
            case Spawned(process) | Exited(process):
                return process != status.processes
            case Cleared(epoch) | ProbeAnswered(epoch) | TimerFired(epoch):
                return epoch != status.epoch
            case other:
                raise AssertionError(other)

    def _send(self, event: StackEvent) -> StackStep:
        before = self.state
        step = advance_stack(self.services, before, event, self.now)
        self.state = step.state
        for name, action in step.actions:
            if isinstance(action, Spawn):
                assert self.is_wanted.get(name), f"{name} is spawned and nobody wants it"
            self.world.perform(name, action)
        for name, status in step.state.statuses.items():
            self._check(name, before.statuses[name], status, event)
        self._forget_what_was_granted()
        return step

    def _check(self, name: str, before: ServiceStatus, after: ServiceStatus, event: StackEvent) -> None:
        self._a_start_waits_for_what_it_needs(name, before, after)
        self._a_stop_waits_for_those_who_need_it(name, before, after)
        self._the_failures_are_forgotten_only_when_stable(name, before, after, event)
        self._a_crash_loop_ends(name, before, after)
        assert before.epoch <= after.epoch
        if after.state in (
            ServiceState.PENDING,
            ServiceState.STOPPED,
            ServiceState.FAILED,
            ServiceState.BACKOFF,
        ):
            assert not self.world.lives(name), f"{name} is {after.state} and lives"
        if after.state is ServiceState.BACKOFF:
            assert after.wanted
            assert after.exit is not None
            assert not after.exit.is_hopeless, "what cannot run is not tried again"
        if after.pid is not None:
            assert after.pid == 1000 + self.world.processes[name].number

    def _a_start_waits_for_what_it_needs(
        self, name: str, before: ServiceStatus, after: ServiceStatus
    ) -> None:
        if after.wanted and not before.wanted:
            for need in self.waits[name]:
                assert self.state.statuses[need].state in UP_STATES, f"{name} starts before {need} is up"

    def _a_stop_waits_for_those_who_need_it(
        self, name: str, before: ServiceStatus, after: ServiceStatus
    ) -> None:
        is_asked = after.stopped is Stopped.ASKED or (after.stopped is Stopped.LEFT and not after.wanted)
        if after.epoch == before.epoch or after.state is not ServiceState.STOPPING or not is_asked:
            return
        if name not in self.to_stop:
            return
        for other in self.services:
            if name in all_needs(self.services, other) and other in self.to_stop:
                process = self.world.processes.get(other)
                assert process is None or not process.main, f"{name} stops before {other} has ended"

    def _the_failures_are_forgotten_only_when_stable(
        self, name: str, before: ServiceStatus, after: ServiceStatus, event: StackEvent
    ) -> None:
        if after.failures >= before.failures:
            return
        is_stable = before.state is ServiceState.READY and event == ServiceEvent(
            name, TimerFired(before.epoch)
        )
        is_new_wish = name in self.waits
        assert is_stable or is_new_wish

    def _a_crash_loop_ends(self, name: str, before: ServiceStatus, after: ServiceStatus) -> None:
        policy = self.services[name].restart
        if after.state is ServiceState.BACKOFF and after.epoch != before.epoch:
            self.backoffs[name].append(self.now)
            recent = [at for at in self.backoffs[name] if 0 <= self.now - at < policy.within]
            assert len(recent) <= policy.max

    def _forget_what_was_granted(self) -> None:
        self.to_stop &= self.state.to_stop | {
            name
            for name, status in self.state.statuses.items()
            if status.state is ServiceState.STOPPING and not status.wanted
        }
        for name in set(self.waits) - set(self.state.to_start):
            del self.waits[name]
            self.backoffs[name].clear()

    def _everybody_is_where_he_is_wanted(self) -> None:
        assert not self.state.to_stop
        for name, status in self.state.statuses.items():
            wish = self.is_wanted.get(name)
            if wish is None:
                assert status.state is ServiceState.PENDING
            elif wish:
                self._it_runs_or_says_why_not(name, status.state)
            else:
                assert status.state in (ServiceState.STOPPED, ServiceState.FAILED)
                assert not self.world.lives(name)

    def _it_runs_or_says_why_not(self, name: str, state: ServiceState) -> None:
        answers = self.world.characters[name].answers
        match state:
            case ServiceState.READY | ServiceState.EXITED | ServiceState.FAILED:
                return
            case ServiceState.STARTING | ServiceState.UNREADY:
                assert not answers
            case ServiceState.PENDING:
                needs = self.state.to_start[name]
                assert any(self.state.statuses[need].state not in UP_STATES for need in needs)
            case _:
                raise AssertionError(f"{name} is wanted and {state}")

    def _known(self, chosen: tuple[str, ...]) -> list[str]:
        return [name for name in chosen if name in self.services]


TestStacks = Stacks.TestCase
TestStacks.settings = settings(max_examples=250, stateful_step_count=40, deadline=None)
