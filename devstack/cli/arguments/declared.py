"""The options of the command line, declared once as data, for two readers.

`quick` reads well-formed lines without typer; `typer_commands` gives the same declarations to typer, which
also answers help, completion, errors and everything unusual.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from devstack.cli.arguments.requests import DownRequest, LogsRequest, StackRequest, StatusRequest, UpRequest

FLAG, TEXT, TEXTS, SECONDS, COUNT = "flag", "text", "texts", "seconds", "count"
"""The kinds of options: on or off, one text, a text each time it is given, and two kinds of numbers."""

MOST_SECONDS = 1e9
MOST_DIGITS = 10


class Option(NamedTuple):
    """One option. `name` is the request's field; `default` is typer's, None for none."""

    name: str
    flags: tuple[str, ...]
    kind: str
    help: str
    metavar: str | None = None
    default: Any = None


class Command(NamedTuple):
    """One command: what it is asked by, and `run(request)` in the module `devstack.cli.commands.<module>`.

    `services` is the help of its service names, None where it takes none.
    """

    module: str
    request: Any
    options: tuple[Option, ...]
    help: str
    services: str | None = None


MODE = Option("mode", ("--mode",), TEXT, "dev, prod, or any X with a Procfile.X.", "MODE")
PROCFILE = Option("procfile", ("--procfile", "-f"), TEXT, "Read this Procfile instead.", "FILE")
ENV_FILE = Option("env_file", ("--env-file",), TEXT, "Read this file instead of all .env layers.", "FILE")
JSON = Option("json", ("--json",), FLAG, "Print JSON for a script.", default=False)
READY_TIMEOUT = Option(
    "timeout", ("--timeout",), SECONDS, "Seconds within which all must be ready.", "S", default=60.0
)
PORTS = Option(
    "ports",
    ("--ports",),
    TEXT,
    "auto: every claim on a free port for this run.",
    "plan|auto",
    default="plan",
)
PROJECT = Option("project", ("--project", "-C"), TEXT, "The project's folder.", "DIR")
NO_COLOR = Option("no_color", ("--no-color",), FLAG, "No colour, whatever the terminal.", default=False)

LOOKS = (MODE, JSON, PROCFILE, ENV_FILE)
"""The options of the commands that look at a stack: a StackRequest."""

COMMANDS: dict[str, Command] = {
    "up": Command(
        "up",
        UpRequest,
        (
            MODE,
            Option(
                "detach",
                ("--detach", "-d"),
                FLAG,
                "Run in the background; return when all are ready.",
                default=False,
            ),
            READY_TIMEOUT,
            PORTS,
            Option("scale", ("--scale",), TEXTS, "So many instances of a service.", "NAME=N"),
            Option(
                "abort_on_exit",
                ("--abort-on-exit",),
                FLAG,
                "End the stack when the first service ends.",
                default=False,
            ),
            Option(
                "exit_code_from",
                ("--exit-code-from",),
                TEXT,
                "End with this service, and with its exit code.",
                "SERVICE",
            ),
            PROCFILE,
            ENV_FILE,
        ),
        "Start the stack, wait until it is ready, show its output.",
        services="Only these, and what they depend on.",
    ),
    "down": Command(
        "down",
        DownRequest,
        (Option("timeout", ("--timeout",), SECONDS, "Seconds until what still runs is killed.", "S"),),
        "Stop the running stack. Nothing running is no error.",
    ),
    "check-ports": Command(
        "check_ports",
        StackRequest,
        LOOKS,
        "Show every claimed port: free, or held by whom.\n\nExit code 3 if a port is taken by somebody else.",
    ),
    "status": Command(
        "status",
        StatusRequest,
        (JSON, Option("watch", ("--watch",), FLAG, "Again every second, until Ctrl-C.", default=False)),
        "Show every service of the running stack.\n\n"
        "State, pid, ports, uptime, restarts, exit code, CPU and memory of all of its processes.",
    ),
    "logs": Command(
        "logs",
        LogsRequest,
        (
            Option("lines", ("-n", "--tail"), COUNT, "So many last lines.", "N", default=100),
            Option("follow", ("--follow", "-f"), FLAG, "Go on as more comes, until Ctrl-C.", default=False),
            JSON,
        ),
        "Show the last lines of the services' output.\n\n"
        "Those of several services are in the order in which they came.",
        services="Only these services.",
    ),
    "doctor": Command(
        "doctor",
        StackRequest,
        LOOKS,
        "Look for what is wrong; say why it matters and what to do.\n\n"
        "With ports, sockets, .env, vite.config and tools. On a running stack it asks the services "
        "themselves.\nExit code 1 if something is wrong.",
    ),
    "env": Command(
        "env",
        StackRequest,
        LOOKS,
        "Show every variable that is set, and where it comes from.\n\n"
        "Secrets are masked. Of the shell's variables those are shown that replace a file's.",
    ),
}
"""The commands that both readers know."""


def read_seconds(text: str) -> float | None:
    """Return the length of time that `text` gives, in seconds, 0 or more; None for anything else."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number <= MOST_SECONDS else None


def read_count(text: str) -> int | None:
    """Return the number of things that `text` gives, 0 or more; None for anything else."""
    is_number = text.isascii() and text.isdecimal() and len(text) < MOST_DIGITS
    return int(text) if is_number else None
