"""The floor: the least that CPython can do. No environment file, no preflight, no restart, no guardian."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.child import Service
from benchmarks.install import Store
from benchmarks.peers.adapter import Peer, Plan, write_procfile

_PROGRAM = Path(__file__).parent.parent / "child" / "floor.py"


def _locate(_store: Store) -> str:
    return sys.executable


def _plan(executable: str, folder: Path, services: Sequence[Service]) -> Plan:
    write_procfile(folder, services)
    return Plan((executable, "-I", "-S", str(_PROGRAM), "Procfile"))


def _version(executable: str) -> tuple[str, ...]:
    return (executable, "-I", "-S", "-c", "print(1)")


PEER = Peer("floor", _locate, _plan, _version)
