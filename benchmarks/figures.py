"""The figures that the cases produce, and how the samples of several rounds become one value. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Value = float | str
"""A number in the unit of its figure, or a word where it is none, such as `never`."""

Summary = Mapping[str, Mapping[str, Value]]
"""Peer, figure, value: what all rounds together say."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One column. `more_is_better` turns the ratio round; `worst`: the largest sample counts, no median."""

    name: str
    title: str
    digits: int = 0
    more_is_better: bool = False
    worst: bool = False


SPEED = (
    Figure("start4", "start of 4, ms"),
    Figure("start4_file", "the same with `-f FILE`, ms"),
    Figure("start50", "start of 50, ms"),
    Figure("start200", "start of 200, ms"),
    Figure("stop", "stop of 4, ms"),
    Figure("version", "`--version`, ms"),
)
LOG = (
    Figure("log1", "log, 1 child, thousand lines/s", more_is_better=True),
    Figure("log4", "log, 4 children, thousand lines/s", more_is_better=True),
    Figure("cpu_gb", "CPU s per GB", 1),
    Figure("age_p50", "line age p50, µs"),
    Figure("age_p99", "line age p99, µs"),
)
SIZE = (
    Figure("pss4", "PSS at 4, MB", 1),
    Figure("pss200", "PSS at 200, MB", 1),
    Figure("idle", "idle CPU, ms per 10 s", 1),
)
BESIDES = {"start4": ("stop",), "log1": ("cpu_gb",), "calm4": ("pss4", "idle"), "calm200": ("pss200",)}
"""The figures of a case that do not begin with its name."""

LOSS_CASES = {
    "log1": "1 child",
    "log4": "4 children",
    "stopflood": "stop while 4 write",
    "burst": "burst, then exit",
}
LOSS = tuple(
    Figure(f"{case}_{kind}", f"{title}: {kind}", worst=True)
    for case, title in LOSS_CASES.items()
    for kind in ("lost", "torn", "mixed", "filed")
)
"""`mixed`: doubled or out of order; `filed`: all that is wrong in log files beside the screen."""
HARD = (
    Figure("deaf_s", "ignores SIGTERM: gone after, s", 1, worst=True),
    Figure("deaf_left", "left", worst=True),
    Figure("setsid_left", "grandchild called setsid: left", worst=True),
    Figure("daemon_left", "forked twice: left", worst=True),
    Figure("hold_s", "grandchild holds stdout: gone after, s", 1, worst=True),
    Figure("hold_left", "left", worst=True),
    Figure("background_left", "`a & b`: left", worst=True),
    Figure("killed_left", "supervisor got SIGKILL: of 4 left", worst=True),
)


def combine(figure: Figure, samples: Sequence[Value]) -> Value:
    """Return what several rounds say: the median, or the worst; a word outweighs numbers."""
    words = [sample for sample in samples if isinstance(sample, str)]
    if words:
        return words[0]
    numbers = [sample for sample in samples if not isinstance(sample, str)]
    return max(numbers) if figure.worst else statistics.median(numbers)


def summarise(samples: Mapping[str, Mapping[str, Sequence[Value]]]) -> Summary:
    """Return one value for each peer and figure that has samples."""
    figures = {figure.name: figure for figure in (*SPEED, *LOG, *SIZE, *LOSS, *HARD)}
    return {
        peer: {
            name: combine(figures.get(name, Figure(name, name)), values)
            for name, values in of_peer.items()
            if values
        }
        for peer, of_peer in samples.items()
    }


def number(summary: Summary, peer: str, figure: str) -> float | None:
    """Return the value if it is there and a number."""
    value = summary.get(peer, {}).get(figure)
    return None if value is None or isinstance(value, str) else value


def advantage(summary: Summary, peer: str, figure: Figure, over: str = "devstack") -> float | None:
    """Return how many times better devstack is than `peer` in this figure; below 1 the peer is better."""
    ours, theirs = number(summary, over, figure.name), number(summary, peer, figure.name)
    if not ours or not theirs:
        return None
    return ours / theirs if figure.more_is_better else theirs / ours
