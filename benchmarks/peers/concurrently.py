"""concurrently (npm): commands beside each other, without a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.child import Service
from benchmarks.install import Store
from benchmarks.peers.adapter import Peer, Plan, asks


def _locate(store: Store) -> str:
    return store.node_tool(".bin/concurrently")


def _plan(executable: str, _folder: Path, services: Sequence[Service]) -> Plan:
    names = ",".join(each.name for each in services)
    return Plan((executable, "--names", names, *(each.command for each in services)))


PEER = Peer("concurrently", _locate, _plan, asks("--version"))
