"""What holds for all tests."""

from __future__ import annotations

import signal

import pytest
from hypothesis import HealthCheck, settings

from tests.skips import summary

# A machine that is busy with other tests is slow, and that is no failure of what is tested.
settings.register_profile(
    "shared", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("shared")

# What is ignored stays so over exec: under nohup, or behind a script's `&`, our children would hear nothing.
signal.signal(signal.SIGINT, signal.default_int_handler)
for _name in ("SIGHUP", "SIGQUIT"):
    if hasattr(signal, _name):
        signal.signal(getattr(signal, _name), signal.SIG_DFL)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line what was skipped, and for want of what."""
    reports = terminalreporter.stats.get("skipped", [])
    reasons = (str(report.longrepr[2]) for report in reports if isinstance(report.longrepr, tuple))
    terminalreporter.write_line(summary(reasons))
