"""The options of the command line, declared once as data, for two readers.

`quick` reads well-formed lines without typer; `typer_commands` gives the same declarations to typer, which
also answers help, completion, errors and everything unusual.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

FLAG, TEXT, TEXTS, SECONDS, COUNT = "flag", "text", "texts", "seconds", "count"
"""The kinds of options: on or off, one text, a text each time it is given, and two kinds of numbers."""

MOST_SECONDS = 1e9
MOST_DIGITS = 10


class Option:
    """One option. `name` is the request's field; `default` is typer's, None for none."""

    __slots__ = ("default", "flags", "help", "kind", "metavar", "name")

    def __init__(
        self,
        name: str,
        flags: tuple[str, ...],
        kind: str,
        help: str,  # noqa: A002 - typer's word
        metavar: str | None = None,
        default: Any = None,
    ) -> None:
        self.name, self.flags, self.kind = name, flags, kind
        self.help, self.metavar, self.default = help, metavar, default


class Command:
    """One command: what it is asked by, and `run(request)` in the module `devstack.cli.commands.<module>`.

    `request` names the request's class behind its module in `cli/arguments`, which is loaded when it is made.
    `services` is the help of its service names, None where it takes none. Plain classes: a NamedTuple takes
    half a millisecond to make, and every start would wait for it.
    """

    __slots__ = ("help", "module", "options", "request", "services")

    def __init__(
        self,
        module: str,
        request: str,
        options: tuple[Option, ...],
        help: str,  # noqa: A002 - typer's word
        services: str | None = None,
    ) -> None:
        self.module, self.request, self.options = module, request, options
        self.help, self.services = help, services

    def make_request(self, **values: Any) -> Any:
        """Return the request that holds `values`."""
        module, _, name = self.request.partition(":")
        return getattr(import_module(f"devstack.cli.arguments.{module}"), name)(**values)


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
        "up_request:UpRequest",
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
        "requests:DownRequest",
        (Option("timeout", ("--timeout",), SECONDS, "Seconds until what still runs is killed.", "S"),),
        "Stop the running stack. Nothing running is no error.",
    ),
    "check-ports": Command(
        "check_ports",
        "requests:StackRequest",
        LOOKS,
        "Show every claimed port: free, or held by whom.\n\nExit code 3 if a port is taken by somebody else.",
    ),
    "status": Command(
        "status",
        "requests:StatusRequest",
        (JSON, Option("watch", ("--watch",), FLAG, "Again every second, until Ctrl-C.", default=False)),
        "Show every service of the running stack.\n\n"
        "State, pid, ports, uptime, restarts, exit code, CPU and memory of all of its processes.",
    ),
    "logs": Command(
        "logs",
        "requests:LogsRequest",
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
        "requests:StackRequest",
        LOOKS,
        "Look for what is wrong; say why it matters and what to do.\n\n"
        "With ports, sockets, .env, vite.config and tools. On a running stack it asks the services "
        "themselves.\nExit code 1 if something is wrong.",
    ),
    "env": Command(
        "env",
        "requests:StackRequest",
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
