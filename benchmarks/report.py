"""Writes the results as Markdown. Pure: samples in, text out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.figures import (
    BESIDES,
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

    `facts` are lines about the machine and the method; `shows` is where a peer's output was read, by peer,
    `unavailable` says why a peer is not in the tables, `failures` is by peer and case.
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
    if value is None and any(_is_of(case, figure) for case in results.failures.get(peer, {})):
        return "fails"
    return written(value, figure.digits)


def _is_of(case: str, figure: Figure) -> bool:
    return figure.name.startswith(case) or figure.name in BESIDES.get(case, ())


def _figures(title: str, results: Results, summary: Summary, figures: Sequence[Figure]) -> list[str]:
    """Return the table of those figures of which anything is known, below its title."""
    columns = {figure: [_cell(results, summary, peer, figure) for peer in summary] for figure in figures}
    known = {figure: cells for figure, cells in columns.items() if any(cells)}
    if not known:
        return []
    rows = [[peer, *cells] for peer, *cells in zip(summary, *known.values(), strict=True)]
    return [title, table(["", *(figure.title for figure in known)], rows)]


def _ratios(summary: Summary, all_figures: Sequence[Figure]) -> list[str]:
    others = [peer for peer in summary if peer != "devstack"]
    figures = [one for one in all_figures if any(advantage(summary, peer, one) for peer in others)]
    rows = []
    for peer in others:
        ratios = [advantage(summary, peer, figure) for figure in figures]
        rows.append([peer, *(f"{ratio:.2f}" if ratio is not None else "" for ratio in ratios)])
    head = ["", *(figure.title.rpartition(",")[0] or figure.title for figure in figures)]
    title = ["## How many times better devstack is", "Below 1 the other is better."]
    return [*title, table(head, rows)] if figures else []


def _loss(results: Results, summary: Summary) -> list[str]:
    rows = []
    for peer in summary:
        cells = []
        for case in LOSS_CASES:
            lost, torn = number(summary, peer, f"{case}_lost"), number(summary, peer, f"{case}_torn")
            failed = "fails" if case in results.failures.get(peer, {}) else ""
            text = failed if lost is None or torn is None else f"{lost:,.0f} / {torn:,.0f}"
            mixed, filed = number(summary, peer, f"{case}_mixed"), number(summary, peer, f"{case}_filed")
            text += f" (+ {mixed:,.0f} doubled or out of order)" if mixed else ""
            text += f" (+ {filed:,.0f} in log files)" if filed else ""
            cells.append(text)
        rows.append([peer, *cells])
    is_known = any(any(cells) for _, *cells in rows)
    title = ["## Lines lost / torn", "The worst of all rounds."]
    return [*title, table(["lost / torn", *LOSS_CASES.values()], rows)] if is_known else []


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
        *_figures("## Speed", results, summary, SPEED),
        *_figures("## Log stream", results, summary, LOG),
        *_figures("## Size and rest", results, summary, SIZE),
        *_ratios(summary, speed),
        *_loss(results, summary),
        *_figures("## Hard cases", results, summary, HARD),
    ]
    if results.shows:
        parts += ["## Where the output was read", _list(results.shows)]
    if results.unavailable:
        parts += ["## Not measured", _list(results.unavailable)]
    if failures:
        parts += ["## What failed", _list(failures)]
    return "\n\n".join(parts) + "\n"
