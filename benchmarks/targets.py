"""The figures that devstack is to reach, and whether it does. Pure.

The targets were set on another machine. What is a time there is scaled by what a peer took there and takes
here; what is a ratio, a count or a size is compared as it stands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.figures import HARD, LOSS, Summary, number

Judge = Callable[[Summary], float | None]


@dataclass(frozen=True, slots=True)
class Target:
    """One row: what is wanted in words, what was measured, and the bound on this machine."""

    title: str
    stated: str
    measured: Judge
    bound: Judge
    at_least: bool = False
    digits: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """One target, judged; None where a part of it was not measured."""

    target: Target
    bound: float | None
    measured: float | None

    @property
    def reached(self) -> bool | None:
        if self.bound is None or self.measured is None:
            return None
        return self.measured >= self.bound if self.target.at_least else self.measured <= self.bound


def _devstack(figure: str) -> Judge:
    return lambda summary: number(summary, "devstack", figure)


def _constant(value: float) -> Judge:
    return lambda _summary: value


def _scaled(value: float, peer: str, figure: str, there: float) -> Judge:
    """The bound `value`, set where `peer` took `there`."""

    def bound(summary: Summary) -> float | None:
        here = number(summary, peer, figure)
        return None if here is None else value * here / there

    return bound


def _total(names: tuple[str, ...]) -> Judge:
    def total(summary: Summary) -> float | None:
        values = [number(summary, "devstack", name) for name in names]
        known = [value for value in values if value is not None]
        return sum(known) if len(known) == len(values) else None

    return total


def _start_beyond_typer(summary: Summary) -> float | None:
    start, typer = number(summary, "devstack", "start4"), number(summary, "devstack", "typer")
    return None if start is None or typer is None else start - typer


TARGETS = (
    Target(
        "hard cases: processes left, all columns",
        "0",
        _total(tuple(figure.name for figure in HARD if figure.name.endswith("_left"))),
        _constant(0),
    ),
    Target(
        "lines lost, torn, doubled or out of order, all cases, screen and files",
        "0",
        _total(tuple(figure.name for figure in LOSS)),
        _constant(0),
    ),
    Target(
        "log, 1 child, pipe and log file, thousand lines/s",
        "≥ 3,400 (concurrently 3,380)",
        _devstack("log1"),
        _scaled(3400, "concurrently", "log1", 3380),
        at_least=True,
    ),
    Target(
        "the same, against the Python floor",
        "≥ 0.6 × floor",
        _devstack("log1"),
        _scaled(0.6, "floor", "log1", 1),
        at_least=True,
    ),
    Target(
        "supervisor CPU s per GB of log",
        "≤ 4 (concurrently 3.0)",
        _devstack("cpu_gb"),
        _scaled(4, "concurrently", "cpu_gb", 3.0),
        digits=1,
    ),
    Target(
        "line age p50, µs", "≤ 150 (floor 93)", _devstack("age_p50"), _scaled(150, "floor", "age_p50", 93)
    ),
    Target(
        "start of 4, ms",
        "≤ 0.95 × honcho",
        _devstack("start4"),
        _scaled(0.95, "honcho", "start4", 1),
    ),
    Target(
        "start of 4 with `-f FILE`, ms",
        "≤ 1.05 × without",
        _devstack("start4_file"),
        _scaled(1.05, "devstack", "start4", 1),
    ),
    Target(
        "start of 4 beyond `import typer`, ms",
        "≤ 45 (honcho 104)",
        _start_beyond_typer,
        _scaled(45, "honcho", "start4", 104),
    ),
    Target(
        "start of 200, ms",
        "≤ 400 (honcho 848)",
        _devstack("start200"),
        _scaled(400, "honcho", "start200", 848),
    ),
    Target("PSS at 4, MB", "≤ 25", _devstack("pss4"), _constant(25), digits=1),
    Target("PSS at 200, MB", "≤ 35", _devstack("pss200"), _constant(35), digits=1),
    Target("idle CPU, ms per 10 s", "≤ 2", _devstack("idle"), _constant(2), digits=1),
    Target("stop of 4, ms", "≤ 50 (honcho 120)", _devstack("stop"), _scaled(50, "honcho", "stop", 120)),
)


def judge(summary: Summary) -> list[Verdict]:
    """Return the verdict on each target."""
    return [Verdict(target, target.bound(summary), target.measured(summary)) for target in TARGETS]
