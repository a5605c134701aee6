"""Lines that are lost or torn when services are stopped while they write, or exit right after a burst."""

from __future__ import annotations

import time
from collections.abc import Mapping

from benchmarks.cases import Bench, Contender, Value
from benchmarks.cases.throughput import count_filed, count_shown, losses, written_lines
from benchmarks.child import writers
from benchmarks.processes import Watch
from benchmarks.run import running

_IDS = "1234"
_FLOOD_SECONDS = 0.3
_FLOOD_LIMIT_SECONDS = 2
_STOP_SECONDS = 30
_BURST_LINES = 20_000
_ENDLESS = 50_000_000


def measure_stop(bench: Bench, contender: Contender) -> Mapping[str, Value]:
    """Stop four children that write at full speed; return the losses of `stopflood`."""
    with running(
        contender.peer,
        contender.executable,
        bench.child,
        lambda stamps, go: writers(bench.child, stamps, _IDS, "flood", _ENDLESS, _FLOOD_LIMIT_SECONDS, go),
    ) as run:
        run.wait_for_stamps("ready", len(_IDS))
        watch = Watch(run.processes())
        run.go.touch()
        run.wait_for_stamps("flood", len(_IDS))
        time.sleep(_FLOOD_SECONDS)
        run.stop()
        watch.wait(_STOP_SECONDS)
        watch.close()
        run.reader.wait_quiet(0.5, _STOP_SECONDS)
        counts = written_lines(run, _IDS)
        return losses("stopflood", count_shown(run, counts), count_filed(run, counts))


def measure_burst(bench: Bench, contender: Contender) -> Mapping[str, Value]:
    """Let four children write 20,000 lines each and exit at once; return the losses of `burst`."""
    with running(
        contender.peer,
        contender.executable,
        bench.child,
        lambda stamps, go: writers(bench.child, stamps, _IDS, "burst", _BURST_LINES, go),
    ) as run:
        run.wait_for_stamps("ready", len(_IDS))
        run.go.touch()
        run.reader.wait_quiet(2, _STOP_SECONDS)
        counts = written_lines(run, _IDS)
        return losses("burst", count_shown(run, counts), count_filed(run, counts))
