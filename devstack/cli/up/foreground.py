"""Runs a stack in the foreground: this process is the supervisor, and its screen the user's."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from devstack.cli.up.contract_watch import ContractWatch
from devstack.cli.up.launching import Prepared, claims_by_service
from devstack.cli.up.shown import Shown
from devstack.console.plain import terminal_size, terminal_width
from devstack.console.prefixes import own_prefix
from devstack.console.telling import Telling
from devstack.core.events import Event, ServiceChanged, StackReady, StackStopping
from devstack.core.service import ServiceState
from devstack.supervisor.run.event_loop import import_asyncio
from devstack.supervisor.run.first_spawn import FirstSpawn
from devstack.supervisor.run.options import RunOptions
from devstack.supervisor.run.supervisor import Supervisor

if TYPE_CHECKING:
    from devstack.console.panel import Panel
    from devstack.core.findings import Finding
    from devstack.core.stack import Stack

REDRAW_EVERY = 0.125


def run_in_foreground(prepared: Prepared, first: FirstSpawn, shown: Shown, options: RunOptions) -> int:
    """Run the stack, of which `first` runs already, until it ends; return the exit code.

    `options` say how to run it, all but what belongs to the screen.
    """
    options = replace(options, screen=sys.stdout.fileno())
    view = ForegroundView(prepared.stack, shown)
    supervisor = Supervisor(prepared.stack, options, view, first, shown.output)
    view.attach(supervisor)
    import_asyncio()
    supervisor.launch()

    import asyncio

    from devstack.supervisor.wiring import run_stack

    async def _run() -> int:
        asyncio.get_running_loop().call_soon(view.redraw)
        return await run_stack(supervisor)

    return asyncio.run(_run())


class ForegroundView:
    """Words the stack's events and puts them on the screen, between the services' lines.

    On a terminal a panel stands below them until all are ready. That they are is not said before it is clear
    that they themselves have answered.
    """

    def __init__(self, stack: Stack, shown: Shown) -> None:
        self._claims = claims_by_service(stack)
        self._telling = Telling(self._claims)
        self._shown = shown
        self._plain_prefix = own_prefix(list(self._claims), color=False)
        self._supervisor: Supervisor | None = None
        self._panel: Panel | None = None
        self._has_started = False
        self._stack = stack
        self._watch: ContractWatch | None = None

    def attach(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._watch = ContractWatch(self._stack, supervisor, _words)

    def heard(self, event: Event) -> None:
        """Show `event`; ready is shown when whoever listens has been looked at."""
        if self._watch is not None:
            self._watch.heard(event)
            if isinstance(event, StackReady):
                self._watch.when_sound(lambda: self._show(event))
                return
        self._show(event)

    def _show(self, event: Event) -> None:
        if not self._has_started:
            self._has_started = True
            self._open_panel()
        if self._panel is not None:
            self._panel.take(event)
            if isinstance(event, StackReady | StackStopping):
                self._close_panel()
            elif isinstance(event, ServiceChanged) and event.status.state is not ServiceState.BACKOFF:
                return
        self._shown.say(self._telling.lines(event, room=self._room()))

    def _room(self) -> int | None:
        """Return the columns of the terminal that are left behind the prefix, None off a terminal."""
        width = terminal_width(sys.stdout)
        return None if width is None else width - len(self._plain_prefix)

    def _open_panel(self) -> None:
        if not self._shown.is_terminal:
            return
        from devstack.console.panel import Panel

        self._panel = Panel(list(self._claims), self._claims, f"devstack · {self._stack.mode}")

    def redraw(self) -> None:
        """Draw the panel anew, and again in a moment: its times go on."""
        import asyncio

        if self._panel is None or self._supervisor is None:
            return
        self._shown.output.set_footer(self._panel_text(self._panel))
        asyncio.get_running_loop().call_later(REDRAW_EVERY, self.redraw)

    def _panel_text(self, panel: Panel, *, is_last: bool = False) -> bytes:
        text = panel.text(terminal_size(sys.stdout), color=self._shown.color, is_last=is_last)
        return text.encode("utf-8", "replace")

    def _close_panel(self) -> None:
        if self._panel is None or self._supervisor is None:
            return
        panel, self._panel = self._panel, None
        self._shown.output.set_footer(b"")
        self._shown.output.note(self._panel_text(panel, is_last=True))


def _words(finding: Finding) -> list[str]:
    from devstack.console.findings import finding_lines

    return finding_lines(finding)
