"""A bad day: what is left behind by a stop, or by the supervisor's sudden death."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from dataclasses import replace

from benchmarks.cases import Bench, Contender, Measure, Value
from benchmarks.child import lingerers
from benchmarks.processes import Watch
from benchmarks.run import Run, running

_OTHERS = ("linger", "linger", "linger")
"""The well-behaved services beside the bad one: some tools act only when one of them has gone."""
_STOP_SECONDS = 40
_SETTLE_SECONDS = 0.5
_GRACE_SECONDS = 3
"""What the last process has, after the tool itself has gone."""


def _stopped(run: Run, key: str) -> Mapping[str, Value]:
    """Stop the tool; return the seconds until it has gone, and how many processes of services it left."""
    time.sleep(_SETTLE_SECONDS)
    own = Watch(run.supervisors())
    began = time.monotonic()
    run.stop()
    alive = own.wait(_STOP_SECONDS)
    took = time.monotonic() - began
    own.close()
    rest = Watch(run.services())
    left = rest.wait(_GRACE_SECONDS)
    rest.close()
    return {f"{key}_s": f"never ({_STOP_SECONDS} s)" if alive else took, f"{key}_left": float(len(left))}


def _stop_one(mode: str, processes: int, key: str) -> Measure:
    def measure(bench: Bench, contender: Contender) -> Mapping[str, Value]:
        with running(
            contender.peer,
            contender.executable,
            bench.child,
            lambda stamps, _go: lingerers(bench.child, stamps, (mode, *_OTHERS)),
        ) as run:
            run.wait_for_stamps("ready", processes + len(_OTHERS))
            return _stopped(run, key)

    return measure


def _background(bench: Bench, contender: Contender) -> Mapping[str, Value]:
    with running(
        contender.peer,
        contender.executable,
        bench.child,
        lambda stamps, _go: [
            replace(service, background=service.name == "s1")
            for service in lingerers(bench.child, stamps, ("linger", *_OTHERS))
        ],
    ) as run:
        run.wait_for_stamps("ready", 2 + len(_OTHERS))
        return _stopped(run, "background")


def _killed(bench: Bench, contender: Contender) -> Mapping[str, Value]:
    with running(
        contender.peer,
        contender.executable,
        bench.child,
        lambda stamps, _go: lingerers(bench.child, stamps, ("linger", *_OTHERS)),
    ) as run:
        run.wait_for_stamps("ready", 4)
        time.sleep(_SETTLE_SECONDS)
        watch = Watch(run.services())
        run.send(signal.SIGKILL)
        left = watch.wait(_GRACE_SECONDS)
        watch.close()
        return {"killed_left": float(len(left))}


CASES: Mapping[str, Measure] = {
    "deaf": _stop_one("deaf", 1, "deaf"),
    "setsid": _stop_one("escape", 2, "setsid"),
    "daemon": _stop_one("daemon", 2, "daemon"),
    "hold": _stop_one("hold", 2, "hold"),
    "background": _background,
    "killed": _killed,
}
"""Deaf to SIGTERM; a grandchild that called setsid; one that forked twice; one that holds stdout open;
`a & b`; and the supervisor gets SIGKILL."""
