"""Runs the real `devstack` in a project, with an environment in which nothing of the caller's leaks in."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

HIDDEN = ("DEVSTACK", "NODE_ENV", "PORT", "NO_COLOR", "FORCE_COLOR")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as trial:
        return int(trial.getsockname()[1])


def clean_environment() -> dict[str, str]:
    """Return this process's environment without what would change a stack."""
    return {name: value for name, value in os.environ.items() if not name.startswith(HIDDEN)}


def devstack(folder: Path, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Run a command to its end in `folder`."""
    return subprocess.run(
        [sys.executable, "-m", "devstack", *arguments],
        cwd=folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def start_devstack(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a command in `folder`; its output, stderr included, comes on a pipe."""
    return subprocess.Popen(
        [sys.executable, "-m", "devstack", *arguments],
        cwd=folder,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def until(what: str, is_true: Callable[[], object], seconds: float = 20) -> None:
    """Return when `is_true` says so; fail after so many seconds."""
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.02)
