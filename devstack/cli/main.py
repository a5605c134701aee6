"""The way in: finds the command, runs it, and turns an expected error into its message and exit code."""

from __future__ import annotations

import gc
import sys
from importlib import import_module

from devstack import __version__
from devstack.cli.arguments.declared import COMMANDS
from devstack.cli.arguments.quick import read_quickly
from devstack.cli.arguments.words import with_own_words
from devstack.cli.streams import drop_output, is_color_unwanted, open_missing_streams, output_error
from devstack.errors import DevstackError


def main() -> None:
    """Run the command line; the console script's entry."""
    open_missing_streams()
    arguments = tuple(sys.argv[1:])
    try:
        _run(arguments)
    except DevstackError as error:
        sys.exit(_tell(error, arguments))
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        drop_output()
        sys.exit(1)
    except OSError as error:
        known = output_error(error)
        if known is None:
            raise
        drop_output()
        sys.exit(_tell(known, arguments))


def _tell(error: DevstackError, arguments: tuple[str, ...]) -> int:
    """Show `error`, where stderr takes anything; return its exit code."""
    from devstack.console.errors import show_error

    show_error(error, no_color="--no-color" in arguments or is_color_unwanted())
    return error.exit_code


def _run(arguments: tuple[str, ...]) -> None:
    try:
        _run_command(arguments)
    finally:
        sys.stdout.flush()


def _run_command(arguments: tuple[str, ...]) -> None:
    arguments = with_own_words(arguments)
    if arguments == ("--version",):
        sys.stdout.write(f"devstack {__version__}\n")
    elif (call := read_quickly(arguments)) is not None:
        if call.command is COMMANDS["up"]:
            # What the imports make stays: the collector would look at it three times and find nothing. The
            # supervisor turns it on again when it runs.
            gc.disable()
        import_module(f"devstack.cli.commands.{call.command.module}").run(call.request)
    else:
        from devstack.cli.arguments.app import build_app
        from devstack.cli.arguments.words import named_command, with_help_behind

        build_app(named_command(arguments))(args=with_help_behind(arguments), prog_name="devstack")
