"""overmind (Go, over tmux): a Procfile runner with one terminal a service."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.child import Service
from benchmarks.install import Store, on_path
from benchmarks.peers.adapter import Peer, Plan, asks, write_procfile


def _locate(_store: Store) -> str:
    on_path("tmux", "overmind needs it")
    return on_path("overmind")


def _plan(executable: str, folder: Path, services: Sequence[Service]) -> Plan:
    write_procfile(folder, services)
    return Plan((executable, "start", "-f", "Procfile", "-s", str(folder / "overmind.sock")))


PEER = Peer("overmind", _locate, _plan, asks("--version"))
