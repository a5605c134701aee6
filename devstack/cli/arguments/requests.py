"""What each command but `up` is asked to do, as plain values.

`start` is the folder of -C, None for the current one.
"""

from __future__ import annotations

from typing import NamedTuple


class DownRequest(NamedTuple):
    """What the command line asks of `down`. `timeout` replaces every service's grace, in seconds."""

    start: str | None = None
    no_color: bool = False
    timeout: float | None = None


class StatusRequest(NamedTuple):
    """What the command line asks of `status`."""

    start: str | None = None
    no_color: bool = False
    json: bool = False
    watch: bool = False


class LogsRequest(NamedTuple):
    """What the command line asks of `logs`. `lines` is how many of the last ones."""

    start: str | None = None
    no_color: bool = False
    services: tuple[str, ...] = ()
    lines: int = 100
    follow: bool = False
    json: bool = False


class StackRequest(NamedTuple):
    """What the command line asks of the commands that look at a stack: `check-ports`, `doctor`, `env`."""

    start: str | None = None
    no_color: bool = False
    mode: str | None = None
    json: bool = False
    procfile: str | None = None
    env_file: str | None = None
