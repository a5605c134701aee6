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
        failures={"honcho": {"start200": "exited with 1", "calm4": "not done after 180 s"}},
    )
    text = render(results)
    assert "| devstack | 60 |" in text
    assert "| honcho | 1.50 |" in text
    assert "hivemind: not on the PATH" in text
    assert "honcho, start200: exited with 1" in text
    assert "| honcho | 90 | fails |" in text
    assert "| honcho | fails | fails |" in text  # memory and idle processor time are one case
    assert SPEED[0].title in text
    assert "hivemind" not in text.partition("## Not measured")[0]


def test_what_nobody_measured_has_no_section_and_no_column() -> None:
    samples = {"devstack": {"start4": [50.0]}, "honcho": {"start4": [90.0]}}
    text = render(Results(samples=samples, facts=["2 processors"]))
    for title in (
        "## Lines lost / torn",
        "## Log stream",
        "## Size and rest",
        "## Hard cases",
        "## Where the output was read",
    ):
        assert title not in text
    assert "|  | start of 4, ms |" in text
    assert "\n\n\n" not in text


def test_a_case_that_failed_in_one_tool_is_said_in_its_cell() -> None:
    text = render(
        Results(
            samples={"devstack": {"log1_lost": [0.0], "log1_torn": [0.0]}, "pm2": {}},
            failures={"pm2": {"log1": "not done after 180 s"}},
        )
    )
    assert "| devstack | 0 / 0 |" in text
    assert "| pm2 | fails |" in text


def test_lost_and_torn_lines_stand_in_one_cell_with_what_else_is_wrong() -> None:
    samples = {"pm2": {"log1_lost": [0.0, 12.0], "log1_torn": [3.0, 0.0], "log1_mixed": [0.0, 2.0]}}
    assert "12 / 3 (+ 2 doubled or out of order)" in render(Results(samples=samples))
