"""How old a line is when it comes out, at a calm rate: each line holds the time of its writing."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping

from benchmarks.cases import Bench, Contender, Value
from benchmarks.child import writers
from benchmarks.lines import ages_ns
from benchmarks.run import CaseFailedError, running

_PERIOD_MICROS = 5_000
_LINES = 800
_QUICK_LINES = 200
_SETTLE_SECONDS = 0.4


def measure(bench: Bench, contender: Contender) -> Mapping[str, Value]:
    """Return `age_p50` and `age_p99`, in µs, of one child's 200 lines a second; none for log files."""
    lines = _QUICK_LINES if bench.quick else _LINES
    with running(
        contender.peer,
        contender.executable,
        bench.child,
        lambda stamps, go: writers(bench.child, stamps, "1", "age", lines, _PERIOD_MICROS, go),
    ) as run:
        if run.plan.logs:
            return {"age_p50": "–", "age_p99": "–"}
        run.wait_for_stamps("ready", 1)
        time.sleep(_SETTLE_SECONDS)
        run.go.touch()
        run.wait_for_stamps("done", 1)
        run.reader.wait_quiet(0.5, 10)
        ages = [age / 1000 for age in ages_ns(run.reader.output.pieces[""])]
    if len(ages) < lines * 0.9:
        raise CaseFailedError(f"only {len(ages)} of {lines} lines came")
    cuts = statistics.quantiles(ages, n=100)
    return {"age_p50": cuts[49], "age_p99": cuts[98]}
