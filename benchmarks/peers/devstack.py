"""devstack itself, with all that it does for its users: `.env`, claims, preflight, readiness, log files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.child import Service
from benchmarks.install import Store
from benchmarks.peers.adapter import Peer, Plan, Stop, asks, write_procfile


def _locate(store: Store) -> str:
    return store.devstack()


def _settings(service: Service) -> str:
    variable = f"{service.name.upper()}_PORT"
    return f'[services.{service.name}]\nports = [{{ env = "{variable}", default = {service.port} }}]\n'


def _plan(executable: str, folder: Path, services: Sequence[Service]) -> Plan:
    write_procfile(folder, services)
    claiming = [each for each in services if each.port is not None]
    (folder / ".env").write_text("".join(f"{each.name.upper()}_PORT={each.port}\n" for each in claiming))
    if claiming:
        (folder / "devstack.toml").write_text("\n".join(_settings(each) for each in claiming))
    return Plan((executable, "up"), also_logs=str(folder / ".devstack" / "logs" / "{name}.log*"))


def _detached(executable: str, folder: Path, services: Sequence[Service]) -> Plan:
    plan = _plan(executable, folder, services)
    return replace(plan, argv=(*plan.argv, "-d"), stop=Stop(argv=(executable, "down")))


def _named(executable: str, folder: Path, services: Sequence[Service]) -> Plan:
    plan = _plan(executable, folder, services)
    return replace(plan, argv=(*plan.argv, "-f", "Procfile"))


PEER = Peer(
    "devstack",
    _locate,
    _plan,
    asks("--version"),
    shows="pipe and log files",
    detached=_detached,
    named=_named,
)
