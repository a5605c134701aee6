"""Starts a stack in the background and waits until it is ready: `devstack up -d`."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from devstack.cli.streams import drop_output
from devstack.cli.up.detached_watch import DetachedWatch
from devstack.cli.up.interruption import STOP_SIGNALS
from devstack.cli.up.launching import Prepared, claims_by_service
from devstack.console.errors import show_error, wants_color
from devstack.console.panel import Panel
from devstack.console.plain import terminal_size, terminal_width
from devstack.console.prefixes import own_prefix, own_text
from devstack.console.telling import Telling
from devstack.core.events import Event, ServiceChanged, StackReady, StackStopping
from devstack.core.terminal_text import columns_of
from devstack.errors import ControlError, DevstackError, ServiceError
from devstack.supervisor.control.messages import decode

if TYPE_CHECKING:
    from devstack.core.findings import Finding

REDRAW_EVERY = 0.125


@dataclass(frozen=True, slots=True)
class Onlooker:
    """Who wants to know of a start more than the screen shows.

    `heard` gets every event, and `before_stop` is called before the stack is stopped for a port in the wrong
    hands. `is_warned`: once all are ready, the screen shows what else of the contract does not hold.
    """

    heard: Callable[[Event], None] = lambda _: None
    before_stop: Callable[[], None] = lambda: None
    is_warned: bool = True


def run_detached(
    prepared: Prepared, *, timeout: float, no_color: bool, onlooker: Onlooker | None = None
) -> int:
    """Start the daemon with the stack, show its start, and return the exit code once it is up or has failed.

    A failure is returned only when supervisor and keeper are gone, too: the daemon is the keeper.
    """
    onlooker = onlooker or Onlooker()
    # Until the daemon listens, it inherits that they wait: a Ctrl-C while it is born stops it like any other.
    held_before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    daemon, reports = _start_daemon(prepared, timeout)
    is_terminal = sys.stdout.isatty()
    view = _View(prepared, is_terminal=is_terminal, color=wants_color(is_terminal, no_color=no_color))
    stop = _StopOnSignal(daemon)
    signal.pthread_sigmask(signal.SIG_SETMASK, held_before)
    watch = DetachedWatch(prepared.stack, daemon, onlooker.before_stop)
    is_up = False
    has_started = False
    for message in _messages(reports, view):
        has_started = has_started or message["type"] == "started"
        if message["type"] == "error":
            view.close()
            show_error(DevstackError(message["message"], hint=message["hint"]), no_color=no_color)
            daemon.wait()
            return int(message["code"])
        event = decode(message)
        if event is not None:
            event = watch.judged(event)
            onlooker.heard(event)
            view.take(event)
            is_up = is_up or isinstance(event, StackReady)
    view.close()
    if watch.found:
        daemon.wait()
        return 128 + stop.heard if stop.heard else 1
    if is_up and onlooker.is_warned:
        view.warn(watch.other_findings())
    if is_up and not stop.heard:
        # The daemon lives on without us; nobody is to complain that it was not waited for.
        daemon.returncode = 0
        return 0
    code = _code_of_failure(daemon, has_started=has_started)
    return 128 + stop.heard if stop.heard else code


def _code_of_failure(daemon: subprocess.Popen[bytes], *, has_started: bool) -> int:
    """Return the exit code of a stack that did not come up, when it is gone. Raises ControlError."""
    code = daemon.wait()
    if not has_started:
        raise ControlError(f"the supervisor exited with code {code} before starting any service")
    if code < 0:
        raise ControlError(f"the supervisor was ended by signal {-code} before the stack was ready")
    return code or ServiceError.exit_code  # 0: somebody has stopped it meanwhile


def _start_daemon(prepared: Prepared, timeout: float) -> tuple[subprocess.Popen[bytes], int]:
    """Start the daemon in a bare interpreter; return it and the pipe on which it reports."""
    from devstack.daemon import Order
    from devstack.supervisor.run.options import RunOptions

    ours, theirs = os.pipe()
    # What the imports make stays: no collector until the supervisor runs, which turns it on.
    code = (
        "import gc, sys; gc.disable(); sys.path[:] = sys.argv[2:]; from devstack.daemon import main; main()"
    )
    daemon = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", code, str(theirs), *sys.path],
        stdin=subprocess.PIPE,
        pass_fds=(theirs, prepared.lock),
        env=dict(os.environ),
        start_new_session=True,
    )
    os.close(theirs)
    order = Order(prepared.stack, RunOptions(timeout=timeout), prepared.lock)
    if daemon.stdin is not None:
        with contextlib.suppress(BrokenPipeError), daemon.stdin:  # it was killed: its silence tells so
            pickle.dump(order, daemon.stdin)
    os.close(prepared.lock)
    return daemon, ours


class _StopOnSignal:
    """Hands Ctrl-C and its like on to the daemon, which stops what it started; a second one, at once."""

    def __init__(self, daemon: subprocess.Popen[bytes]) -> None:
        self.heard = 0
        self._daemon = daemon
        for number in STOP_SIGNALS:
            signal.signal(number, self._hand_on)

    def _hand_on(self, number: int, _: object) -> None:
        self.heard = self.heard or number
        if self._daemon.poll() is None:
            self._daemon.send_signal(signal.SIGINT if number == signal.SIGINT else signal.SIGTERM)


def _messages(reports: int, view: _View) -> Iterator[dict[str, Any]]:
    """Yield the daemon's messages until it has no more; meanwhile the panel is kept alive."""
    rest = b""
    while True:
        if not select.select([reports], [], [], REDRAW_EVERY)[0]:
            view.redraw()
            continue
        chunk = os.read(reports, 65536)
        if not chunk:
            os.close(reports)
            return
        *lines, rest = (rest + chunk).split(b"\n")
        yield from map(json.loads, lines)


