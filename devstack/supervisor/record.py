"""The run directory `.devstack/` in the project: what runs (the record), who may run (the lock), the logs.

    .devstack/.gitignore      the folder ignores itself
    .devstack/lock            held by the supervisor for its whole life; a lock dies with its process. In it
                              stands who has it
    .devstack/record.json     what runs: pids with their start times, ports, the control socket
    .devstack/control.sock    the control socket, where the system has Unix sockets
    .devstack/supervisor.log  devstack's own lines
    .devstack/logs/           one log a service

Nothing here depends on $TMPDIR or on the shell. A record is believed only if its supervisor lives, by pid
and start time, so a stale one never needs a hand.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from devstack.errors import AlreadyRunningError, RunDirectoryError
from devstack.machine import process_tree, system
from devstack.machine.system import ProcessId

FOLDER = ".devstack"
VERSION = 1
NAME_WITHIN = 1.0
"""Seconds within which whoever has just taken the lock has written into it who it is."""


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
    guardian: ProcessId | None
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
        return process_tree.is_alive(self.supervisor)


def run_folder(project: str) -> str:
    return os.path.join(project, FOLDER)


def logs_folder(project: str) -> str:
    return os.path.join(project, FOLDER, "logs")


def record_path(project: str) -> str:
    return os.path.join(project, FOLDER, "record.json")


def socket_path(project: str) -> str:
    return os.path.join(project, FOLDER, "control.sock")


def lock_path(project: str) -> str:
    return os.path.join(project, FOLDER, "lock")


def supervisor_log_path(project: str) -> str:
    return os.path.join(project, FOLDER, "supervisor.log")


def prepare_run_folder(project: str) -> None:
    """Make the run directory, for its user alone. Raises RunDirectoryError."""
    folder = run_folder(project)
    try:
        os.makedirs(logs_folder(project), mode=0o700, exist_ok=True)
        if os.stat(folder).st_mode & 0o077:
            os.chmod(folder, 0o700)
        ignore = os.path.join(folder, ".gitignore")
        if not os.path.exists(ignore):
            _write_whole(ignore, "*\n")
    except OSError as error:
        raise cannot_use(folder, error) from error


def cannot_use(folder: str, error: OSError) -> RunDirectoryError:
    """Return the error that says that the run directory, or its disk, cannot be written."""
    return RunDirectoryError(
        f"cannot write the run directory {folder}: {error.strerror or error}",
        hint="its record, lock and logs are kept there: make room on the disk, or make the folder writable",
    )


def acquire_lock(project: str) -> int:
    """Take the project's lock; return its descriptor, which holds it until it is closed everywhere.

    Raises AlreadyRunningError when another supervisor has it, RunDirectoryError when it cannot be made.
    """
    path = lock_path(project)
    is_new = not os.path.exists(path)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise cannot_use(run_folder(project), error) from error
    if is_new and (lost := lost_supervisor(project)) is not None:
        os.close(descriptor)
        os.unlink(path)
        raise AlreadyRunningError(
            f"a stack is running here whose run directory was removed: supervisor pid {lost.pid}",
            hint="`devstack down` stops it",
        )
    if not system.lock_file(descriptor):
        os.close(descriptor)
        raise _already_running(project)
    try:
        sign_lock(project, descriptor)
    except RunDirectoryError:
        os.close(descriptor)
        raise
    return descriptor


def lost_supervisor(project: str) -> ProcessId | None:
    """Return the supervisor whose run directory was removed under its feet, as by `git clean -fdx`."""
    return system.holder_of_removed(lock_path(project))


def sign_lock(project: str, descriptor: int) -> None:
    """Write into the lock of `project` that this process has it. Raises RunDirectoryError."""
    me = system.identify(os.getpid())
    try:
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, f"{me.pid} {me.started!r}\n".encode() if me else b"")
    except OSError as error:
        raise cannot_use(run_folder(project), error) from error


def lock_holder(project: str) -> ProcessId | None:
    """Return the living process that says in the lock that it has it, None if there is none."""
    try:
        with open(lock_path(project), encoding="utf-8") as file:
            pid, started = file.read().split()
        holder = ProcessId(int(pid), float(started))
    except (OSError, ValueError, KeyError, TypeError):
        return None  # gone, or just being written
    return holder if holder is not None and process_tree.is_alive(holder) else None


def _already_running(project: str) -> AlreadyRunningError:
    deadline = time.monotonic() + NAME_WITHIN
    while (holder := lock_holder(project)) is None and time.monotonic() < deadline:
        time.sleep(0.01)
    record = running_record(project)
    if record is None:
        who = f"another devstack (pid {holder.pid})" if holder else "another devstack"
        return AlreadyRunningError(
            f"{who} is just starting or stopping a stack in {project}",
            hint="try again in a moment; `devstack status` shows what runs",
        )
    return AlreadyRunningError(
        f"a stack is running here already: mode {record.mode}, supervisor pid {record.supervisor.pid}, "
        f"in {record.project}",
        hint="`devstack status` shows it, `devstack logs -f` follows it, `devstack down` stops it, "
        "`devstack restart SERVICE` restarts a part",
    )


def write_record(record: Record) -> None:
    """Write the record whole or not at all. Raises RunDirectoryError."""
    import json

    try:
        _write_whole(
            record_path(record.project),
            json.dumps({"version": VERSION, "boot": system.boot_id(), **asdict(record)}, indent=1),
        )
    except OSError as error:
        raise cannot_use(run_folder(record.project), error) from error


def _write_whole(path: str, text: str) -> None:
    new = f"{path}.{os.getpid()}.new"
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(new, path)
    except OSError:
        if os.path.exists(new):
            os.unlink(new)
        raise


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
    supervisor, guardian = _parse_process(content.pop("supervisor")), _parse_process(content.pop("guardian"))
    if supervisor is None:
        return None
    pipes = tuple(map(int, content.pop("pipes", ())))
    return Record(services=services, supervisor=supervisor, guardian=guardian, pipes=pipes, **content)


def _parse_process(content: dict[str, Any] | None) -> ProcessId | None:
    return ProcessId(int(content["pid"]), float(content["started"])) if content else None


def remove_record(project: str) -> None:
    """Remove the record and the control socket, if they are there. Raises OSError."""
    for path in (record_path(project), socket_path(project)):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


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
