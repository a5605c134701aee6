"""What the states of a stack's services mean for the whole."""

from __future__ import annotations

import pytest

from devstack.core.outcome import EndPolicy, Judgement, Verdict, exit_code, judge, not_up
from devstack.core.service import ExitStatus, ServiceState, ServiceStatus, Stopped

DEV, PROD = EndPolicy(), EndPolicy(crash_loop_ends=True)
READY = ServiceStatus(ServiceState.READY, wanted=True)
STARTING = ServiceStatus(ServiceState.STARTING, wanted=True)
STOPPED = ServiceStatus(ServiceState.STOPPED)
CODE = {0: ExitStatus(code=0), 1: ExitStatus(code=1), 3: ExitStatus(code=3)}


def ended(state: ServiceState, code: int) -> ServiceStatus:
    return ServiceStatus(state, wanted=True, stopped=Stopped.EXITED, exit=CODE[code])


DONE = ended(ServiceState.EXITED, 0)
FAILED = ended(ServiceState.FAILED, 3)
CRASHED = ended(ServiceState.BACKOFF, 1)


@pytest.mark.parametrize(
    ("statuses", "verdict", "services"),
    [
        ([READY, DONE], Verdict.READY, ()),
        ([READY, STARTING], Verdict.GOES_ON, ()),
        ([READY, CRASHED], Verdict.GOES_ON, ()),
        ([READY, STOPPED], Verdict.READY, ()),
        ([DONE, ServiceStatus()], Verdict.GOES_ON, ()),
        ([STARTING, FAILED], Verdict.FAILED, ("1",)),
    ],
)
@pytest.mark.parametrize("policy", [DEV, PROD])
@pytest.mark.parametrize("at_rest", [True, False])
def test_before_it_was_ready(
    at_rest: bool,
    policy: EndPolicy,
    statuses: list[ServiceStatus],
    verdict: Verdict,
    services: tuple[str, ...],
) -> None:
    assert judge(named(statuses), policy, was_ready=False, at_rest=at_rest) == Judgement(verdict, services)


def named(statuses: list[ServiceStatus]) -> dict[str, ServiceStatus]:
    return {str(position): status for position, status in enumerate(statuses)}


def test_a_crash_loop_after_ready_ends_a_stack_in_prod_alone() -> None:
    statuses = named([READY, FAILED])
    assert judge(statuses, DEV, was_ready=True, at_rest=False).verdict is Verdict.GOES_ON
    assert judge(statuses, PROD, was_ready=True, at_rest=False) == Judgement(Verdict.FAILED, ("1",))


@pytest.mark.parametrize(
    ("statuses", "code"), [([DONE, DONE], 0), ([DONE, FAILED], 1), ([STOPPED], 0)], ids=str
)
def test_a_stack_ends_when_all_have_ended(statuses: list[ServiceStatus], code: int) -> None:
    judgement = judge(named(statuses), DEV, was_ready=True, at_rest=True)
    assert judgement.verdict is Verdict.ENDED
    assert exit_code(named(statuses), DEV, judgement) == code


@pytest.mark.parametrize(("first", "code"), [(DONE, 0), (CRASHED, 1), (FAILED, 1)])
@pytest.mark.parametrize("was_ready", [True, False])
def test_the_first_exit_ends_a_stack_that_is_to_abort(
    first: ServiceStatus, code: int, was_ready: bool
) -> None:
    policy = EndPolicy(abort_on_exit=True)
    statuses = named([READY, first])
    judgement = judge(statuses, policy, was_ready=was_ready, at_rest=False)
    assert judgement == Judgement(Verdict.ABORTED, ("1",))
    assert exit_code(statuses, policy, judgement) == code


def test_one_that_was_stopped_or_restarted_by_somebody_aborts_nothing() -> None:
    policy = EndPolicy(abort_on_exit=True)
    asked = ServiceStatus(ServiceState.STOPPING, stopped=Stopped.ASKED, exit=ExitStatus(signal=15))
    restarted = ServiceStatus(ServiceState.STOPPING, wanted=True, exit=ExitStatus(signal=15))
    statuses = named([READY, asked, restarted])
    assert judge(statuses, policy, was_ready=True, at_rest=False).verdict is Verdict.GOES_ON


@pytest.mark.parametrize(("status", "code"), [(DONE, 0), (FAILED, 3), (CRASHED, 1)])
def test_the_chosen_service_ends_the_stack_with_its_exit_code(status: ServiceStatus, code: int) -> None:
    policy = EndPolicy(exit_code_from="1")
    statuses = named([FAILED, status])
    judgement = judge(statuses, policy, was_ready=True, at_rest=False)
    assert judgement == Judgement(Verdict.ABORTED, ("1",))
    assert exit_code(statuses, policy, judgement) == code


def test_one_that_has_been_started_again_has_not_ended() -> None:
    again = ServiceStatus(ServiceState.STARTING, wanted=True, stopped=Stopped.EXITED)
    judgement = judge(named([again]), EndPolicy(abort_on_exit=True), was_ready=True, at_rest=False)
    assert judgement.verdict is Verdict.GOES_ON


def test_the_exit_of_another_service_does_not() -> None:
    policy = EndPolicy(exit_code_from="1")
    statuses = named([DONE, READY])
    assert judge(statuses, policy, was_ready=True, at_rest=False).verdict is Verdict.GOES_ON


def test_a_chosen_service_that_never_ended_has_no_good_exit_code() -> None:
    statuses = named([FAILED, READY])
    failed = Judgement(Verdict.FAILED, ("0",))
    assert exit_code(statuses, EndPolicy(exit_code_from="1"), failed) == 1
    assert exit_code(statuses, DEV, failed) == 1


def test_a_start_waits_for_whoever_is_not_up_and_was_not_stopped() -> None:
    pending = ServiceStatus()
    assert not_up(named([READY, STARTING, DONE, STOPPED, pending, CRASHED])) == ("1", "4", "5")
