"""The one shape of every adapter: `PEER` in a file of the tool's name."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.child import Service
from benchmarks.install import Store


@dataclass(frozen=True, slots=True)
class Stop:
    """How the tool is told to stop: a signal to its main process, a key on its terminal, or a command."""

    signal: signal.Signals | None = None
    keys: bytes = b""
    argv: tuple[str, ...] = ()


INTERRUPT = Stop(signal.SIGINT)
TERMINATE = Stop(signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Plan:
    """How to run the tool in a folder whose configuration has just been written.

    `logs` are the files in which the services' output is found where the tool does not show it: one per
    service. `also_logs` is a pattern of log files that it writes beside the screen, `{name}` the service.
    `terminal`: the tool wants one. `pid_file`: the process to watch is not the one that was started.
    """

    argv: tuple[str, ...]
    stop: Stop = INTERRUPT
    environment: Mapping[str, str] = field(default_factory=dict)
    logs: tuple[str, ...] = ()
    also_logs: str = ""
    terminal: bool = False
    pid_file: str = ""


Planner = Callable[[str, Path, Sequence[Service]], Plan]


@dataclass(frozen=True, slots=True)
class Peer:
    """One tool.

    `locate` finds or installs its executable (UnavailableError says why not). `plan` writes its configuration
    for some services into a folder. `detached` is the plan for memory and idling, for a tool that can run in
    the background; `named` passes the Procfile's name as an option. `shows` tells where the output goes.
    """

    name: str
    locate: Callable[[Store], str]
    plan: Planner
    version: Callable[[str], tuple[str, ...]]
    shows: str = "pipe"
    detached: Planner | None = None
    named: Planner | None = None


def write_procfile(folder: Path, services: Sequence[Service]) -> None:
    """Write `Procfile`, one line a service."""
    (folder / "Procfile").write_text("".join(f"{each.name}: {each.command}\n" for each in services))


def asks(*words: str) -> Callable[[str], tuple[str, ...]]:
    """Return how a tool is asked for its version: its executable and these words."""
    return lambda executable: (executable, *words)
