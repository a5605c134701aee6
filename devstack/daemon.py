"""The second way in: a Stack, serialised, comes on a pipe and a supervisor runs it in the background.

`devstack up -d` starts this in an interpreter of its own, without typer and rich, so that what stays in
memory is little. Its events go back on another pipe, a JSON object a line, until the stack is up or has
ended; whoever started it reads them.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
from dataclasses import dataclass, replace

from devstack.core.events import Event, StackReady
from devstack.core.stack import Stack
from devstack.errors import DevstackError
from devstack.supervisor import record
from devstack.supervisor.first_spawn import start_first
from devstack.supervisor.messages import encode
from devstack.supervisor.run_options import RunOptions


@dataclass(frozen=True, slots=True)
class Order:
    """What the daemon is to do. `lock` is the descriptor that holds the project's lock."""

    stack: Stack
    options: RunOptions
    lock: int


class _Report:
    """Tells whoever started the daemon what happens, until the stack is up or has ended."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def heard(self, event: Event) -> None:
        self.say(encode(event))
        if isinstance(event, StackReady):
            self.close()

    def say(self, message: dict[str, object]) -> None:
        if self._descriptor is None:
            return
        try:
            _write_all(self._descriptor, json.dumps(message).encode() + b"\n")
        except BrokenPipeError:
            self.close()  # nobody waits any more: the stack goes on all the same

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class _Journal:
    """Writes devstack's own lines to the run directory: a detached stack has no screen."""

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)

    def heard(self, event: Event) -> None:
        _write_all(self._descriptor, json.dumps(encode(event)).encode() + b"\n")


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def main() -> None:
    """Read the order from stdin, the pipe to report to from the first argument; run the stack."""
    report = _Report(int(sys.argv[1]))
    order: Order = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started us
    _let_go_of_terminal()
    try:
        code = _run(order, report)
    except DevstackError as error:
        report.say({"type": "error", "message": error.message, "hint": error.hint, "code": error.exit_code})
        code = error.exit_code
    report.close()
    os._exit(code)


def _run(order: Order, report: _Report) -> int:
    first = start_first(order.stack, color=False)
    from devstack.supervisor.supervisor import Supervisor

    journal_path = record.supervisor_log_path(order.stack.project)
    supervisor = Supervisor(order.stack, replace(order.options, detached=True), report, first)
    supervisor.launch()
    supervisor.add_listener(_Journal(journal_path))

    import asyncio

    return asyncio.run(supervisor.run())


def _let_go_of_terminal() -> None:
    """Lead a session of our own, and hold none of the terminal's files."""
    if hasattr(os, "setsid"):
        os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.close(null)


if __name__ == "__main__":
    main()
