"""The record of a run: what runs in a project, written by its supervisor and read by everybody else.

A record is believed only if its supervisor lives, by pid and start time, so a stale one never needs a hand.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from devstack.errors import RunDirectoryError
from devstack.machine import system
from devstack.machine.process_tree import is_alive
from devstack.machine.system import ProcessId
from devstack.supervisor.run_folder.paths import cannot_use, record_path, run_folder, write_whole

VERSION = 2


@dataclass(frozen=True, slots=True)
class RecordedService:
    """One service as the record has it: its main process, and its ports by variable."""

    name: str
    process: ProcessId | None
    ports: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """What runs in a project. `started` is seconds since 1970; `run` is the run's cookie.

    `file_times` are the times of change of the files that were read, in nanoseconds. `pipes` are the numbers
    of the services' output pipes.
    """

    project: str
    mode: str
    run: str
    started: float
    supervisor: ProcessId
    keeper: ProcessId | None
    services: tuple[RecordedService, ...]
    pipes: tuple[int, ...] = ()
    port: int | None = None  # control over loopback TCP, where there are no Unix sockets
    token: str = ""
    detached: bool = False
    file_times: Mapping[str, int] = field(default_factory=dict)

    @property
    def processes(self) -> tuple[ProcessId, ...]:
        """Return the main processes that were started."""
        return tuple(service.process for service in self.services if service.process)

    @property
    def is_alive(self) -> bool:
        """Say whether the supervisor that wrote this still lives."""
        return is_alive(self.supervisor)


def write_record(record: Record) -> None:
    """Write the record whole or not at all. Raises RunDirectoryError."""
    import json

    try:
        write_whole(
            record_path(record.project),
            json.dumps({"version": VERSION, "boot": system.boot_id(), **asdict(record)}, indent=1),
        )
    except OSError as error:
        raise cannot_use(run_folder(record.project), error) from error


def read_record(project: str) -> Record | None:
    """Return the record of `project`, living or stale; None where there is none that means anything.

    Raises RunDirectoryError where it may not be read.
    """
    try:
        with open(record_path(project), encoding="utf-8") as file:
            text = file.read()
        import json  # late: most starts find no record

        return _parse(json.loads(text))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as error:
        raise RunDirectoryError(
            f"cannot read the record {record_path(project)}: {error.strerror}",
            hint="another user, perhaps root, has run devstack here: go on as that user",
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None  # of another version, or damaged: nothing in it can be relied on


def _parse(content: dict[str, Any]) -> Record | None:
    # Start times of processes count from the machine's start: of an earlier one they say nothing.
    if content.pop("version") != VERSION or content.pop("boot") != system.boot_id():
        return None
    services = tuple(
        RecordedService(service["name"], _parse_process(service["process"]), tuple(service["ports"]))
        for service in content.pop("services")
    )
    supervisor, keeper = _parse_process(content.pop("supervisor")), _parse_process(content.pop("keeper"))
    if supervisor is None:
        return None
    pipes = tuple(map(int, content.pop("pipes", ())))
    return Record(services=services, supervisor=supervisor, keeper=keeper, pipes=pipes, **content)


def _parse_process(content: dict[str, Any] | None) -> ProcessId | None:
    return ProcessId(int(content["pid"]), float(content["started"])) if content else None


def running_record(project: str) -> Record | None:
    """Return the record of the stack that runs in `project`, or None if none does."""
    record = read_record(project)
    return record if record is not None and record.is_alive else None


def file_times(paths: Iterable[str]) -> dict[str, int]:
    """Return when each of the files that exist was changed, in nanoseconds since 1970."""
    times: dict[str, int] = {}
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            times[path] = os.stat(path).st_mtime_ns
    return times


def changed_files(record: Record) -> tuple[str, ...]:
    """Return the files that have changed, or are gone, since the stack read them."""
    now = file_times(record.file_times)
    return tuple(path for path, at in record.file_times.items() if now.get(path) != at)
