"""The way in: finds the command, runs it, and turns an expected error into its message and exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import typer

from devstack.cli.options import NoColorOption, ProjectOption, VersionOption
from devstack.errors import DevstackError

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
    "env",
    "serve",
)
"""Every command, in the order of the help. Each is a function of that name in a file of that name."""


def _globals(
    project: ProjectOption = None, no_color: NoColorOption = False, version: VersionOption = False
) -> None:
    """Start, watch and stop a development stack of several processes."""


def _function(command: str) -> Callable[..., Any]:
    name = command.replace("-", "_")
    function: Callable[..., Any] = getattr(import_module(f"devstack.cli.{name}"), name)
    return function


def build_app(commands: tuple[str, ...] = COMMANDS) -> typer.Typer:
    """Return the command-line application with these commands.

    Rich help costs as much as all of typer's import; plain help does not.
    """
    app = typer.Typer(
        name="devstack",
        add_completion=False,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    )
    app.callback()(_globals)
    settings = {"run": {"ignore_unknown_options": True, "allow_interspersed_args": False}}
    for command in commands:
        app.command(command, context_settings=settings.get(command))(_function(command))
    return app


def _named_command(arguments: list[str]) -> tuple[str, ...]:
    """Return the command that `arguments` name, alone, or all where that is not plain to see.

    A command of ten imports nothing of the nine others.
    """
    takes_value = False
    for argument in arguments:
        if takes_value:
            takes_value = False
        elif argument in ("-C", "--project"):
            takes_value = True
        elif not argument.startswith("-"):
            return (argument,) if argument in COMMANDS else COMMANDS
    return COMMANDS


def main() -> None:
    """Run the command line; the console script's entry."""
    try:
        build_app(_named_command(sys.argv[1:]))()
    except DevstackError as error:
        from devstack.console.errors import show_error

        show_error(error, no_color="--no-color" in sys.argv)
        sys.exit(error.exit_code)
