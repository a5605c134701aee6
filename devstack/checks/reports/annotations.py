"""Results as GitHub Actions shows them: annotations on the run, and a summary of the step. Only text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from devstack.core.check_result import CheckResult

_MARKDOWN = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "\\|", "`": "\\`", "*": "\\*", "_": "\\_", "\r": ""}
_MARKDOWN |= {"[": "\\[", "]": "\\]", "@": "&#64;", "#": "&#35;", "\n": "<br>"}


def workflow_commands(results: Sequence[CheckResult]) -> str:
    """Return a workflow command for each result that is not well, `::error` or `::warning`, a line each."""
    return "".join(
        f"::{'warning' if result.ok else 'error'} "
        f"title={_property(f'{result.classname}: {result.name}')}::{_data(result.detail)}\n"
        for result in results
        if not result.ok or result.is_warning
    )


def step_summary(suite_name: str, results: Sequence[CheckResult], first_cause: str = "") -> str:
    """Return the Markdown for GITHUB_STEP_SUMMARY: a table, what failed first, and the lines of why."""
    failed = sum(not result.ok for result in results)
    verdict = f"{failed} of {len(results)} failed" if failed else f"all {len(results)} ok"
    rows = "".join(map(_row, sorted(results, key=lambda result: (result.ok, not result.is_warning))))
    heading = f"### {_cell(suite_name)}: {verdict}"
    return (
        f"{heading}\n\n| | what | where | found | s |\n|---|---|---|---|---:|\n{rows}\n{_block(first_cause)}"
    )


def _block(text: str) -> str:
    """Return `text` as a code block that nothing in it ends: its fence is longer than any there."""
    if not text:
        return ""
    fence = "`" * (max([2, *(len(run) for run in re.findall("`+", text))]) + 1)
    plain = "".join(char for char in text if char.isprintable() or char == "\n")
    return f"{fence}text\n{plain}\n{fence}\n"


def _row(result: CheckResult) -> str:
    mark = "⚠️" if result.is_warning else "✅" if result.ok else "❌"
    cells = (result.name, result.classname, result.detail)
    return f"| {mark} | {' | '.join(map(_cell, cells))} | {result.seconds:.2f} |\n"


def _cell(text: str) -> str:
    """Return `text` so that Markdown shows it and obeys nothing in it."""
    return "".join(_MARKDOWN.get(char, char) for char in text if char.isprintable() or char in "\r\n")


def _data(text: str) -> str:
    """Escape a workflow command's message, as @actions/core does."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """Escape a workflow command's property, as @actions/core does."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
