"""What the guardian does: waits for the supervisor's end, and ends what it left."""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import replace

from devstack.machine.process_tree import Marks
from devstack.supervisor.cleanup.holdings import Holdings
from devstack.supervisor.cleanup.leftovers import end_leftovers

GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL."""


def watch(pipe: int, marks: Marks, run_files: tuple[str, ...], log_path: str) -> int:
    """Wait for the supervisor's end and clean up after it; return the exit code."""
    holdings = _read_holdings(pipe)
    groups, pipes = dict.fromkeys(holdings.groups, ""), frozenset(holdings.pipes)
    outcome = end_leftovers(
        replace(marks, groups=groups, pipes=pipes, outside=frozenset({os.getpid()})), GRACE
    )
    _write_log(log_path, f"the supervisor was killed; ended {len(outcome.ended)} processes of its stack\n")
    if outcome.left:
        return 1
    if _names(run_files[0], marks.cookie):
        for path in run_files:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
    return 0


def _names(path: str, cookie: str) -> bool:
    """Say whether the record at `path` is that of the run: another supervisor may have come since."""
    try:
        with open(path, "rb") as file:
            return cookie.encode() in file.read()
    except OSError:
        return False


def _read_holdings(pipe: int) -> Holdings:
    """Read messages until the pipe's end; return what is the run's then."""
    holdings = Holdings()
    rest = b""
    while chunk := os.read(pipe, 4096):
        *messages, rest = (rest + chunk).split(b"\n")
        for message in messages:
            holdings.take(message)
    return holdings


def _write_log(path: str, text: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        # A full disk must not keep the guardian from its work; there is nobody else to tell.
        sys.stderr.write(f"{path}: {error}\n")
        return
    os.write(descriptor, text.encode())
    os.close(descriptor)
