"""`devstack up`: preflight, start, wait until ready, stream the output."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from devstack.cli.options import (
    EnvFileOption,
    ModeOption,
    NoColorOption,
    ProcfileOption,
    ProjectOption,
    VersionOption,
    globals_of,
)
from devstack.cli.project import stack_options
from devstack.errors import UsageError


def up(
    ctx: typer.Context,
    services: Annotated[
        list[str] | None, typer.Argument(metavar="[SERVICE]...", help="Only these, and what they depend on.")
    ] = None,
    mode: ModeOption = None,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Run in the background; return when all are ready.")
    ] = False,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="S", min=0, help="Seconds within which all must be ready.")
    ] = 60.0,
    ports: Annotated[
        str,
        typer.Option("--ports", metavar="plan|auto", help="auto: every claim on a free port for this run."),
    ] = "plan",
    scale: Annotated[
        list[str] | None, typer.Option("--scale", metavar="NAME=N", help="So many instances of a service.")
    ] = None,
    abort_on_exit: Annotated[
        bool, typer.Option("--abort-on-exit", help="End the stack when the first service ends.")
    ] = False,
    exit_code_from: Annotated[
        str | None,
        typer.Option(
            "--exit-code-from", metavar="SERVICE", help="End with this service, and with its exit code."
        ),
    ] = None,
    procfile: ProcfileOption = None,
    env_file: EnvFileOption = None,
    project: ProjectOption = None,
    no_color: NoColorOption = False,
    version: VersionOption = False,
) -> None:
    """Start the stack, wait until it is ready, show its output."""
    from devstack.cli.launching import prepare

    options = stack_options(
        ctx, mode=mode, procfile=procfile, env_file=env_file, services=services or (), scale=scale or ()
    )
    if detach and (abort_on_exit or exit_code_from):
        raise UsageError("--abort-on-exit and --exit-code-from are for a stack in the foreground, not for -d")
    prepared = prepare(options, ports=ports)
    _check_exit_code_from(exit_code_from, [service.name for service in prepared.stack.services])
    plain = globals_of(ctx).no_color
    if detach:
        from devstack.cli.detaching import run_detached

        code = run_detached(prepared, timeout=timeout, no_color=plain)
    else:
        from devstack.cli.foreground import run_in_foreground

        code = run_in_foreground(
            prepared,
            timeout=timeout,
            no_color=plain,
            abort_on_exit=abort_on_exit,
            exit_code_from=exit_code_from,
        )
    _leave(code)


def _check_exit_code_from(name: str | None, names: list[str]) -> None:
    if name is not None and name not in names:
        raise UsageError(
            f"--exit-code-from {name}: no such service in this stack", hint=f"it has {', '.join(names)}"
        )


def _leave(code: int) -> None:
    """End at once: all is closed, and taking the interpreter apart would take longer than the stop did."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
