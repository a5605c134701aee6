"""What GitHub Actions is told."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from devstack.checks.reports.annotations import step_summary, workflow_commands
from devstack.core.check_result import CheckResult

GOOD = CheckResult("http http://localhost:5000/", "devstack.dev.api", True, "200", 0.25)
ODD = CheckResult("exposure 1", "c", True, "open\nwhy", is_warning=True)
BAD = CheckResult("a: b, c", "devstack.dev.trading", False, "100% wrong:\r\nsee, below", 1.5)


def test_what_failed_is_an_error_on_one_line_with_everything_escaped() -> None:
    assert workflow_commands([GOOD, BAD]) == (
        "::error title=devstack.dev.trading%3A a%3A b%2C c::100%25 wrong:%0D%0Asee, below\n"
    )


def test_what_is_odd_is_a_warning_and_fails_nothing() -> None:
    assert workflow_commands([ODD]) == "::warning title=c%3A exposure 1::open%0Awhy\n"
    lines = step_summary("smoke", [GOOD, ODD]).splitlines()
    assert lines[0] == "### smoke: all 2 ok"
    assert lines[4].startswith("| ⚠️ | exposure 1 |")


def test_nothing_is_said_where_nothing_failed() -> None:
    assert workflow_commands([GOOD]) == ""


@given(st.lists(st.builds(CheckResult, st.text(), st.text(), st.just(False), st.text())))
def test_each_result_is_one_line_that_no_text_can_break_out_of(results: list[CheckResult]) -> None:
    text = workflow_commands(results)
    assert text.count("\n") == len(results)
    assert "\r" not in text


def test_the_summary_shows_what_failed_first_and_obeys_nothing_in_it() -> None:
    evil = CheckResult("<script>|`x`", "c", False, "line one\nline *two* @someone [a](b)")
    lines = step_summary("smoke dev", [GOOD, evil]).splitlines()
    assert lines[0] == "### smoke dev: 1 of 2 failed"
    assert lines[4] == (
        "| ❌ | &lt;script&gt;\\|\\`x\\` | c | line one<br>line \\*two\\* &#64;someone \\[a\\](b) | 0.00 |"
    )
    assert lines[5].startswith("| ✅ | http http://localhost:5000/ |")


def test_the_summary_says_when_all_is_well() -> None:
    assert step_summary("smoke", [GOOD]).startswith("### smoke: all 1 ok\n")
