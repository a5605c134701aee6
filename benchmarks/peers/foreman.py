"""foreman (Debian, Ruby): the first of its kind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.child import Service
from benchmarks.install import Store, on_path
from benchmarks.peers.adapter import Peer, Plan, asks, write_procfile


def _locate(_store: Store) -> str:
    return on_path("foreman", "Debian's package ruby-foreman brings it")


def _plan(executable: str, folder: Path, services: Sequence[Service]) -> Plan:
    write_procfile(folder, services)
    return Plan((executable, "start"))


PEER = Peer("foreman", _locate, _plan, asks("--version"))
