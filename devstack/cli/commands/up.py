"""`devstack up`: preflight, start, wait until ready, stream the output."""

from __future__ import annotations

from typing import Annotated

import typer

from devstack.cli.arguments.options import (
    EnvFileOption,
    ModeOption,
    NoColorOption,
    ProcfileOption,
    ProjectOption,
    ReadyTimeoutOption,
    VersionOption,
    globals_of,
)


def up(
    ctx: typer.Context,
    services: Annotated[
        list[str] | None, typer.Argument(metavar="[SERVICE]...", help="Only these, and what they depend on.")
    ] = None,
    mode: ModeOption = None,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Run in the background; return when all are ready.")
    ] = False,
    timeout: ReadyTimeoutOption = 60.0,
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
    from devstack.cli.up.run import UpRequest, run_up

    run_up(
        UpRequest(
            start=globals_of(ctx).project,
            no_color=globals_of(ctx).no_color,
            services=tuple(services or ()),
            mode=mode,
            detach=detach,
            timeout=timeout,
            ports=ports,
            scale=tuple(scale or ()),
            abort_on_exit=abort_on_exit,
            exit_code_from=exit_code_from,
            procfile=procfile,
            env_file=env_file,
        )
    )
