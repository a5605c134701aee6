"""Runs a launched supervisor on the event loop, with everything around it.

This file alone knows all parts: the supervisor, the control socket, the signals, the output's reports and
the file watching. They know each other only through `run/running_stack.py`.
"""

from __future__ import annotations

import asyncio
import gc

from devstack.core.events import Cause, Notice
from devstack.errors import RunDirectoryError
from devstack.supervisor.cleanup.clean_up import CleanUp
from devstack.supervisor.control.server import ControlServer
from devstack.supervisor.output.pipe_reader import when_reader_gone
from devstack.supervisor.run.output_reports import OutputReports
from devstack.supervisor.run.signals import let_signals_end_us, listen_for_signals
from devstack.supervisor.run.supervisor import Supervisor


async def run_stack(supervisor: Supervisor) -> int:
    """Run a launched supervisor until none of its processes runs; return the exit code.

    An internal error stops the stack and is raised once nothing is running.
    """
    # The imports made objects that live until the end: the collector need not visit them.
    gc.freeze()
    gc.enable()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(supervisor.faults.take_from_loop)
    supervisor.ended = asyncio.Event()
    control = ControlServer(supervisor, supervisor.output.growth_listeners)
    try:
        await _begin(supervisor, control)
        await supervisor.ended.wait()
    except Exception as error:  # noqa: BLE001 - raised again once nothing is running
        supervisor.faults.take(error)
    await supervisor.end_all()
    await control.close()
    supervisor.forget_record()
    let_signals_end_us(loop)
    supervisor.output.close()
    supervisor.faults.raise_first()
    return supervisor.exit_code


async def _begin(supervisor: Supervisor, control: ControlServer) -> None:
    """Connect signals, control socket and output, and do what had to wait for the event loop."""
    loop = asyncio.get_running_loop()
    supervisor.connect(loop, CleanUp(supervisor.cookie, supervisor.outside, supervisor.cleared))
    listen_for_signals(
        loop, supervisor, supervisor.reap, None if supervisor.options.detached else supervisor.output.resized
    )
    await _open_control_socket(supervisor, control)
    supervisor.perform_deferred()
    supervisor.stop_early_output()
    reports = OutputReports(supervisor)
    supervisor.output.connect(loop, reports)
    if supervisor.options.screen is not None:
        when_reader_gone(loop, supervisor.options.screen, reports.screen_gone)
    _watch_keeper(loop, supervisor)
    supervisor.reap()
    if any(service.watch for service in supervisor.stack.services):
        from devstack.supervisor.run.watching import restart_on_change

        restart_on_change(supervisor)
    supervisor.begin()


def _watch_keeper(loop: asyncio.AbstractEventLoop, supervisor: Supervisor) -> None:
    """Stop the stack when the keeper is gone: its end of this pipe closes with it."""
    life = supervisor.keeper_life

    def _gone() -> None:
        loop.remove_reader(life)
        supervisor.keeper_gone()

    loop.add_reader(life, _gone)


async def _open_control_socket(supervisor: Supervisor, control: ControlServer) -> None:
    try:
        supervisor.recorder.control = await control.start()
        supervisor.recorder.write()
    except (OSError, RunDirectoryError) as error:
        supervisor.tell(Notice(f"cannot open the control socket: {error}"))
        supervisor.shut_down(Cause.ERROR, exit_code=1)
