"""Which command a line names: devstack's own words, and those of other tools."""

from __future__ import annotations

from collections.abc import Sequence

from devstack.errors import UsageError

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
"""Every command, in the order of the help; each has a file of that name in cli/commands/."""

ALIASES = {"ps": "status"}
"""Words of other tools for the same thing: docker compose, overmind."""

OTHER_WORDS = {
    "kill": "`devstack down --timeout 0` stops the stack at once",
    "connect": "`devstack logs -f SERVICE` follows one service's output",
    "exec": "`devstack run COMMAND` runs a command in the stack's environment",
    "list": "`devstack status` lists the services",
    "check": "`devstack check-ports` checks the ports, `devstack doctor` the files",
    "config": "`devstack env` shows the resolved environment",
}
"""Words of foreman, overmind, docker compose and process-compose for what is called otherwise here."""

HELP = frozenset({"-h", "--help"})


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


def with_own_words(arguments: Sequence[str]) -> tuple[str, ...]:
    """Return `arguments` with an alias of another tool replaced by devstack's command.

    Raises UsageError, with the words to use, for a word of another tool that no command here has.
    """
    at = _command_position(arguments)
    if at is None:
        return tuple(arguments)
    word, rest = arguments[at], arguments[at + 1 :]
    if word in ALIASES:
        return (*arguments[:at], ALIASES[word], *rest)
    if {*HELP, "--version"}.intersection(arguments[:at]):
        return tuple(arguments)
    if word in OTHER_WORDS:
        raise UsageError(f"unknown command: {word}", hint=OTHER_WORDS[word])
    if word == "start" and not rest:
        raise UsageError(
            "start needs a service's name",
            hint="`devstack up` starts the stack, `devstack up -d` in the background",
        )
    return tuple(arguments)
