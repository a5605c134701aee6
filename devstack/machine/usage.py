"""What a service's processes use together: CPU, memory, and the ports on which they listen."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from devstack.machine.process_tree import Marks, find_members

SAMPLE = 0.1
"""Seconds over which CPU time is measured."""


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU in per cent of one core, resident memory in bytes, ports listened on, pids that are suspended."""

    cpu_percent: float = 0.0
    rss_bytes: int = 0
    ports: tuple[int, ...] = ()
    suspended: tuple[int, ...] = ()


def measure(groups: Mapping[int, str], cookie: str = "") -> dict[str, Usage]:
    """Return what the services use; `groups` is process group → service. Takes SAMPLE seconds.

    By the run's `cookie` those are found, too, that have left their group and their parent.

    Memory shared between two processes of a service counts for both, as `ps` has it.
    """
    if not groups:
        return {}
    members = find_members(Marks(groups=groups, cookie=cookie))
    pids = {member.row.pid: member.service for member in members}
    before, begun = _cpu_seconds(pids), time.monotonic()
    time.sleep(SAMPLE)
    after, elapsed = _cpu_seconds(pids), time.monotonic() - begun
    ports = _ports(pids)
    return {
        name: Usage(
            round(100 * max(after[name][0] - before[name][0], 0.0) / elapsed, 1),
            after[name][1],
            tuple(sorted(ports.get(name, ()))),
            tuple(one.row.pid for one in members if one.service == name and one.row.is_suspended),
        )
        for name in set(pids.values())
    }


def _cpu_seconds(pids: Mapping[int, str]) -> dict[str, tuple[float, int]]:
    """Return CPU seconds so far and resident bytes, by service."""
    import psutil

    found: dict[str, tuple[float, int]] = dict.fromkeys(pids.values(), (0.0, 0))
    for pid, name in pids.items():
        try:
            process = psutil.Process(pid)
            times, memory = process.cpu_times(), process.memory_info()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        seconds, size = found[name]
        found[name] = (seconds + times.user + times.system, size + memory.rss)
    return found


def _ports(pids: Mapping[int, str]) -> dict[str, set[int]]:
    from devstack.machine.listeners import find_listeners

    found: dict[str, set[int]] = {}
    for listener in find_listeners(None):
        if listener.pid is not None and listener.pid in pids:
            found.setdefault(pids[listener.pid], set()).add(listener.port)
    return found
