"""process-compose (Go): compose files without containers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.child import Service
from benchmarks.install import Store, on_path
from benchmarks.peers.adapter import Peer, Plan, asks


def _locate(_store: Store) -> str:
    return on_path("process-compose")


def _plan(executable: str, folder: Path, services: Sequence[Service]) -> Plan:
    # JSON is YAML, and needs no library to be written.
    processes = {each.name: {"command": each.command} for each in services}
    (folder / "process-compose.yaml").write_text(json.dumps({"version": "0.5", "processes": processes}))
    log = str(folder / "process-compose.log")
    return Plan((executable, "-f", "process-compose.yaml", "-t=false", "--no-server", "-L", log, "up"))


PEER = Peer("process-compose", _locate, _plan, asks("version"))
