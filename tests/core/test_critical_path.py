"""On whom a start waited, and who failed first."""

from __future__ import annotations

from devstack.core.critical_path import Wait, critical_path, first_in_trouble, impostor_of
from devstack.core.events import Cause, Event, ServiceChanged, StackReady, StackStopping, Trouble
from devstack.core.findings import Finding, Level
from devstack.core.service import ServiceState, ServiceStatus


def entered(name: str, state: ServiceState, seconds: float) -> ServiceChanged:
    return ServiceChanged(name, ServiceStatus(state), seconds)


def up(name: str, since: float, until: float) -> list[Event]:
    return [entered(name, ServiceState.STARTING, since), entered(name, ServiceState.READY, until)]


def test_the_path_goes_back_through_whoever_was_up_last() -> None:
    events = [*up("db", 0, 0.5), *up("cache", 0, 2), *up("api", 2, 2.5), *up("page", 0, 1)]
    needs = {"db": (), "cache": (), "api": ("db", "cache"), "page": ()}
    assert critical_path(events, needs) == (Wait("cache", 0, 2, True), Wait("api", 2, 2.5, True))


def test_a_service_that_never_came_up_ends_the_path_when_the_start_was_given_up() -> None:
    events = [
        *up("db", 0, 0.5),
        entered("api", ServiceState.STARTING, 0.5),
        *up("page", 0, 7),
        StackStopping(Cause.NOT_READY, seconds=9),
        entered("api", ServiceState.STOPPED, 12),
    ]
    path = critical_path(events, {"db": (), "api": ("db",), "page": ()})
    assert path == (Wait("db", 0, 0.5, True), Wait("api", 0.5, 9, False))
    assert path[-1].seconds == 8.5


def test_restarts_count_from_the_first_start() -> None:
    events = [
        entered("api", ServiceState.STARTING, 0),
        entered("api", ServiceState.BACKOFF, 1),
        *up("api", 2, 3),
    ]
    assert critical_path(events, {"api": ()}) == (Wait("api", 0, 3, True),)


def test_what_concerns_no_service_of_the_stack_makes_no_path() -> None:
    events = [*up("api", 0, 1), StackReady(1), *up("stranger", 1, 5)]
    assert critical_path(events, {"api": ()}) == (Wait("api", 0, 1, True),)


def test_a_stack_that_never_started_has_no_path() -> None:
    assert critical_path([], {"api": ()}) == ()


def test_who_crashed_first_is_the_first_in_trouble() -> None:
    events = [
        entered("db", ServiceState.BACKOFF, 1),
        entered("api", ServiceState.FAILED, 2),
        StackStopping(Cause.FAILED, (Trouble("api", ServiceStatus(ServiceState.FAILED)),)),
    ]
    assert first_in_trouble(events) == "db"


def test_who_only_waited_for_another_is_not_the_first_in_trouble() -> None:
    troubles = (
        Trouble("page", ServiceStatus(), waits_for=("api",)),
        Trouble("api", ServiceStatus(ServiceState.STARTING)),
    )
    assert first_in_trouble([StackStopping(Cause.NOT_READY, troubles)]) == "api"


def test_whose_port_an_impostor_has_is_the_first_in_trouble() -> None:
    finding = Finding("impostors", Level.ERROR, "page listens on 3001", service="trading", port=3001)
    stop = StackStopping(Cause.IMPOSTOR, findings=(finding,))
    assert first_in_trouble([stop]) == "trading"
    assert impostor_of([stop]) is finding


def test_an_impostor_came_before_the_crash_that_it_caused() -> None:
    finding = Finding("impostors", Level.ERROR, "web listens on 3001", service="trading", port=3001)
    stop = StackStopping(Cause.IMPOSTOR, findings=(finding,))
    assert first_in_trouble([entered("api", ServiceState.BACKOFF, 1), stop]) == "trading"
    assert impostor_of([entered("api", ServiceState.BACKOFF, 1)]) is None


def test_a_start_that_went_well_has_nobody_in_trouble() -> None:
    assert first_in_trouble([*up("db", 0, 1), StackReady(1)]) is None
