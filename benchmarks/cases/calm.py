"""What a tool costs while nothing happens: memory with 4 and 200 services, processor time while idle.

devstack and whoever else can is measured in the background (`up -d`), as it is left running for a day.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from benchmarks.cases import Bench, Contender, Value
from benchmarks.child import listeners
from benchmarks.ports import free_ports
from benchmarks.processes import cpu_nanoseconds, pss_bytes
from benchmarks.run import running

_SETTLE_SECONDS = 2.0
_IDLE_SECONDS = 10.0


def _calm(bench: Bench, contender: Contender, count: int) -> Mapping[str, Value]:
    ports = free_ports(count)
    with running(
        contender.peer,
        contender.executable,
        bench.child,
        lambda stamps, _go: listeners(bench.child, stamps, ports),
        contender.peer.detached,
    ) as run:
        run.wait_for_stamps("ready", count)
        run.wait_until_started()
        time.sleep(_SETTLE_SECONDS)
        own = run.supervisors()
        figures: dict[str, Value] = {f"pss{count}": pss_bytes(own) / 1e6}
        if count == 4:
            seconds = 3.0 if bench.quick else _IDLE_SECONDS
            before = cpu_nanoseconds(own)
            time.sleep(seconds)
            figures["idle"] = (cpu_nanoseconds(own) - before) / 1e6 * (_IDLE_SECONDS / seconds)
    return figures


def measure_4(bench: Bench, contender: Contender) -> Mapping[str, Value]:
    """Return `pss4`, in MB, and `idle`, in ms of processor time per 10 s."""
    return _calm(bench, contender, 4)


def measure_200(bench: Bench, contender: Contender) -> Mapping[str, Value]:
    """Return `pss200`, in MB."""
    return _calm(bench, contender, 200)
