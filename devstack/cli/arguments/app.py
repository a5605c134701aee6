"""The command line as typer has it: every command with its options, or only the one that was named."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from importlib import import_module
from typing import Any

import typer

from devstack.cli.arguments import declared
from devstack.cli.arguments.options import NoColorOption, ProjectOption, VersionOption
from devstack.cli.arguments.typer_commands import typer_function
from devstack.cli.arguments.words import COMMANDS, HELP

NARROWEST, WIDEST = 30, 110
SETTINGS = {"run": {"allow_interspersed_args": False}}


def _globals(
    project: ProjectOption = None, no_color: NoColorOption = False, version: VersionOption = False
) -> None:
    """Start, watch and stop a development stack of several processes."""


def _function(command: str) -> Callable[..., Any]:
    if command in declared.COMMANDS:
        return typer_function(declared.COMMANDS[command])
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
            app.command(name)(_listed(name))
    else:
        app.command(command, context_settings=SETTINGS.get(command))(_function(command))
    return app


def _help_width() -> int:
    """Return the columns for help texts: the terminal's, also where it is narrower than typer believes."""
    return max(min(shutil.get_terminal_size().columns, WIDEST) - 2, NARROWEST)


def _listed(command: str) -> Callable[[], None]:
    """Return a function that has the help of `command` and none of its options."""

    def _command() -> None: ...

    known = declared.COMMANDS.get(command)
    _command.__doc__ = known.help if known is not None else _function(command).__doc__
    return _command
