"""`devstack run`: one command in the stack's environment and folder."""

from __future__ import annotations

import os
import shutil
from typing import Annotated

import typer

from devstack.cli.options import (
    EnvFileOption,
    ModeOption,
    NoColorOption,
    ProcfileOption,
    ProjectOption,
    VersionOption,
)
from devstack.cli.project import stack_options


def run(
    ctx: typer.Context,
    command: Annotated[
        list[str], typer.Argument(metavar="COMMAND...", help="The command and its arguments.")
    ],
    mode: ModeOption = None,
    procfile: ProcfileOption = None,
    env_file: EnvFileOption = None,
    project: ProjectOption = None,
    no_color: NoColorOption = False,
    version: VersionOption = False,
) -> None:
    """Run one command in the stack's environment and folder."""
    from devstack.config.stack import load_stack

    loaded = load_stack(stack_options(ctx, mode=mode, procfile=procfile, env_file=env_file))
    environment = {**loaded.stack.environment, **loaded.shared}
    os.chdir(loaded.stack.project)
    argv = _argv(command, environment.get("PATH", os.defpath))
    try:
        _replace_us(argv, environment)
    except FileNotFoundError:
        typer.echo(f"error: no such command: {command[0]}", err=True)
        raise typer.Exit(127) from None
    except PermissionError:
        typer.echo(f"error: cannot run {command[0]}: not executable", err=True)
        raise typer.Exit(126) from None


def _argv(command: list[str], path: str) -> list[str]:
    """Return what to execute: one quoted command line goes to the shell, anything else is run as it is."""
    from devstack.machine.system import shell_argv

    if len(command) == 1 and " " in command[0].strip() and shutil.which(command[0], path=path) is None:
        return shell_argv(command[0])
    return command


def _replace_us(argv: list[str], environment: dict[str, str]) -> None:
    """Become the command: its signals, terminal and exit code are then its own."""
    from devstack.machine import system

    if system.IS_WINDOWS:
        import subprocess

        raise typer.Exit(subprocess.run(argv, env=environment, check=False).returncode)
    os.execvpe(argv[0], argv, environment)
