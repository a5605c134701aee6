"""The report says what was measured, what was not, and why."""

from __future__ import annotations

from benchmarks.figures import SPEED
from benchmarks.report import Results, render, table, written


def test_a_table_has_its_numbers_on_the_right() -> None:
    assert table(["", "ms"], [["honcho", "5"]]) == "|  | ms |\n| --- | ---: |\n| honcho | 5 |"


def test_a_value_is_rounded_a_word_stays_and_nothing_is_an_empty_cell() -> None:
    assert written(1234.56, 1) == "1,234.6"
    assert written("never (40 s)") == "never (40 s)"
    assert written(None) == ""


def test_the_report_names_medians_ratios_and_what_could_not_be_had() -> None:
    results = Results(
        samples={"devstack": {"start4": [50.0, 70.0, 60.0]}, "honcho": {"start4": [90.0]}},
        facts=["2 processors"],
        shows={"devstack": "pipe and log files"},
        unavailable={"hivemind": "not on the PATH"},
        failures={"honcho": {"start200": "exited with 1"}},
    )
    text = render(results)
    assert "| devstack | 60 |" in text
    assert "| honcho | 1.50 |" in text
    assert "hivemind: not on the PATH" in text
    assert "honcho, start200: exited with 1" in text
    assert f"| honcho | 90 |  | {'fails'} |" in text
    assert SPEED[0].title in text


def test_lost_and_torn_lines_stand_in_one_cell_with_what_else_is_wrong() -> None:
    samples = {"pm2": {"log1_lost": [0.0, 12.0], "log1_torn": [3.0, 0.0], "log1_mixed": [0.0, 2.0]}}
    assert "12 / 3 (+ 2 doubled or out of order)" in render(Results(samples=samples))
