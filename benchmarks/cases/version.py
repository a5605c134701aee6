"""How long the tool takes to tell its version, beside the bare import of typer."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Mapping

from benchmarks.cases import Bench, Contender, Value
from benchmarks.run import CaseFailedError


def measure(bench: Bench, contender: Contender) -> Mapping[str, Value]:
    """Return `version`, in ms; for devstack also `typer`, a bare `import typer` in the same Python."""
    figures: dict[str, Value] = {"version": _time(contender.peer.version(contender.executable), bench)}
    if contender.peer.name == "devstack":
        python = os.path.join(os.path.dirname(contender.executable), "python")
        figures["typer"] = _time((python, "-c", "import typer"), bench)
    return figures


def _time(argv: tuple[str, ...], bench: Bench) -> float:
    times = []
    for _ in range(3 if bench.quick else 7):
        began = time.monotonic()
        # A pm2 that meets no daemon starts one to tell its version; this way it has a home to itself.
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={**os.environ, "PM2_HOME": "/nonexistent"},
            timeout=30,
            check=False,
        )
        times.append((time.monotonic() - began) * 1000)
        if done.returncode != 0:
            raise CaseFailedError(f"exited with {done.returncode}: {done.stderr[-200:]!r}")
    return statistics.median(times)
