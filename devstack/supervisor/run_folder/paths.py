"""The run directory `.devstack/` in the project: where what lies, and whether it can be written.

    .devstack/.gitignore      the folder ignores itself
    .devstack/lock            held by the supervisor for its whole life; a lock dies with its process. In it
                              stands who has it
    .devstack/record.json     what runs: pids with their start times, ports, the control socket
    .devstack/control.sock    the control socket, where the system has Unix sockets
    .devstack/supervisor.log  devstack's own lines
    .devstack/logs/           one log a service

Nothing here depends on $TMPDIR or on the shell.
"""

from __future__ import annotations

import contextlib
import os

from devstack.errors import RunDirectoryError

FOLDER = ".devstack"


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
            write_whole(ignore, "*\n")
    except OSError as error:
        raise cannot_use(folder, error) from error


def cannot_use(folder: str, error: OSError) -> RunDirectoryError:
    """Return the error that says that the run directory, or its disk, cannot be written."""
    return RunDirectoryError(
        f"cannot write the run directory {folder}: {error.strerror or error}",
        hint="its record, lock and logs are kept there: make room on the disk, or make the folder writable",
    )


def write_whole(path: str, text: str) -> None:
    """Write the file whole or not at all, for its user alone. Raises OSError."""
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


def remove_record(project: str) -> None:
    """Remove the record and the control socket, if they are there. Raises OSError."""
    for path in (record_path(project), socket_path(project)):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
