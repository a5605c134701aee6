"""supervisor (PyPI): supervisord in the foreground; its output is read from its log files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.child import Service
from benchmarks.install import Store
from benchmarks.peers.adapter import TERMINATE, Peer, Plan, asks


def _locate(store: Store) -> str:
    return store.python_tool("supervisord")


def _program(service: Service, folder: Path) -> str:
    command = f'/bin/sh -c "{service.command}"' if service.background else service.command
    # No rotation: its own would drop lines that are to be counted.
    return (
        f"[program:{service.name}]\ncommand={command}\nredirect_stderr=true\n"
        f"stdout_logfile={folder / service.name}.log\nstdout_logfile_maxbytes=0\n"
    )


def _plan(executable: str, folder: Path, services: Sequence[Service]) -> Plan:
    head = f"[supervisord]\nnodaemon=true\nlogfile={folder}/supervisord.log\npidfile={folder}/pid\n"
    parts = [head, *(_program(each, folder) for each in services)]
    (folder / "supervisord.conf").write_text("\n".join(parts))
    return Plan(
        (executable, "-c", "supervisord.conf"),
        stop=TERMINATE,
        logs=tuple(str(folder / f"{each.name}.log") for each in services),
    )


PEER = Peer("supervisord", _locate, _plan, asks("--version"), shows="log files, no prefix")
