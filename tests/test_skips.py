"""The line that says what a run has skipped."""

from __future__ import annotations

from tests.skips import summary


def test_missing_tools_are_counted() -> None:
    reasons = ["Skipped: Node.js is not installed"] * 2 + ["Skipped: no nc with Unix sockets here"]
    assert summary(reasons) == "skipped tests: 3 (needs Node.js: 2, needs nc: 1)"


def test_another_reason_is_told_as_it_is() -> None:
    assert summary(["Skipped: root may read everything"]) == "skipped tests: 1 (root may read everything: 1)"


def test_a_whole_run_says_so() -> None:
    assert summary([]) == "skipped tests: none"
