"""`python -m benchmarks`: measures devstack beside its peers and writes RESULTS.md."""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import random
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import peers
from benchmarks.cases import Bench, Case, Contender, all_cases
from benchmarks.child import build_child
from benchmarks.install import Store, UnavailableError
from benchmarks.report import Results, render
from benchmarks.run import CaseFailedError, at_most

_HERE = Path(__file__).parent
_STORE = _HERE.parent / ".bench"
_LINES = 2_000_000
_QUICK_LINES = 400_000
_LONGEST_CASE = 180
_FAILURES = (CaseFailedError, OSError, subprocess.SubprocessError, ValueError, LookupError, ArithmeticError)
"""What a tool that misbehaves brings about in a case; the others are measured all the same."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = ", ".join(peers.NAMES)
    cases = ", ".join(case.name for case in all_cases())
    parser.add_argument("--only", metavar="NAME,…", help=f"these tools alone: {names}")
    parser.add_argument("--case", metavar="NAME,…", help=f"these cases alone: {cases}")
    parser.add_argument("--rounds", type=int, default=5, help="samples of each figure (5)")
    parser.add_argument("--minutes", type=float, help="begin no round that would not be over by then")
    parser.add_argument("--quick", action="store_true", help="fewer lines, shorter rests, two rounds")
    parser.add_argument("--output", type=Path, default=_HERE / "RESULTS.md", help="where to write")
    return parser.parse_args()


def _chosen(asked: str | None, known: tuple[str, ...]) -> tuple[str, ...]:
    if asked is None:
        return known
    names = tuple(asked.split(","))
    if unknown := [name for name in names if name not in known]:
        sys.exit(f"unknown: {', '.join(unknown)}; there are {', '.join(known)}")
    return tuple(name for name in known if name in names)


def _contenders(names: tuple[str, ...], store: Store, results: Results) -> list[Contender]:
    found = []
    for name in names:
        peer = peers.load(name)
        try:
            found.append(Contender(peer, peer.locate(store)))
        except (UnavailableError, OSError) as reason:
            results.unavailable[name] = str(reason)
            print(f"{name}: {reason}", flush=True)
        else:
            results.shows[name] = peer.shows
            results.samples[name] = {}
    return found


def _measure(bench: Bench, case: Case, contender: Contender, results: Results) -> None:
    name = contender.peer.name
    began = time.monotonic()
    try:
        with at_most(_LONGEST_CASE):
            figures = case.measure(bench, contender)
    except _FAILURES as reason:
        results.failures.setdefault(name, {})[case.name] = str(reason) or type(reason).__name__
        outcome = f"fails: {reason}"
    else:
        for figure, value in figures.items():
            results.samples[name].setdefault(figure, []).append(value)
        outcome = " ".join(
            f"{figure}={value if isinstance(value, str) else round(value, 2)}"
            for figure, value in figures.items()
        )
    print(f"  {case.name:10} {name:16} {time.monotonic() - began:5.1f} s  {outcome}", flush=True)


def _facts(bench: Bench, rounds: int, cut_off: str) -> list[str]:
    return [
        f"{os.cpu_count()} processors, {platform.system()} {platform.release().partition('-')[0]}, "
        f"{platform.machine()}; {platform.python_implementation()} {platform.python_version()}",
        f"the services are {bench.child.made_of}",
        f"{rounds} round{'s' * (rounds != 1)}; in each one every case runs all tools, in a new random order",
        *([f"of round {rounds + 1} the cases up to {cut_off} alone"] if cut_off else []),
        *(["a quick run: fewer lines and shorter rests"] if bench.quick else []),
    ]


def _stop_on_signal(_number: int, _frame: object) -> None:
    sys.exit(130)


@dataclass(frozen=True, slots=True)
class Series:
    """The rounds of one call: what is run, and where its results go."""

    bench: Bench
    cases: list[Case]
    contenders: list[Contender]
    results: Results
    output: Path

    def run(self, rounds: int, seconds: float) -> None:
        """Run so many rounds, or as many as are over within about so many seconds; one at least."""
        began = time.monotonic()
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", flush=True)
            took = self._round(number)
            if time.monotonic() - began + took > seconds:
                return

    def _round(self, number: int) -> float:
        """Run every case that is due; return the seconds that another round would take."""
        again = 0.0
        due = [case for case in self.cases if number == 0 or not case.once]
        for case in due:
            began = time.monotonic()
            for contender in random.sample(self.contenders, len(self.contenders)):
                _measure(self.bench, case, contender, self.results)
            again += 0.0 if case.once else time.monotonic() - began
            self._write(number, case.name)
        self._write(number + 1, "")
        return again

    def _write(self, rounds: int, cut_off: str) -> None:
        """Write what there is by now: whoever ends the run early has a report, too."""
        self.results.facts = _facts(self.bench, rounds, cut_off)
        (_STORE / "results.json").write_text(json.dumps(asdict(self.results), indent=1))
        self.output.write_text(render(self.results))


def main() -> None:
    """Measure what was asked for, and write the report after each case."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, _stop_on_signal)
    cases = {case.name: case for case in all_cases()}
    chosen = [cases[name] for name in _chosen(arguments.case, tuple(cases))]
    rounds = min(arguments.rounds, 2) if arguments.quick else arguments.rounds
    store = Store(_STORE)
    if not store.lock():
        sys.exit(f"another run of the benchmarks is going on in {os.path.relpath(_STORE)}")
    bench = Bench(build_child(_STORE), arguments.quick, _QUICK_LINES if arguments.quick else _LINES)
    results = Results()
    contenders = _contenders(_chosen(arguments.only, peers.NAMES), store, results)
    seconds = math.inf if arguments.minutes is None else arguments.minutes * 60
    Series(bench, chosen, contenders, results, arguments.output).run(rounds, seconds)
    print(f"written: {os.path.relpath(arguments.output)}")


if __name__ == "__main__":
    main()
