"""Writes the results as Markdown. Pure: samples in, text out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.figures import (
    HARD,
    LOG,
    LOSS_CASES,
    SIZE,
    SPEED,
    Figure,
    Summary,
    Value,
    advantage,
    number,
    summarise,
)
from benchmarks.targets import judge

Samples = dict[str, dict[str, list[Value]]]
"""Peer, figure, one value a round."""


@dataclass
class Results:
    """All that a run of the benchmarks has found.

    `facts` are lines about the machine and the method; `versions` and `shows` are by peer, `unavailable` says
    why a peer is not in the tables, `failures` is by peer and case.
    """

    samples: Samples = field(default_factory=dict)
    facts: list[str] = field(default_factory=list)
    shows: dict[str, str] = field(default_factory=dict)
    unavailable: dict[str, str] = field(default_factory=dict)
    failures: dict[str, dict[str, str]] = field(default_factory=dict)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; all columns but the first are set to the right."""
    lines = [list(head), ["---", *["---:"] * (len(head) - 1)], *[list(row) for row in rows]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def written(value: Value | None, digits: int = 0) -> str:
    """Return a value as it stands in a cell."""
    if value is None:
        return ""
    return value if isinstance(value, str) else f"{value:,.{digits}f}"


def _cell(results: Results, summary: Summary, peer: str, figure: Figure) -> str:
    value = summary.get(peer, {}).get(figure.name)
    if value is None and any(case in figure.name for case in results.failures.get(peer, {})):
        return "fails"
    return written(value, figure.digits)


def _figures(results: Results, summary: Summary, figures: Sequence[Figure]) -> str:
    head = ["", *(figure.title for figure in figures)]
    return table(
        head, [[peer, *(_cell(results, summary, peer, figure) for figure in figures)] for peer in summary]
    )


def _ratios(summary: Summary, figures: Sequence[Figure]) -> str:
    rows = []
    for peer in summary:
        if peer != "devstack":
            ratios = [advantage(summary, peer, figure) for figure in figures]
            rows.append([peer, *(f"{ratio:.2f}" if ratio is not None else "" for ratio in ratios)])
    return table(["", *(figure.title.partition(",")[0] for figure in figures)], rows)


def _loss(summary: Summary) -> str:
    rows = []
    for peer in summary:
        cells = []
        for case in LOSS_CASES:
            lost, torn = number(summary, peer, f"{case}_lost"), number(summary, peer, f"{case}_torn")
            text = "" if lost is None or torn is None else f"{lost:,.0f} / {torn:,.0f}"
            mixed, filed = number(summary, peer, f"{case}_mixed"), number(summary, peer, f"{case}_filed")
            text += f" (+ {mixed:,.0f} doubled or out of order)" if mixed else ""
            text += f" (+ {filed:,.0f} in log files)" if filed else ""
            cells.append(text)
        rows.append([peer, *cells])
    return table(["lost / torn", *LOSS_CASES.values()], rows)


def _targets(summary: Summary) -> str:
    rows = []
    for verdict in judge(summary):
        digits = verdict.target.digits
        sign = "≥" if verdict.target.at_least else "≤"
        bound = "not measured" if verdict.bound is None else f"{sign} {verdict.bound:,.{digits}f}"
        reached = {True: "yes", False: "**no**", None: "–"}[verdict.reached]
        measured = written(verdict.measured, digits) or "not measured"
        rows.append([verdict.target.title, verdict.target.stated, bound, measured, reached])
    return table(["", "target as set", "here", "devstack", "reached"], rows)


def _list(entries: Mapping[str, str]) -> str:
    return "\n".join(f"- {name}: {text}" for name, text in entries.items())


def render(results: Results) -> str:
    """Return the whole report."""
    summary = summarise(results.samples)
    speed = (*SPEED, *LOG, *SIZE)
    failures = {
        f"{peer}, {case}": reason
        for peer, cases in results.failures.items()
        for case, reason in cases.items()
    }
    parts = [
        "# What was measured",
        "Written by `make bench`; [README.md](README.md) says how each figure is taken. Compare ratios, not "
        "milliseconds: they hold from machine to machine.",
        "\n".join(f"- {fact}" for fact in results.facts),
        "## Targets",
        "“Here” is the target on this machine: where another peer's figure stands in parentheses, it is "
        "scaled by what that peer takes here.",
        _targets(summary),
        "## Speed",
        _figures(results, summary, SPEED),
        "## Log stream",
        _figures(results, summary, LOG),
        "## Size and rest",
        _figures(results, summary, SIZE),
        "## How many times better devstack is",
        "Below 1 the other is better.",
        _ratios(summary, speed),
        "## Lines lost / torn",
        "The worst of all rounds.",
        _loss(summary),
        "## Hard cases",
        _figures(results, summary, HARD),
        "## Where the output was read",
        _list(results.shows),
    ]
    if results.unavailable:
        parts += ["## Not measured", _list(results.unavailable)]
    if failures:
        parts += ["## What failed", _list(failures)]
    return "\n\n".join(parts) + "\n"
