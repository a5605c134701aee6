"""The standard streams as devstack needs them: there, and an error in words where they take nothing more."""

from __future__ import annotations

import errno
import os
import sys

from devstack.errors import DevstackError

FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EIO)


def open_missing_streams() -> None:
    """Open what the caller has closed of stdin, stdout and stderr, so that no other file gets its number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def is_color_unwanted() -> bool:
    """Say whether the shell asks for no colour (no-color.org): NO_COLOR is set, and not empty."""
    return bool(os.environ.get("NO_COLOR"))


def output_error(error: OSError) -> DevstackError | None:
    """Return what to say of an output that takes nothing more; None where `error` means something else."""
    if error.filename is not None or error.errno not in FULL:
        return None
    return DevstackError(f"the output cannot be written: {error.strerror}")


def drop_output() -> None:
    """Write stdout to nowhere from now on: it takes nothing more, and who fills it cannot be helped."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
