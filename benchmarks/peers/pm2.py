"""pm2 (npm): a daemon that keeps processes running; its output is read from its log files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.child import Service
from benchmarks.install import Store
from benchmarks.peers.adapter import Peer, Plan, Stop, asks


def _locate(store: Store) -> str:
    return store.node_tool(".bin/pm2")


def _plan(executable: str, folder: Path, services: Sequence[Service]) -> Plan:
    apps = [
        {
            "name": each.name,
            "script": each.argv[0],
            "args": list(each.argv[1:]),
            "interpreter": "none",
            "out_file": str(folder / f"{each.name}.log"),
            "error_file": str(folder / f"{each.name}.err"),
            "merge_logs": True,
        }
        for each in services
    ]
    (folder / "ecosystem.config.json").write_text(json.dumps({"apps": apps}))
    return Plan(
        (executable, "start", "ecosystem.config.json"),
        stop=Stop(argv=(executable, "kill")),
        environment={"PM2_HOME": str(folder / "pm2"), "PM2_DISABLE_VERSION_CHECK": "true"},
        logs=tuple(str(folder / f"{each.name}.log") for each in services),
        pid_file=str(folder / "pm2" / "pm2.pid"),
    )


PEER = Peer("pm2", _locate, _plan, asks("--version"), shows="log files (a daemon)")
