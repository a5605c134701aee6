"""From the start of the tool until the last service's port listens; and how long a calm stop takes."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping

from benchmarks.cases import Bench, Contender, Value
from benchmarks.child import listeners
from benchmarks.ports import free_ports
from benchmarks.processes import Watch
from benchmarks.run import Run, running

_SETTLE_SECONDS = 0.5
_STOP_SECONDS = 30


def _start(
    bench: Bench, contender: Contender, count: int, *, named: bool = False, stops: bool = False
) -> Mapping[str, Value]:
    ports = free_ports(count)
    with running(
        contender.peer,
        contender.executable,
        bench.child,
        lambda stamps, _go: listeners(bench.child, stamps, ports),
        contender.peer.named if named else None,
    ) as run:
        stamps = run.wait_for_stamps("ready", count)
        name = f"start{count}{'_file' if named else ''}"
        figures: dict[str, Value] = {name: (max(stamp.at_ns for stamp in stamps) - run.began_ns) / 1e6}
        if stops:
            figures["stop"] = _stop(run)
    return figures


def _stop(run: Run) -> Value:
    """Stop well-behaved services; return the ms until they, the tool and its helpers have gone."""
    time.sleep(_SETTLE_SECONDS)
    watch = Watch(run.processes())
    began = time.monotonic()
    run.stop()
    left = watch.wait(_STOP_SECONDS)
    took = (time.monotonic() - began) * 1000
    watch.close()
    return f"never ({len(left)} left)" if left else took


def measure_4(bench: Bench, contender: Contender) -> Mapping[str, Value]:
    """Return `start4` and `stop`, in ms, and `start4_file` where the peer has that plan."""
    ways = [False, True] if contender.peer.named else [False]
    random.shuffle(ways)
    figures: dict[str, Value] = {}
    for named in ways:
        figures |= _start(bench, contender, 4, named=named, stops=not named)
    return figures


def measure_50(bench: Bench, contender: Contender) -> Mapping[str, Value]:
    """Return `start50`, in ms."""
    return _start(bench, contender, 50)


def measure_200(bench: Bench, contender: Contender) -> Mapping[str, Value]:
    """Return `start200`, in ms."""
    return _start(bench, contender, 200)
