"""mprocs (npm, Rust): a terminal program with one pane a service; its output is read from its log files."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from pathlib import Path

from benchmarks.child import Service
from benchmarks.install import Store
from benchmarks.peers.adapter import Peer, Plan, Stop, asks


def _locate(store: Store) -> str:
    # The program itself: the npm command is a Node.js script around it.
    return store.node_tool(f"mprocs/mprocs-*-linux-{platform.machine()}-*/mprocs")


def _plan(executable: str, folder: Path, services: Sequence[Service]) -> Plan:
    procs = {each.name: {"shell": each.command} for each in services}
    (folder / "mprocs.yaml").write_text(json.dumps({"procs": procs}))
    (folder / "logs").mkdir()
    return Plan(
        (executable, "--log-dir", str(folder / "logs")),
        stop=Stop(keys=b"q"),
        logs=tuple(str(folder / "logs" / f"{each.name}.log") for each in services),
        terminal=True,
    )


PEER = Peer("mprocs", _locate, _plan, asks("--version"), shows="log files (a terminal program)")
