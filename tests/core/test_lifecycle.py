"""One service's life, told as stories: what happened, and where it ended."""

from __future__ import annotations

from dataclasses import replace

import pytest

from devstack.core.lifecycle import KILL_AGAIN_AFTER, advance
from devstack.core.service import (
    ExitStatus,
    ProbeKind,
    ReadinessProbe,
    RestartMode,
    RestartPolicy,
    Service,
    ServiceState,
    ServiceStatus,
    Stopped,
    StopPolicy,
)
from devstack.core.service_events import (
    Action,
    Cleared,
    Event,
    Exited,
    Kill,
    KillRequested,
    ProbeAnswered,
    SetTimer,
    Spawn,
    Spawned,
    StartDelayed,
    StartProbe,
    StartRequested,
    StopRequested,
    Terminate,
    TimerFired,
)

WEB = Service("web", "run", "/", restart=RestartPolicy(max=2, within=60.0), stop=StopPolicy(grace=3.0))
PROBED = replace(WEB, probes=(ReadinessProbe(ProbeKind.TCP, 80, every=5.0),))
ALWAYS = replace(WEB, restart=RestartPolicy(RestartMode.ALWAYS))
NEVER = replace(WEB, restart=RestartPolicy(RestartMode.NEVER))


class Life:
    """A service and what became of it. News speak of the present unless they say otherwise."""

    def __init__(self, service: Service = WEB) -> None:
        self.service = service
        self.status = ServiceStatus()
        self.now = 0.0

    def hears(self, event: Event) -> tuple[Action, ...]:
        step = advance(self.service, self.status, event, self.now)
        self.status = step.status
        return step.actions

    def spawned(self, pid: int = 7) -> tuple[Action, ...]:
        return self.hears(Spawned(self.status.processes, pid))

    def exited(self, code: int | None = None, **how: int | str) -> tuple[Action, ...]:
        return self.hears(Exited(self.status.processes, ExitStatus(code, **how)))  # type: ignore[arg-type]

    def cleared(self) -> tuple[Action, ...]:
        return self.hears(Cleared(self.status.epoch))

    def answered(self, ok: bool = True) -> tuple[Action, ...]:
        return self.hears(ProbeAnswered(self.status.epoch, ok))

    def timer_fired(self) -> tuple[Action, ...]:
        return self.hears(TimerFired(self.status.epoch))

    def crashes(self, code: int = 1) -> tuple[Action, ...]:
        self.exited(code)
        return self.cleared()

    def runs(self) -> Life:
        self.hears(StartRequested())
        self.spawned()
        return self

    def is_ready(self) -> Life:
        self.runs().answered()
        return self

    @property
    def state(self) -> ServiceState:
        return self.status.state


def test_a_start_spawns_probes_and_becomes_ready() -> None:
    life = Life()
    assert life.hears(StartRequested()) == (Spawn(1),)
    assert life.spawned(pid=7) == (StartProbe(life.status.epoch),)
    assert (life.state, life.status.pid) == (ServiceState.STARTING, 7)
    assert life.answered() == (SetTimer(WEB.restart.stable_after, life.status.epoch),)
    assert life.state is ServiceState.READY


def test_a_repeated_probe_goes_on_after_ready() -> None:
    life = Life(PROBED).is_ready()
    assert life.answered(ok=False) == (StartProbe(life.status.epoch),)
    assert life.state is ServiceState.UNREADY
    assert StartProbe(life.status.epoch + 1) in life.answered(ok=True)
    assert life.state is ServiceState.READY


RESTARTED = replace(PROBED, restart=replace(WEB.restart, unready=30.0))


def test_being_unready_for_too_long_counts_as_a_crash() -> None:
    life = Life(RESTARTED).is_ready()
    assert life.answered(ok=False) == (SetTimer(30.0, life.status.epoch), StartProbe(life.status.epoch))
    assert Terminate(life.status.epoch + 1) in life.timer_fired()
    assert life.state is ServiceState.STOPPING
    life.exited(0)  # it stops well, and has crashed all the same
    assert life.cleared() == (SetTimer(RESTARTED.restart.delay(1), life.status.epoch),)
    assert life.state is ServiceState.BACKOFF


def test_a_service_that_is_ready_again_in_time_goes_on() -> None:
    life = Life(RESTARTED).is_ready()
    life.answered(ok=False)
    late = TimerFired(life.status.epoch)
    life.answered(ok=True)
    assert life.hears(late) == ()
    assert life.state is ServiceState.READY


