"""One service, by every event in every state that can be reached, and by any long order of events.

The first half walks through all reachable states, once; the second lets hypothesis play.
"""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from devstack.core.lifecycle import KILL_AGAIN_AFTER, Step, advance
from devstack.core.service import (
    OCCUPIED_STATES,
    RUNNING_STATES,
    ExitStatus,
    RestartMode,
    Service,
    ServiceState,
    ServiceStatus,
    Stopped,
)
from devstack.core.service_events import (
    Action,
    Cleared,
    Event,
    Exited,
    Kill,
    KillRequested,
    News,
    ProbeAnswered,
    SetTimer,
    Spawn,
    Spawned,
    StartProbe,
    StartRequested,
    StopRequested,
    Terminate,
    TimerFired,
)
from tests.core.reachable import EXITS, SERVICES, WISHES, events_about, reachable

EACH_SERVICE = pytest.mark.parametrize(
    "service", SERVICES, ids=lambda service: f"{service.restart.mode}-{service.probes[0].kind}"
)


def assert_sound(service: Service, before: ServiceStatus, event: Event, step: Step) -> None:
    """Assert what holds for any event in any state."""
    after = step.status
    _what_is_known_fits_the_state(after)
    assert after.epoch >= before.epoch
    if after.state is not before.state:
        assert after.epoch > before.epoch, "an entered state has an epoch of its own"
    if after.epoch == before.epoch and after.state is ServiceState.BACKOFF:
        assert step.actions == (), "a backoff goes on as it began"
    for action in step.actions:
        _the_action_fits(service, before, event, after, action)
    _whoever_waits_has_a_timer(service, before, step)
    if after.failures < before.failures:
        stable = before.state is ServiceState.READY and event == TimerFired(before.epoch)
        assert stable or is_new(before, event), "the failures are forgotten when stable, or with a wish"


def is_new(before: ServiceStatus, event: Event) -> bool:
    """Say whether `event` is a start that somebody wishes anew."""
    is_on_its_way = before.state in RUNNING_STATES or (
        before.state is ServiceState.STOPPING and before.wanted
    )
    return event == StartRequested() and not is_on_its_way


def _what_is_known_fits_the_state(status: ServiceStatus) -> None:
    state = status.state
    if status.pid is not None:
        assert state in OCCUPIED_STATES
        assert status.exit is None
    if state in RUNNING_STATES or state in (ServiceState.BACKOFF, ServiceState.EXITED):
        assert status.wanted
    if state in (ServiceState.PENDING, ServiceState.STOPPED):
        assert not status.wanted
    if state in (ServiceState.READY, ServiceState.UNREADY):
        assert status.pid is not None
    if state is ServiceState.BACKOFF:
        assert status.exit is not None
        assert not status.exit.is_hopeless or status.stopped is Stopped.UNREADY
    if state is ServiceState.EXITED:
        assert status.exit is not None
        assert status.exit.is_success


def _the_action_fits(
    service: Service, before: ServiceStatus, event: Event, after: ServiceStatus, action: Action
) -> None:
    match action:
        case Spawn(process):
            assert process == after.processes == before.processes + 1
            assert after.state is ServiceState.STARTING
            is_over = isinstance(event, Cleared) or (isinstance(event, Exited) and event.status.error)
            assert before.state not in OCCUPIED_STATES or is_over, "nothing is spawned beside what may live"
        case Terminate(epoch, spares) | Kill(epoch, spares):
            assert epoch == after.epoch
            assert after.state is ServiceState.STOPPING
            assert not after.awaits_process
            if spares:
                assert after.stopped is Stopped.EXITED
                assert after.exit == ExitStatus(code=0)
                assert service.restart.mode is not RestartMode.ALWAYS
        case SetTimer(_, epoch) | StartProbe(epoch):
            assert epoch == after.epoch


def _whoever_waits_has_a_timer(service: Service, before: ServiceStatus, step: Step) -> None:
    """A stop, a backoff and a stable time that have just begun last as long as the policies say."""
    after = step.status
    timers = [action.seconds for action in step.actions if isinstance(action, SetTimer)]
    if after.epoch == before.epoch:
        return
    match after.state:
        case ServiceState.STOPPING:
            killed = after.stopped is Stopped.KILLED
            assert timers == [KILL_AGAIN_AFTER if killed else service.stop.grace]
        case ServiceState.BACKOFF:
            assert timers == [service.restart.delay(after.failures)]
            assert len(after.restart_times) <= service.restart.max
        case ServiceState.READY:
            assert timers == [service.restart.stable_after]
        case ServiceState.UNREADY:
            assert timers == ([] if service.restart.unready is None else [service.restart.unready])
        case _:
            assert timers == []


# Every reachable state.


