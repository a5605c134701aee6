"""The command line as typer has it: every command with its options, or only the one that was named."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import typer

from devstack.cli.arguments.options import NoColorOption, ProjectOption, VersionOption

COMMANDS = (
    "up",
    "down",
    "check-ports",
    "status",
    "logs",
    "restart",
    "stop",
    "start",
    "run",
    "check-ws",
    "smoke",
    "doctor",
    "init",
    "env",
    "serve",
)
"""Every command, in the order of the help. Each is a function of that name in a file of that name."""

NARROWEST, WIDEST = 30, 110
HELP = frozenset({"-h", "--help"})
SETTINGS = {"run": {"allow_interspersed_args": False}}


def _globals(
    project: ProjectOption = None, no_color: NoColorOption = False, version: VersionOption = False
) -> None:
    """Start, watch and stop a development stack of several processes."""


def _function(command: str) -> Callable[..., Any]:
    name = command.replace("-", "_")
    function: Callable[..., Any] = getattr(import_module(f"devstack.cli.commands.{name}"), name)
    return function


def build_app(command: str | None) -> typer.Typer:
    """Return the command-line application with `command`, or with the mere names and help of all.

    Typer turns a command's options into objects for half a millisecond a command, and rich help costs as
    much as all of its import: the list of commands needs neither.
    """
    app = typer.Typer(
        name="devstack",
        add_completion=False,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": sorted(HELP, key=len), "terminal_width": _help_width()},
    )
    app.callback()(_globals)
    if command is None:
        for name in COMMANDS:
            app.command(name)(_without_options(_function(name)))
    else:
        app.command(command, context_settings=SETTINGS.get(command))(_function(command))
    return app


def _help_width() -> int:
    """Return the columns for help texts: the terminal's, also where it is narrower than typer believes."""
    return max(min(shutil.get_terminal_size().columns, WIDEST) - 2, NARROWEST)


def _without_options(function: Callable[..., Any]) -> Callable[[], None]:
    def _listed() -> None: ...

    _listed.__doc__ = function.__doc__
    return _listed


def named_command(arguments: Sequence[str]) -> str | None:
    """Return the command that `arguments` name, None where they name none that there is."""
    at = _command_position(arguments)
    return arguments[at] if at is not None and arguments[at] in COMMANDS else None


def _command_position(arguments: Sequence[str]) -> int | None:
    takes_value = False
    for at, argument in enumerate(arguments):
        if takes_value:
            takes_value = False
        elif argument in ("-C", "--project"):
            takes_value = True
        elif not argument.startswith("-"):
            return at
    return None


def with_help_behind(arguments: Sequence[str]) -> list[str]:
    """Return `arguments` with a `--help` that stands before a command's name behind it: it asks the same."""
    at = _command_position(arguments)
    if at is None or arguments[at] not in COMMANDS or not HELP.intersection(arguments[:at]):
        return list(arguments)
    return [arguments[at], "--help"]
