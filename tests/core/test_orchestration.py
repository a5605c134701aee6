"""Who may start and who may stop, told as stories: db ← migrate ← api ← web."""

from __future__ import annotations

from devstack.core.orchestration import (
    KillWanted,
    RestartWanted,
    ServiceEvent,
    StackEvent,
    StartWanted,
    StopWanted,
    advance_stack,
    initial_state,
)
from devstack.core.service import ExitStatus, Service, ServiceState, Stopped
from devstack.core.service_events import (
    Action,
    Cleared,
    Event,
    Exited,
    Kill,
    ProbeAnswered,
    Spawn,
    Spawned,
    Terminate,
    TimerFired,
)

PENDING, STARTING, READY = ServiceState.PENDING, ServiceState.STARTING, ServiceState.READY
STOPPING, STOPPED, EXITED = ServiceState.STOPPING, ServiceState.STOPPED, ServiceState.EXITED
FAILED, BACKOFF = ServiceState.FAILED, ServiceState.BACKOFF


def service(name: str, *needs: str) -> Service:
    return Service(name, "run", "/", probes=(), depends_on=needs)


class Stack:
    """A stack and what it asked for last. What a service hears speaks of its present process and state."""

    def __init__(self, *services: Service) -> None:
        self.services = {one.name: one for one in services}
        self.state = initial_state(self.services)
        self.actions: tuple[tuple[str, Action], ...] = ()

    def hears(self, event: StackEvent) -> tuple[tuple[str, Action], ...]:
        step = advance_stack(self.services, self.state, event, 0.0)
        self.state = step.state
        return step.actions

    def start(self, *names: str) -> list[str]:
        return spawned(self.hears(StartWanted(names or tuple(self.services))))

    def stop(self, *names: str) -> list[str]:
        return ended(self.hears(StopWanted(names or tuple(self.services))))

    def restart(self, *names: str) -> list[str]:
        return ended(self.hears(RestartWanted(names)))

    def of(self, name: str, event: Event) -> tuple[tuple[str, Action], ...]:
        return self.hears(ServiceEvent(name, event))

    def ready(self, name: str) -> list[str]:
        self.of(name, Spawned(self.state.statuses[name].processes, 7))
        return spawned(self.of(name, ProbeAnswered(self.state.statuses[name].epoch, True)))

    def exits(self, name: str, status: ExitStatus) -> tuple[tuple[str, Action], ...]:
        """Let the main process end, and what it left."""
        first = self.of(name, Exited(self.state.statuses[name].processes, status))
        return first + self.of(name, Cleared(self.state.statuses[name].epoch))

    def ends(self, name: str) -> tuple[tuple[str, Action], ...]:
        return self.exits(name, ExitStatus(signal=15))

    def is_up(self) -> Stack:
        self.start()
        for name in self.services:
            self.ready(name)
        return self

    @property
    def states(self) -> list[ServiceState]:
        return [status.state for status in self.state.statuses.values()]


def spawned(actions: tuple[tuple[str, Action], ...]) -> list[str]:
    return [name for name, action in actions if isinstance(action, Spawn)]


def ended(actions: tuple[tuple[str, Action], ...]) -> list[str]:
    return [name for name, action in actions if isinstance(action, Terminate)]


def chain() -> Stack:
    return Stack(service("db"), service("api", "db"), service("web", "api"))


def test_a_start_waits_until_every_dependency_is_up() -> None:
    stack = chain()
    assert stack.start() == ["db"]
    assert stack.states == [STARTING, PENDING, PENDING]
    assert stack.ready("db") == ["api"]
    assert stack.ready("api") == ["web"]


def test_services_that_need_nobody_start_together_in_the_procfiles_order() -> None:
    stack = Stack(service("web"), service("api"), service("db"))
    assert stack.start("db", "web", "api") == ["web", "api", "db"]


def test_a_one_shot_that_ended_well_is_up() -> None:
    stack = Stack(service("migrate"), service("api", "migrate"))
    stack.start()
    stack.of("migrate", Spawned(1, 7))
    assert spawned(stack.exits("migrate", ExitStatus(code=0))) == ["api"]
    assert stack.states == [EXITED, STARTING]


def test_a_one_shot_that_failed_is_not() -> None:
    stack = Stack(service("migrate"), service("api", "migrate"))
    stack.start()
    stack.of("migrate", Spawned(1, 7))
    stack.exits("migrate", ExitStatus(code=127))
    assert stack.states == [FAILED, PENDING]
    assert stack.state.has_ended, "nobody is about to bring migrate up"


