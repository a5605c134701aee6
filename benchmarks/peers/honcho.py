"""honcho (PyPI): foreman in Python."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.child import Service
from benchmarks.install import Store
from benchmarks.peers.adapter import Peer, Plan, asks, write_procfile


def _locate(store: Store) -> str:
    return store.python_tool("honcho")


def _plan(executable: str, folder: Path, services: Sequence[Service]) -> Plan:
    write_procfile(folder, services)
    return Plan((executable, "start"))


PEER = Peer("honcho", _locate, _plan, asks("--version"))
