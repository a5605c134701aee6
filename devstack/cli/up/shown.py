"""Opens the output of a foreground stack, before the rest of devstack is loaded."""

from __future__ import annotations

import sys
from typing import NamedTuple

from devstack.cli.up.launching import Prepared
from devstack.console.errors import wants_color
from devstack.console.plain import print_aside
from devstack.console.prefixes import own_prefix, own_text, prefixes
from devstack.supervisor.output.output import Output
from devstack.supervisor.run.early_output import open_output
from devstack.supervisor.run.first_spawn import FirstSpawn


class Shown(NamedTuple):
    """The output on the user's screen. `prefix` stands before devstack's own lines."""

    output: Output
    prefix: str
    is_terminal: bool
    color: bool

    def say(self, lines: tuple[str, ...] | list[str]) -> None:
        """Show lines of devstack's own, on stderr where the screen cannot be written."""
        if not lines:
            return
        if self.output.is_shown:
            self.output.note(own_text(lines, self.prefix).encode("utf-8", "replace"))
        else:
            print_aside("\n".join(lines))


def show_output(prepared: Prepared, first: FirstSpawn, *, no_color: bool) -> Shown:
    """Open the output of the stack on stdout, and say which stack it is. Raises RunDirectoryError."""
    is_terminal = sys.stdout.isatty()
    color = wants_color(is_terminal, no_color=no_color)
    names = [service.name for service in prepared.stack.services]
    output = open_output(prepared.stack, first, sys.stdout.fileno(), prefixes(names, color=color))
    shown = Shown(output, own_prefix(names, color=color), is_terminal, color)
    shown.say(prepared.notes)
    return shown
