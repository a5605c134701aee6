"""devstack's combined service beside Node's `ws` and Express 5, in turns, in one run.

Run it with `python benchmarks/trading/run.py`. Needs Node.js with npm (Express and ws are installed into a
temporary folder) and devstack with its extra `services`. Loopback only; some five minutes. Writes
RESULTS.md beside this file: the best of the turns, with their ratios.
"""

from __future__ import annotations

import contextlib
import math
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import http_load
import idle_memory
import psutil
import socket_load

HERE = Path(__file__).resolve().parent
ROUNDS = 7
CLIENTS, IDLE_CLIENTS, SECONDS = 500, 2000, 2.0
HTTP = {
    "API: `/api/health`": "/api/health",
    "API: `/api/quotes`": "/api/quotes",
    "API: `/api/candles/BTC-USD?limit=20` (validated)": "/api/candles/BTC-USD?limit=20",
    "static file, 10 kB": "/file.css",
}
Server = Callable[[int], "contextlib.AbstractContextManager[tuple[int, int]]"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(command: list[str], environ: dict[str, str], port: int) -> Iterator[tuple[int, int]]:
    """Run a server until it says that it listens; yield its pid and port."""
    process = subprocess.Popen(command, env={**os.environ, **environ}, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert b"listening" in process.stdout.readline()
        time.sleep(0.3)
        yield process.pid, port
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


def servers(folder: Path) -> dict[str, Server]:
    """Return how to start each contestant with a given tick in milliseconds."""
    packages = folder / "peer"
    packages.mkdir()
    shutil.copy(HERE / "peer.mjs", packages)
    npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "express@5", "ws@8"]
    subprocess.run(npm, cwd=packages, check=True)
    files = folder / "files"
    files.mkdir()
    (files / "file.css").write_text("body { color: #123456; }\n" * 400, encoding="utf-8")

    def devstack(tick_ms: int) -> contextlib.AbstractContextManager[tuple[int, int]]:
        port = free_port()
        command = [sys.executable, "-m", "devstack", "serve", "combined", "--root", str(files)]
        return running(command, {"PORT": str(port), "MARKET_TICK_MS": str(tick_ms)}, port)

    def node(tick_ms: int) -> contextlib.AbstractContextManager[tuple[int, int]]:
        port = free_port()
        command = ["node", str(packages / "peer.mjs"), str(port), str(tick_ms), str(files)]
        return running(command, {"NODE_ENV": "production"}, port)

    return {"devstack": devstack, "node": node}


Figures = dict[str, dict[str, list[float]]]


def add(figures: Figures, row: str, who: str, value: float) -> None:
    figures.setdefault(row, {}).setdefault(who, []).append(value)


def measure(contestants: dict[str, Server]) -> tuple[Figures, int]:
    """Run all rounds, the contestants in turns; return the figures and the tick of the half load."""
    figures: Figures = {}
    for number in range(ROUNDS):
        for who in _turn(contestants, number):
            with contestants[who](1) as (_, port):
                outcome = socket_load.measure(port, CLIENTS, SECONDS, 1)
            add(figures, TICKS, who, outcome.ticks_per_second)
    weakest = min(best(TICKS, found) for found in figures[TICKS].values())
    tick_ms = math.ceil(CLIENTS * 1000 / (weakest / 2))
    for number in range(ROUNDS):
        for who in _turn(contestants, number):
            with contestants[who](tick_ms) as (pid, port):
                before = _cpu_seconds(pid)
                outcome = socket_load.measure(port, CLIENTS, SECONDS, tick_ms)
                used = _cpu_seconds(pid) - before
            share = SECONDS / (SECONDS + 1.0)  # of the work, the part after the warm-up
            add(figures, P50, who, outcome.p50_ms)
            add(figures, P99, who, outcome.p99_ms)
            add(figures, CPU, who, used * share / outcome.ticks * 1e6)
    for number in range(ROUNDS):
        for who in _turn(contestants, number):
            with contestants[who](100) as (_, port):
                for row, path in HTTP.items():
                    add(figures, f"{row}, requests/s", who, http_load.measure(port, path, seconds=1.0))
    for number in range(3):
        for who in _turn(contestants, number):
            with contestants[who](1000) as (pid, port):
                add(figures, MEMORY, who, idle_memory.measure(pid, port, IDLE_CLIENTS))
    return figures, tick_ms


def _cpu_seconds(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


TICKS = f"ticks delivered a second to {CLIENTS} clients (a tick every millisecond)"
P50 = "age of a tick at half of the weaker one's load, p50, ms"
P99 = "age of a tick at half of the weaker one's load, p99, ms"
CPU = "the server's CPU time for a tick delivered, µs"
MEMORY = f"memory per idle connection, {IDLE_CLIENTS} open, kB"
LESS_IS_BETTER = (P50, P99, CPU, MEMORY)


def best(row: str, found: list[float]) -> float:
    """Return the best of a figure's turns: what else runs on the machine only ever makes it worse."""
    return min(found) if row in LESS_IS_BETTER else max(found)


def _turn(contestants: dict[str, Server], number: int) -> list[str]:
    """Return whose turn it is, the other one first in every second round."""
    names = list(contestants)
    return names if number % 2 == 0 else names[::-1]


def report(figures: Figures, tick_ms: int) -> str:
    """Return RESULTS.md."""
    lines = [
        "# The trading socket and the API beside Node's",
        "",
        "Written by `python benchmarks/trading/run.py`. The best of "
        f"{ROUNDS} rounds in turns on one machine ({os.cpu_count()} cores, {platform.system()},",
        f"Python {platform.python_version()}, Node {_node_version()}, Express 5, ws 8); the load runs there",
        "too. Compare ratios, not figures: above 1 devstack is better. Both sides conflate alike: who has",
        f"not taken a tick gets only newer ones. The half load is a tick every {tick_ms} ms.",
        "",
        "| | devstack | Node | devstack is better by |",
        "|---|---:|---:|---:|",
    ]
    for row, found in figures.items():
        ours, theirs = best(row, found["devstack"]), best(row, found["node"])
        ratio = theirs / ours if row in LESS_IS_BETTER else ours / theirs
        lines.append(f"| {row} | {_figure(ours)} | {_figure(theirs)} | {ratio:.2f} |")
    return "\n".join(lines) + "\n"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _node_version() -> str:
    return subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    if shutil.which("node") is None or shutil.which("npm") is None:
        sys.exit("this benchmark needs Node.js and npm")
    with tempfile.TemporaryDirectory() as folder:
        text = report(*measure(servers(Path(folder))))
    (HERE / "RESULTS.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