def test_a_service_that_is_never_restarted_fails_when_it_stays_unready() -> None:
    life = Life(replace(RESTARTED, restart=replace(RESTARTED.restart, mode=RestartMode.NEVER))).is_ready()
    life.answered(ok=False)
    life.timer_fired()
    life.exited(0)
    life.cleared()
    assert life.state is ServiceState.FAILED


def test_a_restart_while_an_unready_service_is_stopped_does_not_wait() -> None:
    life = Life(RESTARTED).is_ready()
    life.answered(ok=False)
    life.timer_fired()
    life.hears(StopRequested())
    life.hears(StartRequested())
    life.exited(0)
    assert life.cleared() == (Spawn(2),)


@pytest.mark.parametrize("ok", [True, False])
def test_an_answer_that_says_nothing_new_changes_nothing(ok: bool) -> None:
    life = Life(PROBED).is_ready()
    if not ok:
        life.answered(ok=False)
    before = life.status
    assert life.answered(ok=ok) == ()
    assert life.status == before


def test_a_bad_answer_before_ready_is_no_news() -> None:
    life = Life().runs()
    assert life.answered(ok=False) == ()
    assert life.state is ServiceState.STARTING


def test_an_answer_that_comes_before_the_process_counts_for_nothing() -> None:
    life = Life()
    life.hears(StartRequested())
    life.answered()
    assert life.state is ServiceState.STARTING


def test_a_stop_terminates_and_ends_stopped() -> None:
    life = Life().is_ready()
    actions = life.hears(StopRequested())
    assert actions == (Terminate(life.status.epoch), SetTimer(3.0, life.status.epoch))
    life.exited(signal=15)
    assert life.state is ServiceState.STOPPING, "what it left may still live"
    assert life.status.stopped is Stopped.ASKED
    life.cleared()
    assert life.state is ServiceState.STOPPED


def test_a_second_stop_does_not_begin_the_grace_anew() -> None:
    life = Life().is_ready()
    life.hears(StopRequested())
    before = life.status
    assert life.hears(StopRequested()) == ()
    assert life.status == before


def test_one_that_does_not_heed_the_signal_is_killed_again_and_again() -> None:
    life = Life().is_ready()
    life.hears(StopRequested())
    for _ in range(3):
        assert life.timer_fired() == (
            Kill(life.status.epoch),
            SetTimer(KILL_AGAIN_AFTER, life.status.epoch),
        )


def test_a_stop_before_the_process_is_there_is_repeated_when_it_is() -> None:
    life = Life()
    life.hears(StartRequested())
    assert life.hears(StopRequested()) == (SetTimer(3.0, life.status.epoch),)
    assert life.timer_fired() == (SetTimer(KILL_AGAIN_AFTER, life.status.epoch),)
    assert life.spawned(pid=9) == (Terminate(life.status.epoch), SetTimer(3.0, life.status.epoch))
    assert life.status.pid == 9


def test_a_kill_before_the_process_is_there_is_repeated_when_it_is() -> None:
    life = Life()
    life.hears(StartRequested())
    life.hears(KillRequested())
    assert Kill(life.status.epoch) in life.spawned()


def test_a_stop_during_backoff_cancels_the_restart() -> None:
    life = Life().is_ready()
    life.crashes()
    late = TimerFired(life.status.epoch)
    life.hears(StopRequested())
    assert life.hears(late) == ()
    assert life.state is ServiceState.STOPPED


def test_a_start_during_backoff_does_not_wait_for_it() -> None:
    life = Life().is_ready()
    life.crashes()
    assert life.hears(StartRequested()) == (Spawn(2),)
    assert life.status.failures == 0


def test_a_restart_is_a_stop_while_still_wanted() -> None:
    life = Life().is_ready()
    life.hears(StopRequested())
    life.hears(StartRequested())
    life.exited(signal=15)
    assert life.cleared() == (Spawn(2),)
    assert life.status.restarts == 1


def test_a_stop_takes_a_restart_back() -> None:
    life = Life().is_ready()
    life.hears(StopRequested())
    life.hears(StartRequested())
    life.hears(StopRequested())
    life.exited(signal=15)
    assert life.cleared() == ()
    assert life.state is ServiceState.STOPPED


