"""The options that several commands share, and what the global ones were set to.

`-C/--project`, `--no-color` and `--version` work before and after the command's name: both places write to
one `Globals`, so a command reads `globals_of(ctx)` and never cares where they stood.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer

from devstack.cli.arguments.declared import (
    ENV_FILE,
    JSON,
    MODE,
    NO_COLOR,
    PORTS,
    PROCFILE,
    PROJECT,
    READY_TIMEOUT,
    Option,
    read_count,
    read_seconds,
)
from devstack.cli.streams import is_color_unwanted


@dataclass(slots=True)
class Globals:
    """What the options that every command takes were set to."""

    project: str | None = None
    no_color: bool = field(default_factory=is_color_unwanted)


def globals_of(ctx: typer.Context) -> Globals:
    """Return the global options of this call, wherever they stood on the command line."""
    found: Globals = ctx.find_root().ensure_object(Globals)
    return found


def _remember_project(ctx: typer.Context, value: str | None) -> str | None:
    if value is not None:
        globals_of(ctx).project = os.path.abspath(value)
    return value


def _remember_no_color(ctx: typer.Context, value: bool) -> bool:
    if value:
        globals_of(ctx).no_color = True
    return value


def _show_version(value: bool) -> None:
    if value:
        from devstack import __version__

        typer.echo(f"devstack {__version__}")
        raise typer.Exit


def seconds(value: str | float) -> float:
    """Return a length of time from the command line: a number of seconds, 0 or more."""
    number = read_seconds(str(value))
    if number is None:
        raise typer.BadParameter(f"{str(value)!r}: expected seconds, 0 or more")
    return number


def whole_number(value: str | int) -> int:
    """Return a number of things from the command line: a whole number, 0 or more."""
    number = read_count(str(value))
    if number is None:
        raise typer.BadParameter(f"{str(value)!r}: expected a whole number, 0 or more")
    return number


def typer_option(option: Option, **more: Any) -> Any:
    """Return what typer wants to know of `option`; `more` is beside that."""
    return typer.Option(*option.flags, metavar=option.metavar, help=option.help, **more)


ProjectOption = Annotated[str | None, typer_option(PROJECT, callback=_remember_project)]
NoColorOption = Annotated[bool, typer_option(NO_COLOR, callback=_remember_no_color)]
VersionOption = Annotated[
    bool,
    typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_show_version),
]
ModeOption = Annotated[str | None, typer_option(MODE)]
ProcfileOption = Annotated[str | None, typer_option(PROCFILE)]
EnvFileOption = Annotated[str | None, typer_option(ENV_FILE)]
ReadyTimeoutOption = Annotated[float, typer_option(READY_TIMEOUT, parser=seconds)]
PortsOption = Annotated[str, typer_option(PORTS)]
JsonOption = Annotated[bool, typer_option(JSON)]