def test_a_start_does_not_count_on_a_dependency_that_is_about_to_be_stopped() -> None:
    stack = Stack(service("db"), service("api", "db"), service("worker", "db")).is_up()
    stack.stop("worker")
    stack.ends("worker")
    stack.restart("db", "api")
    assert stack.start("worker") == []
    assert stack.states == [READY, STOPPING, PENDING]
    stack.ends("api")
    stack.ends("db")
    assert stack.ready("db") == ["api", "worker"]


def test_a_start_does_not_count_on_a_dependency_that_is_to_end() -> None:
    stack = Stack(service("db"), service("api", "db"), service("worker", "db")).is_up()
    stack.stop("worker")
    stack.ends("worker")
    stack.stop("db", "api")
    assert stack.start("worker") == []
    stack.ends("api")
    stack.ends("db")
    assert stack.states == [STOPPED, STOPPED, PENDING]


def test_a_start_does_not_count_on_a_one_shot_that_is_to_run_again() -> None:
    stack = Stack(service("migrate"), service("api", "migrate"))
    stack.start("migrate")
    stack.of("migrate", Spawned(1, 7))
    stack.exits("migrate", ExitStatus(code=0))
    assert stack.start() == []
    assert stack.states == [STOPPING, PENDING]
    again = stack.of("migrate", Cleared(stack.state.statuses["migrate"].epoch))
    assert spawned(again) == ["migrate"]
    stack.of("migrate", Spawned(2, 8))
    assert spawned(stack.exits("migrate", ExitStatus(code=0))) == ["api"]


def test_a_stop_is_a_start_reversed() -> None:
    stack = chain().is_up()
    assert stack.stop() == ["web"]
    assert ended(stack.ends("web")) == ["api"]
    assert ended(stack.ends("api")) == ["db"]
    stack.ends("db")
    assert stack.states == [STOPPED] * 3
    assert stack.state.has_ended


def test_a_stop_of_one_leaves_those_that_need_it_alone() -> None:
    stack = chain().is_up()
    assert stack.stop("db") == ["db"]
    stack.ends("db")
    assert stack.states == [STOPPED, READY, READY]


def test_a_service_behind_a_finished_one_shot_is_stopped_before_what_that_needed() -> None:
    stack = Stack(service("db"), service("migrate", "db"), service("api", "migrate"))
    stack.start()
    stack.ready("db")
    stack.of("migrate", Spawned(1, 7))
    stack.exits("migrate", ExitStatus(code=0))
    stack.ready("api")
    assert stack.stop() == ["api"]
    assert ended(stack.ends("api")) == ["migrate"], "what it left as a daemon"
    assert ended(stack.of("migrate", Cleared(stack.state.statuses["migrate"].epoch))) == ["db"]


def test_a_service_behind_a_finished_one_shot_waits_for_what_that_needs() -> None:
    stack = Stack(service("db"), service("migrate", "db"), service("api", "migrate"))
    stack.start()
    stack.ready("db")
    stack.of("migrate", Spawned(1, 7))
    stack.exits("migrate", ExitStatus(code=0))
    stack.ready("api")
    stack.stop("db", "api")
    stack.ends("api")
    stack.ends("db")
    assert stack.states == [STOPPED, EXITED, STOPPED]
    assert stack.start("api", "db") == ["db"]
    assert stack.ready("db") == ["api"]


def test_one_that_crashes_while_it_waits_for_its_stop_is_not_started_again() -> None:
    stack = chain().is_up()
    stack.stop()
    stack.exits("db", ExitStatus(code=1))
    assert stack.states == [STOPPED, READY, STOPPING]


def test_the_daemon_of_one_that_ends_meanwhile_waits_its_turn() -> None:
    stack = Stack(service("db"), service("api", "db")).is_up()
    stack.stop()
    actions = stack.of("db", Exited(1, ExitStatus(code=0)))
    assert [action for _, action in actions if isinstance(action, Terminate)] == [Terminate(3, True)]
    assert stack.state.statuses["db"].stopped is Stopped.EXITED
    stack.ends("api")
    assert stack.state.statuses["db"].stopped is Stopped.ASKED, "now nothing of it is spared"


def test_a_stop_takes_a_restart_back_even_where_it_has_to_wait() -> None:
    stack = Stack(service("db"), service("api", "db")).is_up()
    stack.hears(KillWanted())
    stack.start()
    stack.stop()
    assert spawned(stack.ends("db")) == []
    stack.ends("api")
    assert stack.states == [STOPPED, STOPPED]


