"""What a check found out: a plain value that `console` words and `cli` turns into an exit code."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a finding is. Only ERROR makes a command fail."""

    ERROR = "error"
    WARNING = "warning"
    OK = "ok"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check looked at.

    `check` is the check's name as scripts know it. `what` is one sentence that says what is so, `why` what
    follows from it, `what_to_do` the next step or the line that mends it; the last two are empty where
    nothing is wrong. `service` and `port` say whom it concerns, where it concerns one.
    """

    check: str
    level: Level
    what: str
    why: str = ""
    what_to_do: str = ""
    service: str | None = None
    port: int | None = None


def has_error(findings: Iterable[Finding]) -> bool:
    """Say whether anything among `findings` is wrong, beyond a warning."""
    return any(finding.level is Level.ERROR for finding in findings)