class _View:
    """Shows the start: a panel on a terminal, lines elsewhere."""

    def __init__(self, prepared: Prepared, *, is_terminal: bool, color: bool) -> None:
        self._claims = claims_by_service(prepared.stack)
        self._telling = Telling(self._claims)
        self._prefix = own_prefix(list(self._claims), color=color)
        self._plain_prefix = own_prefix(list(self._claims), color=False)
        self._color = color
        self._drawn = self._drawn_columns = 0
        self._panel: Panel | None = None
        self._say(list(prepared.notes))
        if is_terminal:
            self._panel = Panel(list(self._claims), self._claims, f"devstack · {prepared.stack.mode}")
            self.redraw()

    def take(self, event: Event) -> None:
        """Show `event`."""
        if self._panel is not None:
            self._panel.take(event)
            if isinstance(event, StackReady | StackStopping):
                self.close()
            elif isinstance(event, ServiceChanged):
                self.redraw()
                return
        self._say(self._telling.lines(event, room=self._room()))

    def warn(self, findings: tuple[Finding, ...]) -> None:
        """Say what is not as it should be."""
        from devstack.console.findings import finding_lines

        self._say([line for finding in findings for line in finding_lines(finding)])

    def redraw(self, *, is_last: bool = False) -> None:
        if self._panel is None:
            return
        size = terminal_size(sys.stdout)
        text = self._panel.text(size, color=self._color, is_last=is_last)
        # Where the terminal has become narrower its rows may be wrapped: one too many would be another's.
        erase = f"\r\x1b[{self._drawn}A\x1b[J" if self._drawn and size[0] >= self._drawn_columns else ""
        show(erase + text)
        self._drawn, self._drawn_columns = text.count("\n"), columns_of(text.encode())

    def close(self) -> None:
        """Leave the panel as it is now, with every service."""
        self.redraw(is_last=True)
        self._panel = None

    def _room(self) -> int | None:
        """Return the columns of the terminal that are left behind the prefix, None off a terminal."""
        width = terminal_width(sys.stdout)
        return None if width is None else width - len(self._plain_prefix)

    def _say(self, lines: list[str]) -> None:
        show(own_text(lines, self._prefix))


def show(text: str) -> None:
    """Write `text` to stdout; where that takes nothing more, nothing is shown from now on.

    The start goes on: a stack that runs is not to be called failed because nobody read how it came up.
    """
    try:
        sys.stdout.buffer.write(text.encode("utf-8", "replace"))
        sys.stdout.buffer.flush()
    except OSError:
        drop_output()
