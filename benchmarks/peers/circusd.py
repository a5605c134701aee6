"""circus (PyPI): circusd in the foreground, its watchers' output on its own, without a prefix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.child import Service
from benchmarks.install import Store
from benchmarks.peers.adapter import TERMINATE, Peer, Plan, asks


def _locate(store: Store) -> str:
    return store.python_tool("circusd")


def _watcher(service: Service) -> str:
    command = f'/bin/sh -c "{service.command}"' if service.background else service.command
    return (
        f"[watcher:{service.name}]\ncmd = {command}\ncopy_env = True\n"
        "stdout_stream.class = StdoutStream\nstderr_stream.class = StdoutStream\n"
    )


def _plan(executable: str, folder: Path, services: Sequence[Service]) -> Plan:
    # Unix sockets: two runs at once would meet on the default TCP ports.
    head = f"[circus]\nendpoint = ipc://{folder}/control\npubsub_endpoint = ipc://{folder}/events\n"
    (folder / "circus.ini").write_text("\n".join([head, *(_watcher(each) for each in services)]))
    return Plan((executable, "circus.ini"), stop=TERMINATE)


PEER = Peer("circusd", _locate, _plan, asks("--version"), shows="pipe, no prefix")
