"""Restart policies, exit statuses, and what a status says of itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.core.service import (
    ENDED_STATES,
    OCCUPIED_STATES,
    ExitStatus,
    ProbeKind,
    ReadinessProbe,
    RestartMode,
    RestartPolicy,
    Service,
    ServiceState,
    ServiceStatus,
    StopPolicy,
)

GOOD, BAD, KILLED = ExitStatus(code=0), ExitStatus(code=1), ExitStatus(signal=9)
HOPELESS = [ExitStatus(code=126), ExitStatus(code=127), ExitStatus(error="no such folder")]


@pytest.mark.parametrize(
    ("mode", "wants"),
    [
        (RestartMode.NEVER, [False, False, False]),
        (RestartMode.ON_FAILURE, [False, True, True]),
        (RestartMode.ALWAYS, [True, True, True]),
    ],
)
def test_a_mode_says_which_ends_ask_for_a_restart(mode: RestartMode, wants: list[bool]) -> None:
    policy = RestartPolicy(mode)
    assert [policy.wants_restart(status) for status in (GOOD, BAD, KILLED)] == wants
    assert not any(policy.wants_restart(status) for status in HOPELESS)


@given(st.lists(st.floats(0, 120)), st.floats(0, 120), st.integers(0, 5))
def test_restarts_count_for_as_long_as_the_policy_says(times: list[float], now: float, most: int) -> None:
    policy = RestartPolicy(max=most, within=60.0)
    counting = [at for at in times if at <= now < at + 60.0 and 0 <= now - at < 60.0]
    assert list(policy.recent(tuple(times), now)) == counting
    assert policy.allows_restart(tuple(times), now) is (len(counting) < most)


def test_the_backoff_doubles_up_to_its_longest() -> None:
    policy = RestartPolicy(first_delay=0.2, longest_delay=10.0)
    delays = [policy.delay(failures) for failures in range(1, 9)]
    assert delays == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    assert policy.delay(0) == 0.2
    assert policy.delay(10_000) == 10.0


@pytest.mark.parametrize(
    ("status", "code"),
    [(GOOD, 0), (BAD, 1), (KILLED, 137), (ExitStatus(signal=15), 143), (HOPELESS[2], 127)],
)
def test_an_exit_is_one_number_as_in_a_shell(status: ExitStatus, code: int) -> None:
    assert status.shell_code == code
    assert status.is_success is (code == 0)


@pytest.mark.parametrize(
    ("probe", "is_repeated"),
    [
        (ReadinessProbe(ProbeKind.TCP, 80), False),
        (ReadinessProbe(ProbeKind.TCP, 80, every=1.0), True),
        (ReadinessProbe(ProbeKind.LOG, target="ready", every=1.0), False),
        (ReadinessProbe(ProbeKind.ALIVE, every=1.0), False),
    ],
)
def test_a_line_that_came_is_not_asked_for_again(probe: ReadinessProbe, is_repeated: bool) -> None:
    assert probe.is_repeated is is_repeated


def test_the_policies_are_those_of_the_contract() -> None:
    service = Service("web", "run", "/")
    assert service.restart == RestartPolicy(RestartMode.ON_FAILURE, max=5, within=60.0)
    assert service.stop == StopPolicy("TERM", grace=10.0)
    assert ServiceStatus() == ServiceStatus(ServiceState.PENDING, wanted=False, epoch=0, processes=0)


def test_a_restart_is_every_process_but_the_first() -> None:
    assert [ServiceStatus(processes=count).restarts for count in (0, 1, 2)] == [0, 0, 1]


def test_a_process_is_awaited_until_something_is_known_of_it() -> None:
    asked = ServiceStatus(ServiceState.STARTING, processes=1)
    assert asked.awaits_process
    assert not ServiceStatus(ServiceState.STARTING, pid=7).awaits_process
    assert not ServiceStatus(ServiceState.STOPPING, exit=GOOD).awaits_process
    assert not ServiceStatus(ServiceState.STOPPED).awaits_process


def test_a_service_that_has_ended_has_nothing_that_lives() -> None:
    assert not ENDED_STATES & OCCUPIED_STATES
