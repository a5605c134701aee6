"""The options that several commands share, and what the global ones were set to.

`-C/--project`, `--no-color` and `--version` work before and after the command's name: both places write to
one `Globals`, so a command reads `globals_of(ctx)` and never cares where they stood.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Annotated

import typer

from devstack.cli.streams import is_color_unwanted

MOST_SECONDS = 1e9
MOST_DIGITS = 10


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
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 <= number <= MOST_SECONDS:
        raise typer.BadParameter(f"{str(value)!r}: expected seconds, 0 or more")
    return number


def whole_number(value: str | int) -> int:
    """Return a number of things from the command line: a whole number, 0 or more."""
    text = str(value)
    if not (text.isascii() and text.isdecimal() and len(text) < MOST_DIGITS):
        raise typer.BadParameter(f"{text!r}: expected a whole number, 0 or more")
    return int(text)


ProjectOption = Annotated[
    str | None,
    typer.Option("--project", "-C", metavar="DIR", help="The project's folder.", callback=_remember_project),
]
NoColorOption = Annotated[
    bool, typer.Option("--no-color", help="No colour, whatever the terminal.", callback=_remember_no_color)
]
VersionOption = Annotated[
    bool,
    typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_show_version),
]
ModeOption = Annotated[
    str | None, typer.Option("--mode", metavar="MODE", help="dev, prod, or any X with a Procfile.X.")
]
ProcfileOption = Annotated[
    str | None, typer.Option("--procfile", "-f", metavar="FILE", help="Read this Procfile instead.")
]
EnvFileOption = Annotated[
    str | None, typer.Option("--env-file", metavar="FILE", help="Read this file instead of all .env layers.")
]
ReadyTimeoutOption = Annotated[
    float,
    typer.Option("--timeout", metavar="S", parser=seconds, help="Seconds within which all must be ready."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]