@EACH_SERVICE
def test_every_event_in_every_reachable_state_leads_to_a_sound_one(service: Service) -> None:
    statuses = reachable(service)
    never = {RestartMode.NEVER: ServiceState.BACKOFF, RestartMode.ALWAYS: ServiceState.EXITED}
    assert {status.state for status in statuses} == set(ServiceState) - {never.get(service.restart.mode)}
    for status in statuses:
        for event in events_about(status):
            for now in (-1000.0, 0.0, 1000.0):
                assert_sound(service, status, event, advance(service, status, event, now))


@EACH_SERVICE
def test_news_of_the_past_or_of_a_future_change_nothing_in_any_state(service: Service) -> None:
    for status in reachable(service):
        for event in events_about(status):
            if isinstance(event, Spawned | Exited):
                is_stale = event.process != status.processes
            else:
                is_stale = isinstance(event, News) and event.epoch != status.epoch
            if is_stale:
                assert advance(service, status, event, 0.0) == Step(status)


@EACH_SERVICE
@pytest.mark.parametrize("wish", [StopRequested(), KillRequested()])
def test_what_nobody_wants_ends_stopped_from_any_state(service: Service, wish: Event) -> None:
    for status in reachable(service):
        ended = _after_a_fair_end(service, advance(service, status, wish, 0.0).status)
        assert ended.state in (ServiceState.STOPPED, ServiceState.FAILED)
        assert not ended.wanted
        if ended.state is ServiceState.FAILED:
            assert status.state is ServiceState.FAILED, "it had failed before"


@EACH_SERVICE
def test_what_is_wanted_is_started_from_any_state(service: Service) -> None:
    for status in reachable(service):
        started = advance(service, status, StartRequested(), 0.0).status
        if status.state in RUNNING_STATES:
            assert started == status
        elif is_new(status, StartRequested()):
            assert _after_a_fair_end(service, started).state is ServiceState.STARTING


def _after_a_fair_end(service: Service, status: ServiceStatus) -> ServiceStatus:
    """Return the status after the process that may be there has ended, and all that it left."""
    if status.state is ServiceState.STOPPING and status.awaits_process:
        status = advance(service, status, Spawned(status.processes, 7), 0.0).status
    if status.state is ServiceState.STOPPING and status.exit is None:
        status = advance(service, status, Exited(status.processes, ExitStatus(signal=15)), 0.0).status
    if status.state is ServiceState.STOPPING:
        status = advance(service, status, Cleared(status.epoch), 0.0).status
    return status


# Any long order of events.

lateness = st.sampled_from([0, 0, 0, 1, 2, 3])


class OneService(RuleBasedStateMachine):
    @initialize(service=st.sampled_from(SERVICES))
    def build(self, service: Service) -> None:
        self.service = service
        self.status = ServiceStatus()
        self.now = 0.0
        self.restarted: list[float] = []

    @rule(seconds=st.floats(-100, 100))
    def the_clock_jumps(self, seconds: float) -> None:
        self.now += seconds

    @rule(wish=st.sampled_from(WISHES))
    def somebody_wishes(self, wish: Event) -> None:
        self._hear(wish)

    @rule(late=lateness, pid=st.integers(1, 9))
    def it_was_spawned(self, late: int, pid: int) -> None:
        self._hear(Spawned(self.status.processes - late, pid))

    @rule(late=lateness, status=st.sampled_from(EXITS))
    def it_exited(self, late: int, status: ExitStatus) -> None:
        self._hear(Exited(self.status.processes - late, status))

    @rule(late=lateness)
    def it_is_cleared(self, late: int) -> None:
        self._hear(Cleared(self.status.epoch - late))

    @rule(late=lateness, ok=st.booleans())
    def its_probe_answers(self, late: int, ok: bool) -> None:
        self._hear(ProbeAnswered(self.status.epoch - late, ok))

    @rule(late=lateness)
    def its_timer_fires(self, late: int) -> None:
        self._hear(TimerFired(self.status.epoch - late))

    def _hear(self, event: Event) -> None:
        before = self.status
        step = advance(self.service, before, event, self.now)
        assert_sound(self.service, before, event, step)
        self.status = step.status
        self._count_restarts(before, event)

    def _count_restarts(self, before: ServiceStatus, event: Event) -> None:
        """No more than `max` restarts within `within`, since the last wish."""
        policy = self.service.restart
        if is_new(before, event):
            self.restarted.clear()
        if self.status.state is ServiceState.BACKOFF and self.status.epoch != before.epoch:
            self.restarted.append(self.now)
            recent = [at for at in self.restarted if 0 <= self.now - at < policy.within]
            assert len(recent) <= policy.max


TestOneService = OneService.TestCase
TestOneService.settings = settings(max_examples=200, stateful_step_count=60, deadline=None)
