"""One thing that was checked and what came of it. A plain value, for tables, JUnit and annotations alike."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CheckResult:
    """`name` says what was checked, `detail` what came of it, in a few words or in lines.

    `classname` groups results, with dots (JUnit's word): `devstack.dev.trading`. `seconds` is what it took.
    `is_warning` tells of something that is not as it should be and is no failure: `ok` is True then.
    """

    name: str
    classname: str
    ok: bool
    detail: str = ""
    seconds: float = 0.0
    is_warning: bool = False
