"""The project's lock: one supervisor a project. It dies with its process, and in it stands who has it."""

from __future__ import annotations

import os
import time

from devstack.errors import AlreadyRunningError, RunDirectoryError
from devstack.machine import system
from devstack.machine.system import ProcessId
from devstack.supervisor.run_folder.paths import cannot_use, lock_path, run_folder

NAME_WITHIN = 1.0
"""Seconds within which whoever has just taken the lock has written into it who it is."""


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
    from devstack.machine.process_tree import is_alive

    try:
        with open(lock_path(project), encoding="utf-8") as file:
            pid, started = file.read().split()
        holder = ProcessId(int(pid), float(started))
    except (OSError, ValueError, KeyError, TypeError):
        return None  # gone, or just being written
    return holder if is_alive(holder) else None


def _already_running(project: str) -> AlreadyRunningError:
    from devstack.supervisor.run_folder.record import running_record

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
