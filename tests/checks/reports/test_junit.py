"""JUnit XML that every reader can read, whatever a service has said."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from devstack.checks.reports.junit import junit_xml
from devstack.core.check_result import CheckResult

GOOD = CheckResult("http http://localhost:5000/", "devstack.dev.api", True, "200", 0.25)
BAD = CheckResult("websocket ws://x", "devstack.dev.trading", False, "upgrade: 404\ncheck <the> path", 1.5)

anything = st.text(st.characters(), max_size=40)


def parsed(text: str) -> ET.Element:
    return ET.fromstring(text.encode("utf-8"))  # noqa: S314 - our own


def test_a_case_for_each_result_and_the_totals() -> None:
    root = parsed(junit_xml("smoke dev", [GOOD, BAD], timestamp="2024-05-01T10:00:00+00:00"))
    suite = root.find("testsuite")
    assert suite is not None
    assert (root.tag, suite.get("name")) == ("testsuites", "smoke dev")
    assert [suite.get(key) for key in ("tests", "failures", "errors", "skipped", "time")] == [
        "2",
        "1",
        "0",
        "0",
        "1.750",
    ]
    assert suite.get("timestamp") == "2024-05-01T10:00:00+00:00"
    good, bad = suite.findall("testcase")
    assert (good.get("classname"), good.get("name"), good.get("time")) == (
        GOOD.classname,
        GOOD.name,
        "0.250",
    )
    assert good.find("failure") is None
    failure = bad.find("failure")
    assert failure is not None
    assert (failure.get("message"), failure.text) == ("upgrade: 404", BAD.detail)


def test_output_stands_with_the_suite_and_escape_codes_are_written_out() -> None:
    text = junit_xml("s", [], output="\x1b[31mred\x1b[0m \x00 \ufffe end")
    output = parsed(text).findtext("testsuite/system-out")
    assert output == "\\x1b[31mred\\x1b[0m \\x00 \\ufffe end"


@given(anything, st.lists(st.builds(CheckResult, anything, anything, st.booleans(), anything)), anything)
def test_no_text_makes_it_invalid(suite: str, results: list[CheckResult], output: str) -> None:
    text = junit_xml(suite, results, output=output)
    root = parsed(text)
    assert len(root.findall("testsuite/testcase")) == len(results)