@pytest.mark.parametrize("state", [ServiceState.PENDING, ServiceState.STOPPED, ServiceState.FAILED])
def test_a_stop_or_kill_of_what_does_not_run_asks_for_nothing(state: ServiceState) -> None:
    for wish in (StopRequested(), KillRequested()):
        step = advance(WEB, ServiceStatus(state), wish, 0.0)
        assert step.actions == ()
        assert step.status.state in (ServiceState.STOPPED, ServiceState.FAILED)


@pytest.mark.parametrize(
    "reach",
    [
        lambda life: life.hears(StartRequested()),
        lambda life: life.runs(),
        lambda life: life.is_ready(),
        lambda life: (life.is_ready(), life.hears(StopRequested())),
        lambda life: (life.is_ready(), life.exited(1)),
        lambda life: (life.is_ready(), life.crashes(0)),
    ],
    ids=["spawning", "starting", "ready", "stopping", "crashed", "exited"],
)
def test_a_kill_always_ends_stopped(reach: object) -> None:
    life = Life()
    reach(life)  # type: ignore[operator]
    life.hears(KillRequested())
    life.spawned()
    life.exited(signal=9)
    life.cleared()
    assert life.state is ServiceState.STOPPED


def test_a_crash_ends_what_it_left_before_it_backs_off() -> None:
    life = Life().is_ready()
    assert Terminate(life.status.epoch + 1) in life.exited(1)
    assert life.state is ServiceState.STOPPING
    assert life.cleared() == (SetTimer(WEB.restart.delay(1), life.status.epoch),)
    assert life.state is ServiceState.BACKOFF


def test_a_crash_loop_fails_after_max_restarts() -> None:
    life = Life().runs()
    for _ in range(WEB.restart.max):
        life.crashes()
        assert life.state is ServiceState.BACKOFF
        life.timer_fired()
        life.spawned()
        life.now += 1.0
    life.crashes()
    assert life.state is ServiceState.FAILED
    assert life.status.restarts == WEB.restart.max


def test_a_start_begins_a_new_count() -> None:
    life = Life().runs()
    for _ in range(2):
        while life.state is not ServiceState.FAILED:
            life.crashes()
            life.timer_fired()
            life.spawned()
        assert len(life.status.restart_times) == WEB.restart.max
        life.hears(StartRequested())
        life.spawned()
        assert (life.status.failures, life.status.restart_times) == (0, ())


def test_restarts_that_are_long_past_do_not_count() -> None:
    life = Life().runs()
    for _ in range(20):
        life.crashes()
        life.timer_fired()
        life.spawned()
        life.now += 31.0
    assert life.state is ServiceState.STARTING


def test_the_failures_reset_only_after_a_stable_time_not_on_ready() -> None:
    life = Life().is_ready()
    life.crashes()
    life.timer_fired()
    life.spawned()
    life.answered()
    assert (life.state, life.status.failures) == (ServiceState.READY, 1)
    assert life.timer_fired() == ()
    assert (life.state, life.status.failures) == (ServiceState.READY, 0)


@pytest.mark.parametrize("code", [126, 127])
@pytest.mark.parametrize("service", [WEB, ALWAYS])
def test_what_cannot_run_is_not_tried_again(service: Service, code: int) -> None:
    life = Life(service).runs()
    assert life.crashes(code) == ()
    assert life.state is ServiceState.FAILED


@pytest.mark.parametrize("service", [WEB, ALWAYS])
def test_what_cannot_be_spawned_fails_at_once_and_nobody_is_signalled(service: Service) -> None:
    life = Life(service)
    life.hears(StartRequested())
    assert life.exited(error="no such folder") == ()
    assert life.state is ServiceState.FAILED


def test_a_failed_spawn_of_a_process_that_is_there_is_nonsense() -> None:
    life = Life().is_ready()
    before = life.status
    assert life.exited(error="no such folder") == ()
    assert life.status == before


def test_a_stop_that_meets_a_failed_spawn_ends_stopped() -> None:
    life = Life()
    life.hears(StartRequested())
    life.hears(StopRequested())
    assert life.exited(error="no such folder") == ()
    assert life.state is ServiceState.STOPPED


def test_a_restart_that_meets_a_failed_spawn_tries_once_more() -> None:
    life = Life()
    life.hears(StartRequested())
    life.hears(StopRequested())
    life.hears(StartRequested())
    assert life.exited(error="no such folder") == (Spawn(2),)
    assert life.exited(error="no such folder") == ()
    assert life.state is ServiceState.FAILED


