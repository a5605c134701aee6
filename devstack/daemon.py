"""The second way in: a Stack, serialised, comes on a pipe and a supervisor runs it in the background.

`devstack up -d` starts this in an interpreter of its own, without typer and rich, so that what stays in
memory is little, as the leader of a session of its own. Its events go back on another pipe, a JSON object a
line, until the stack is up or has ended; whoever started it reads them. If that process is gone before, the
stack is stopped: an `up -d` that was killed has started nothing.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from devstack.core.events import Cause, Event, StackReady
from devstack.core.stack import Stack
from devstack.errors import DevstackError
from devstack.machine import system
from devstack.supervisor.cleanup.keeper import Keeper, fork_supervisor
from devstack.supervisor.control.messages import encode
from devstack.supervisor.run.event_loop import import_asyncio
from devstack.supervisor.run.first_spawn import start_first
from devstack.supervisor.run.options import RunOptions
from devstack.supervisor.run.signals import hold_signals
from devstack.supervisor.run_folder.lock import sign_lock
from devstack.supervisor.run_folder.paths import cannot_use, run_folder, supervisor_log_path

if TYPE_CHECKING:
    from devstack.supervisor.run.supervisor import Supervisor

REPORT_SIZE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Order:
    """What the daemon is to do. `lock` is the descriptor that holds the project's lock."""

    stack: Stack
    options: RunOptions
    lock: int


class _Report:
    """Tells whoever started the daemon what happens, until the stack is up or has ended."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor: int | None = descriptor
        # Enough for every event of a start: whoever reads them may be stopped (^Z) and must not stop us.
        system.enlarge_pipe(descriptor, REPORT_SIZE)
        self.unwatch: Callable[[], None] = lambda: None

    def heard(self, event: Event) -> None:
        self.say(encode(event))
        if isinstance(event, StackReady):
            self.close()

    def say(self, message: dict[str, object]) -> None:
        if self.descriptor is None:
            return
        try:
            _write_all(self.descriptor, json.dumps(message).encode() + b"\n")
        except BrokenPipeError:
            return  # whoever started us is gone; that is heard of by itself

    def close(self) -> None:
        if self.descriptor is not None:
            self.unwatch()
            os.close(self.descriptor)
            self.descriptor = None


class _Journal:
    """Writes devstack's own lines to the run directory: a detached stack has no screen."""

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)

    def heard(self, event: Event) -> None:
        self.say(encode(event))

    def say(self, message: dict[str, object]) -> None:
        try:
            _write_all(self._descriptor, json.dumps(message).encode() + b"\n")
        except OSError:
            return  # a full disk ends no stack; `devstack status` still tells what runs


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def main() -> None:
    """Read the order from stdin, the pipe to report to from the first argument; run the stack."""
    hold_signals()
    report = _Report(int(sys.argv[1]))
    try:
        order: Order = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started us
    except (EOFError, pickle.UnpicklingError):  # it was ended before it had said what to do
        os._exit(1)
    _let_go_of_terminal()
    keeper = fork_supervisor(order.stack.project)
    try:
        code = _run(order, report, keeper)
    except DevstackError as error:
        report.say({"type": "error", "message": error.message, "hint": error.hint, "code": error.exit_code})
        code = error.exit_code
    except Exception:  # noqa: BLE001 - nobody is above us
        report.say({"type": "error", "message": _traceback(), "hint": "", "code": 1})
        code = 1
    report.close()
    os._exit(code)


def _run(order: Order, report: _Report, keeper: Keeper) -> int:
    """Run the stack to its end. What raises leaves nothing running."""
    sign_lock(order.stack.project, order.lock)
    journal = _open_journal(order.stack.project)
    first = start_first(order.stack, keeper, color=False)
    report.say({"type": "started"})
    try:
        from devstack.supervisor.run.early_output import open_output

        output = open_output(order.stack, first, None, {})

        from devstack.supervisor.run.supervisor import Supervisor

        supervisor = Supervisor(order.stack, replace(order.options, detached=True), report, first, output)
        supervisor.audience.add(journal)
        import_asyncio()
        supervisor.launch()

        import asyncio

        return asyncio.run(_supervise(supervisor, report))
    except Exception:
        first.abandon()
        journal.say({"type": "error", "message": _traceback()})
        raise


def _open_journal(project: str) -> _Journal:
    try:
        return _Journal(supervisor_log_path(project))
    except OSError as error:
        raise cannot_use(run_folder(project), error) from error


async def _supervise(supervisor: Supervisor, report: _Report) -> int:
    import asyncio

    from devstack.supervisor.output.pipe_reader import when_reader_gone
    from devstack.supervisor.wiring import run_stack

    def _gone() -> None:
        report.unwatch = lambda: None
        supervisor.shut_down(Cause.SCREEN, exit_code=1)

    if report.descriptor is not None:
        report.unwatch = when_reader_gone(asyncio.get_running_loop(), report.descriptor, _gone)
    return await run_stack(supervisor)


def _traceback() -> str:
    import traceback

    return "devstack itself has failed, and stopped the stack\n" + traceback.format_exc().rstrip()


def _let_go_of_terminal() -> None:
    """Hold none of the terminal's files."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.close(null)


if __name__ == "__main__":
    main()
