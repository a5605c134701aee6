"""Samples become medians or worst values, ratios point the right way, targets are judged from ratios."""

from __future__ import annotations

import pytest

from benchmarks.figures import HARD, LOSS, Figure, advantage, combine, summarise
from benchmarks.targets import judge

TIME = Figure("start4", "start")
RATE = Figure("log1", "rate", more_is_better=True)
COUNT = Figure("left", "left", worst=True)


def test_times_become_their_median() -> None:
    assert combine(TIME, [9.0, 1.0, 2.0]) == 2.0


def test_of_counts_the_worst_stays() -> None:
    assert combine(COUNT, [0.0, 3.0, 0.0]) == 3.0


def test_a_word_outweighs_numbers() -> None:
    assert combine(TIME, [1.0, "never", 2.0]) == "never"


def test_a_figure_without_a_sample_is_absent() -> None:
    assert summarise({"honcho": {"start4": [], "log1": [5.0]}}) == {"honcho": {"log1": 5.0}}


def test_an_advantage_above_one_means_that_devstack_is_better() -> None:
    summary = {"devstack": {"start4": 50.0, "log1": 3000.0}, "honcho": {"start4": 100.0, "log1": 50.0}}
    assert advantage(summary, "honcho", TIME) == 2.0
    assert advantage(summary, "honcho", RATE) == 60.0


def test_there_is_no_advantage_over_what_was_not_measured() -> None:
    assert advantage({"devstack": {"start4": 1.0}, "pm2": {"start4": "fails"}}, "pm2", TIME) is None


@pytest.mark.parametrize(("ours", "reached"), [(94.0, True), (96.0, False)])
def test_a_target_that_is_a_ratio_follows_the_peer(ours: float, reached: bool) -> None:
    summary = {"devstack": {"start4": ours}, "honcho": {"start4": 100.0}}
    verdicts = {verdict.target.title: verdict for verdict in judge(summary)}
    assert verdicts["start of 4, ms"].reached is reached


def test_a_target_in_ms_is_scaled_by_what_a_peer_takes_here() -> None:
    summary = {"devstack": {"start200": 700.0}, "honcho": {"start200": 2 * 848.0}}
    verdicts = {verdict.target.title: verdict for verdict in judge(summary)}
    assert verdicts["start of 200, ms"].bound == 800.0
    assert verdicts["start of 200, ms"].reached


def test_a_rate_must_be_at_least_its_target() -> None:
    summary = {"devstack": {"log1": 2500.0}, "floor": {"log1": 5000.0}}
    verdicts = {verdict.target.title: verdict for verdict in judge(summary)}
    assert verdicts["the same, against the Python floor"].reached is False


def test_a_target_whose_peer_was_not_measured_is_open() -> None:
    verdicts = judge({"devstack": {"start4": 50.0}})
    assert all(verdict.reached is None for verdict in verdicts if "start" in verdict.target.title)


def test_one_process_left_in_one_hard_case_misses_the_target() -> None:
    clean = {figure.name: 0.0 for figure in (*HARD, *LOSS)}
    assert [v.reached for v in judge({"devstack": clean})[:2]] == [True, True]
    assert judge({"devstack": {**clean, "daemon_left": 1.0}})[0].reached is False
    assert judge({"devstack": {**clean, "burst_torn": 1.0}})[1].reached is False