def test_a_stop_takes_a_waiting_start_back() -> None:
    stack = chain()
    stack.start()
    stack.stop("api")
    assert stack.ready("db") == []
    assert stack.states == [READY, STOPPED, PENDING]


def test_a_start_takes_a_waiting_stop_back() -> None:
    stack = chain().is_up()
    stack.stop()
    stack.start("db")
    stack.ends("web")
    stack.ends("api")
    assert stack.states == [READY, STOPPED, STOPPED]


def test_a_start_of_what_was_stopped_is_pending_until_its_dependency_is_up() -> None:
    stack = chain().is_up()
    stack.stop()
    for name in ("web", "api", "db"):
        stack.ends(name)
    assert stack.start("api", "db") == ["db"]
    assert stack.states == [STARTING, PENDING, STOPPED]


def test_a_start_of_what_runs_or_of_nobody_changes_nothing() -> None:
    stack = chain().is_up()
    before = stack.state
    assert stack.start("api", "nobody") == []
    assert stack.hears(ServiceEvent("nobody", TimerFired(1))) == ()
    assert stack.state == before


def test_a_start_that_waits_does_not_outlive_its_fulfilment() -> None:
    stack = chain().is_up()
    stack.of("db", Exited(1, ExitStatus(code=127)))
    stack.start("api")
    assert stack.state.to_start == {}, "it runs, whatever became of db"


def test_a_restart_of_one_leaves_those_that_need_it_alone() -> None:
    stack = chain().is_up()
    assert stack.restart("db") == ["db"]
    assert spawned(stack.ends("db")) == ["db"]
    assert stack.states == [STARTING, READY, READY]


def test_a_restart_of_several_stops_backwards_and_starts_forwards() -> None:
    stack = chain().is_up()
    assert stack.restart("db", "web") == ["web"]
    assert ended(stack.ends("web")) == ["db"]
    assert stack.states == [STOPPING, READY, PENDING]
    assert spawned(stack.ends("db")) == ["db"]
    assert stack.ready("db") == ["web"]


def test_a_restart_ends_the_daemon_of_a_one_shot_in_its_turn() -> None:
    stack = Stack(service("migrate"), service("api", "migrate"))
    stack.start()
    stack.of("migrate", Spawned(1, 7))
    stack.exits("migrate", ExitStatus(code=0))
    stack.ready("api")
    assert stack.restart("migrate", "api") == ["api"]
    assert ended(stack.ends("api")) == ["migrate"]


def test_a_restart_of_what_runs_does_not_wait_for_a_dependency_that_is_down() -> None:
    stack = chain().is_up()
    stack.stop("db")
    stack.ends("db")
    stack.restart("api")
    assert spawned(stack.ends("api")) == ["api"]


def test_a_restart_of_what_does_not_run_is_a_start() -> None:
    stack = chain()
    stack.start("api")
    assert stack.states == [PENDING, PENDING, PENDING]
    assert stack.restart("api", "db") == []
    assert stack.states == [STARTING, PENDING, PENDING]
    assert stack.ready("db") == ["api"]


def test_a_second_restart_waits_with_the_first() -> None:
    stack = chain().is_up()
    stack.restart("db", "api")
    stack.restart("api")
    assert ended(stack.ends("api")) == ["db"]
    stack.ends("db")
    assert stack.ready("db") == ["api"]


def test_a_restart_during_backoff_does_not_wait_for_it() -> None:
    stack = chain().is_up()
    stack.exits("web", ExitStatus(code=1))
    assert stack.states[2] is BACKOFF
    assert spawned(stack.hears(RestartWanted(("web",)))) == ["web"]


def test_a_stop_of_what_is_being_restarted_wins() -> None:
    stack = chain().is_up()
    stack.restart("db")
    stack.stop("db")
    assert stack.ends("db") == ()
    assert stack.states == [STOPPED, READY, READY]


def test_a_kill_ends_all_at_once_and_every_waiting_wish() -> None:
    stack = chain()
    stack.start()
    stack.ready("db")
    killed = stack.hears(KillWanted())
    assert [name for name, action in killed if isinstance(action, Kill)] == ["db"]
    stack.of("api", Spawned(1, 7))
    for name in ("db", "api"):
        stack.ends(name)
    assert stack.states == [STOPPED] * 3
    assert (dict(stack.state.to_start), stack.state.to_stop) == ({}, frozenset())