def test_never_means_that_a_crash_is_final() -> None:
    life = Life(NEVER).is_ready()
    life.crashes()
    assert life.state is ServiceState.FAILED


def test_always_means_that_a_good_end_is_none_and_spares_no_daemon() -> None:
    life = Life(ALWAYS).is_ready()
    assert Terminate(life.status.epoch + 1) in life.exited(0)
    life.cleared()
    assert life.state is ServiceState.BACKOFF


def test_a_one_shot_ends_exited_and_its_daemon_is_spared() -> None:
    life = Life().runs()
    assert Terminate(life.status.epoch + 1, spares_daemons=True) in life.exited(0)
    assert Kill(life.status.epoch, spares_daemons=True) in life.timer_fired()
    life.cleared()
    assert life.state is ServiceState.EXITED


@pytest.mark.parametrize("wish", [StopRequested(), StartRequested(), StartDelayed()])
def test_the_daemon_of_a_one_shot_is_ended_with_the_next_wish(wish: Event) -> None:
    life = Life().runs()
    life.crashes(0)
    assert life.hears(wish) == (Terminate(life.status.epoch), SetTimer(3.0, life.status.epoch))
    assert life.status.stopped is Stopped.LEFT
    follows = life.cleared()
    assert follows == ((Spawn(2),) if wish == StartRequested() else ())


def test_a_stop_while_a_one_shot_is_cleared_spares_its_daemon_no_more() -> None:
    life = Life().runs()
    life.exited(0)
    old = Cleared(life.status.epoch)
    assert Terminate(life.status.epoch + 1) in life.hears(StopRequested())
    assert life.hears(old) == (), "the daemon may still live"
    assert life.status.stopped is Stopped.ASKED
    assert life.state is ServiceState.STOPPING
    life.cleared()
    assert life.state is ServiceState.STOPPED


@pytest.mark.parametrize("state", [ServiceState.STOPPED, ServiceState.FAILED])
def test_a_delayed_start_is_pending(state: ServiceState) -> None:
    step = advance(WEB, ServiceStatus(state, wanted=state is ServiceState.FAILED), StartDelayed(), 0.0)
    assert (step.status.state, step.status.wanted, step.actions) == (ServiceState.PENDING, False, ())


def test_a_start_of_what_runs_changes_nothing() -> None:
    life = Life().is_ready()
    before = life.status
    assert life.hears(StartRequested()) == ()
    assert life.hears(StartDelayed()) == ()
    assert life.status == before


def test_a_start_while_a_crash_is_cleared_does_not_forget_the_failures() -> None:
    life = Life().is_ready()
    life.crashes()
    life.timer_fired()
    life.spawned()
    life.exited(1)
    life.hears(StartRequested())
    life.cleared()
    assert (life.state, life.status.failures) == (ServiceState.BACKOFF, 2)


@pytest.mark.parametrize(
    "late",
    [Spawned(1, 99), Exited(1, ExitStatus(0)), Cleared(4), ProbeAnswered(1, True), TimerFired(4)],
    ids=lambda event: type(event).__name__,
)
def test_news_of_an_earlier_process_or_epoch_change_nothing(late: Event) -> None:
    life = Life().is_ready()
    life.crashes()
    life.timer_fired()
    before = life.status
    assert life.hears(late) == ()
    assert life.status == before


@pytest.mark.parametrize("twice", ["spawned", "exited", "cleared"])
def test_news_that_come_twice_count_once(twice: str) -> None:
    life = Life().runs()
    if twice != "spawned":
        life.exited(1)
    if twice == "cleared":
        life.cleared()
    before = life.status
    assert getattr(life, twice)(*((1,) if twice == "exited" else ())) == ()
    assert life.status == before


def test_only_the_first_exit_counts() -> None:
    life = Life().is_ready()
    life.exited(1)
    life.exited(0)
    life.cleared()
    assert life.state is ServiceState.BACKOFF


def test_a_kill_kills_the_daemon_of_a_one_shot_too() -> None:
    life = Life().runs()
    life.crashes(0)
    assert Kill(life.status.epoch + 1) in life.hears(KillRequested())


def test_cleared_before_the_exit_was_heard_means_nothing() -> None:
    life = Life().is_ready()
    life.hears(StopRequested())
    assert life.cleared() == ()
    assert life.state is ServiceState.STOPPING
