"""What `up` is asked to do, as a plain value, apart from the others: every start waits until it is made.

`start` is the folder of -C, None for the current one.
"""

from __future__ import annotations

from typing import NamedTuple


class UpRequest(NamedTuple):
    """What the command line asks of `up`."""

    start: str | None = None
    no_color: bool = False
    services: tuple[str, ...] = ()
    mode: str | None = None
    detach: bool = False
    timeout: float = 60.0
    ports: str = "plan"
    scale: tuple[str, ...] = ()
    abort_on_exit: bool = False
    exit_code_from: str | None = None
    procfile: str | None = None
    env_file: str | None = None
