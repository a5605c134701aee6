"""Runs a stack as `devstack up` was asked to. Knows nothing of typer: a plain `up` has nothing to parse."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import NoReturn

from devstack.cli.arguments.stack_options import options_from
from devstack.cli.arguments.up_request import UpRequest
from devstack.cli.up.launching import prepare, refuse_windows
from devstack.console.errors import wants_color
from devstack.errors import UsageError
from devstack.supervisor.run.options import RunOptions


def run_up(request: UpRequest) -> NoReturn:
    """Run the stack and end with its exit code. Raises DevstackError where nothing was started."""
    refuse_windows()
    if request.detach and (request.abort_on_exit or request.exit_code_from):
        raise UsageError("--abort-on-exit and --exit-code-from are for a stack in the foreground, not for -d")
    options = options_from(
        request.start,
        mode=request.mode,
        procfile=request.procfile,
        env_file=request.env_file,
        services=request.services,
        scale=request.scale,
        exit_code_from=request.exit_code_from,
    )
    prepared = prepare(options, ports=request.ports, no_color=request.no_color)
    if request.detach:
        from devstack.cli.up.detaching import run_detached, show
        from devstack.console.plain import terminal_width, wrapped

        code = run_detached(prepared, timeout=request.timeout, no_color=request.no_color)
        if code == 0:
            said = "in the background: `devstack logs -f` follows it, `devstack down` stops it"
            show(wrapped(said, terminal_width(sys.stdout)) + "\n")
        _leave(code)
    from devstack.supervisor.cleanup.keeper import fork_supervisor
    from devstack.supervisor.run.first_spawn import start_first
    from devstack.supervisor.run_folder.lock import sign_lock

    keeper = fork_supervisor(prepared.stack.project)
    sign_lock(prepared.stack.project, prepared.lock)
    color = wants_color(sys.stdout.isatty(), no_color=request.no_color)
    first = start_first(prepared.stack, keeper, color=color)
    try:
        # Only now: what shows and supervises the stack loads while its services boot, the output first.
        from devstack.cli.up.shown import show_output

        shown = show_output(prepared, first, no_color=request.no_color)

        from devstack.cli.up.foreground import run_in_foreground

        code = run_in_foreground(prepared, first, shown, _run_options(request))
    except BaseException:
        first.abandon()
        raise
    _leave(code)


def _run_options(request: UpRequest) -> RunOptions:
    return RunOptions(
        timeout=request.timeout,
        abort_on_exit=request.abort_on_exit,
        exit_code_from=request.exit_code_from,
    )


def _leave(code: int) -> NoReturn:
    """End at once: all is closed, and taking the interpreter apart would take longer than the stop did."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # its reader is gone
            stream.flush()
    os._exit(code)
