"""What is measured: each case is a function from a bench and a peer to figures by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.child import Child
from benchmarks.figures import Value
from benchmarks.peers.adapter import Peer

__all__ = ["Bench", "Case", "Contender", "Value", "all_cases"]


@dataclass(frozen=True, slots=True)
class Bench:
    """What every case needs: the tiny service, how many lines it writes, and whether to rest shortly."""

    child: Child
    quick: bool = False
    lines: int = 2_000_000


@dataclass(frozen=True, slots=True)
class Contender:
    """A peer that can be had here, with its executable."""

    peer: Peer
    executable: str


Measure = Callable[[Bench, Contender], Mapping[str, Value]]


@dataclass(frozen=True, slots=True)
class Case:
    """One case; `once`: its outcome is a fact and no time, so one round is enough."""

    name: str
    measure: Measure
    once: bool = False


def all_cases() -> tuple[Case, ...]:
    """Return all cases, in the order in which a round runs them."""
    from benchmarks.cases import age, calm, hard, loss, start, throughput, version

    return (
        Case("version", version.measure),
        Case("start4", start.measure_4),
        Case("start50", start.measure_50),
        Case("start200", start.measure_200),
        Case("log1", throughput.measure_1),
        Case("log4", throughput.measure_4),
        Case("age", age.measure),
        Case("calm4", calm.measure_4),
        Case("calm200", calm.measure_200),
        Case("stopflood", loss.measure_stop),
        Case("burst", loss.measure_burst),
        *(Case(name, measure, once=True) for name, measure in hard.CASES.items()),
    )
