"""`devstack run`: one command in the stack's environment and folder."""

from __future__ import annotations

import errno
import os
import shutil
from typing import Annotated, NoReturn

import typer

from devstack.cli.arguments.options import (
    EnvFileOption,
    ModeOption,
    NoColorOption,
    ProcfileOption,
    ProjectOption,
    VersionOption,
)
from devstack.cli.arguments.project import stack_options


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
        _refuse(f"no such command: {command[0]}", 127)
    except PermissionError:
        _refuse(f"cannot run {command[0]}: not executable", 126)
    except OSError as error:
        _refuse(f"cannot run {command[0]}: {error.strerror}", 126)


def _refuse(message: str, code: int) -> NoReturn:
    """Say why the command cannot be run, and end with the shell's code for that."""
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(code)


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
    if not argv[0]:
        raise FileNotFoundError
    try:
        os.execvpe(argv[0], argv, environment)
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
        # A script without a #! line: every shell, and execvp(3), hands it to sh.
        script = shutil.which(argv[0], path=environment.get("PATH", os.defpath)) or argv[0]
        os.execve("/bin/sh", ["/bin/sh", script, *argv[1:]], environment)
