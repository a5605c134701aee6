"""How many 100-byte lines a second come through, what each GB costs, and what becomes of each line."""

from __future__ import annotations

import glob
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.cases import Bench, Contender, Value
from benchmarks.child import writers
from benchmarks.lines import Tally, tally
from benchmarks.processes import cpu_seconds
from benchmarks.run import Run, running

LINE_BYTES = 100
_SECONDS = 4
_SETTLE_SECONDS = 0.4
_QUIET_SECONDS = 1.0
_DRAIN_SECONDS = 60


def _flood(bench: Bench, contender: Contender, ids: str) -> Mapping[str, Value]:
    lines = bench.lines // len(ids)
    with running(
        contender.peer,
        contender.executable,
        bench.child,
        lambda stamps, go: writers(bench.child, stamps, ids, "flood", lines, _SECONDS, go),
    ) as run:
        run.wait_for_stamps("ready", len(ids))
        time.sleep(_SETTLE_SECONDS)
        own = run.supervisors()
        before = cpu_seconds(own)
        run.go.touch()
        run.wait_for_stamps("done", len(ids), timeout=_SECONDS + _DRAIN_SECONDS)
        run.reader.wait_quiet(_QUIET_SECONDS, _DRAIN_SECONDS)
        spent = cpu_seconds(own) - before
        began = min(stamp.at_ns for stamp in run.stamped("flood"))
        seconds = (run.reader.output.last_ns - began) / 1e9
        counts = written_lines(run, ids)
        shown = count_shown(run, counts)
        filed = count_filed(run, counts)
    written = sum(counts.values())
    figures: dict[str, Value] = {
        f"log{len(ids)}": (written - shown.lost) / seconds / 1000,
        **losses(f"log{len(ids)}", shown, filed),
    }
    if len(ids) == 1:
        figures["cpu_gb"] = spent / (written * LINE_BYTES / 1e9)
    return figures


def measure_1(bench: Bench, contender: Contender) -> Mapping[str, Value]:
    """Return `log1`, in thousand lines a second, `cpu_gb`, in s, and the losses of `log1`."""
    return _flood(bench, contender, "1")


def measure_4(bench: Bench, contender: Contender) -> Mapping[str, Value]:
    """Return `log4`, in thousand lines a second, and the losses of `log4`."""
    return _flood(bench, contender, "1234")


def written_lines(run: Run, ids: str) -> dict[str, int]:
    """Return how many lines each child says that it has written whole."""
    return {name: int(Path(f"{run.stamps}.{name}").read_text()) for name in ids}


def count_shown(run: Run, counts: dict[str, int]) -> Tally:
    """Count the lines where the tool shows them: its pipe, or else its log files."""
    sources = run.plan.logs or ("",)
    pieces = [run.reader.output.pieces[source] for source in sources]
    if len(pieces) == 1:
        return tally((data for _, data in pieces[0]), counts)
    each = zip(counts, pieces, strict=True)
    return sum(
        (tally((data for _, data in mine), {name: counts[name]}) for name, mine in each), start=Tally()
    )


def count_filed(run: Run, counts: dict[str, int]) -> Tally | None:
    """Count the lines in the log files that the tool writes beside the screen; None where it writes none.

    Such a log is rotated: its first lines may be gone, but what is there has no gap and goes to the end.
    """
    if not run.plan.also_logs:
        return None
    total = Tally()
    for index, name in enumerate(counts, start=1):
        files = glob.glob(run.plan.also_logs.format(name=f"s{index}"))
        files.sort(key=lambda path: Path(path).stat().st_mtime_ns)
        if not files:
            total += Tally(lost=counts[name])
        total += tally(_contents(files), {name: counts[name]}, tail_only=True)
    return total


def _contents(files: list[str]) -> Iterator[bytes]:
    for path in files:
        yield Path(path).read_bytes()


def losses(case: str, shown: Tally, filed: Tally | None) -> Mapping[str, Value]:
    """Return the figures `CASE_lost`, `_torn`, `_mixed` (doubled, out of order) and `_filed` (log files)."""
    wrong = filed or Tally()
    return {
        f"{case}_lost": float(shown.lost),
        f"{case}_torn": float(shown.torn),
        f"{case}_mixed": float(shown.doubled + shown.disordered),
        f"{case}_filed": float(wrong.lost + wrong.torn + wrong.doubled + wrong.disordered),
    }
