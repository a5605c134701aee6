"""`python -m benchmarks`: measures devstack beside its peers and writes RESULTS.md."""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path

from benchmarks import peers
from benchmarks.cases import Bench, Case, Contender, all_cases
from benchmarks.child import build_child
from benchmarks.install import Store, UnavailableError
from benchmarks.report import Results, render
from benchmarks.run import CaseFailedError

_HERE = Path(__file__).parent
_STORE = _HERE.parent / ".bench"
_LINES = 2_000_000
_QUICK_LINES = 400_000


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = ", ".join(peers.NAMES)
    cases = ", ".join(case.name for case in all_cases())
    parser.add_argument("--only", metavar="NAME,…", help=f"these tools alone: {names}")
    parser.add_argument("--case", metavar="NAME,…", help=f"these cases alone: {cases}")
    parser.add_argument("--rounds", type=int, default=5, help="samples of each figure (5)")
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
        except UnavailableError as reason:
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
        figures = case.measure(bench, contender)
    except (CaseFailedError, OSError) as reason:
        results.failures.setdefault(name, {})[case.name] = str(reason)
        outcome = f"fails: {reason}"
    else:
        for figure, value in figures.items():
            results.samples[name].setdefault(figure, []).append(value)
        outcome = " ".join(
            f"{figure}={value if isinstance(value, str) else round(value, 2)}"
            for figure, value in figures.items()
        )
    print(f"  {case.name:10} {name:16} {time.monotonic() - began:5.1f} s  {outcome}", flush=True)


def _facts(bench: Bench, rounds: int) -> list[str]:
    return [
        f"{os.cpu_count()} processors, {platform.system()} {platform.release().partition('-')[0]}, "
        f"{platform.machine()}; {platform.python_implementation()} {platform.python_version()}",
        f"the services are {bench.child.made_of}",
        f"{rounds} round{'s' * (rounds > 1)}; in each one every case runs all tools, in a new random order",
        *(["a quick run: fewer lines and shorter rests"] if bench.quick else []),
    ]


def _stop_on_signal(_number: int, _frame: object) -> None:
    sys.exit(130)


def main() -> None:
    """Measure what was asked for, and write the report after each round."""
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
    for index in range(rounds):
        print(f"round {index + 1} of {rounds}", flush=True)
        for case in chosen:
            if case.once and index > 0:
                continue
            for contender in random.sample(contenders, len(contenders)):
                _measure(bench, case, contender, results)
        results.facts = _facts(bench, index + 1)
        (_STORE / "results.json").write_text(json.dumps(asdict(results), indent=1))
        arguments.output.write_text(render(results))
    print(f"written: {os.path.relpath(arguments.output)}")


if __name__ == "__main__":
    main()
