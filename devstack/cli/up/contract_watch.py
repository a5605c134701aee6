"""Holds a stack in the foreground to its claims: who listens on a claimed port is the service that claims it.

A probe's answer does not say who gave it. So there is a look when a service with claims turns ready or
crashes, and "ready" is not said before the last look was good. Looks run in a thread, one at a time: neither
the event loop nor the log stream waits for them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from devstack.core.events import Cause, Event, Notice, ServiceChanged, StackStopping
from devstack.core.findings import Finding, Level
from devstack.core.service import ServiceState
from devstack.supervisor.run.options import Phase

if TYPE_CHECKING:
    import asyncio
    import subprocess

    from devstack.cli.up.contract_process import Look
    from devstack.core.stack import Stack
    from devstack.supervisor.run.supervisor import Supervisor
    from devstack.supervisor.run_folder.record import Record

GATHER = 0.25
"""Seconds in which services turn ready or crash and are looked at together."""
AFTER_READY = 1.0
"""Seconds from ready until all of the contract is checked, when the services have come to rest."""
TELLING = frozenset({ServiceState.READY, ServiceState.BACKOFF})


class ContractWatch:
    """Looks who listens, and stops the stack where it is somebody else.

    `words` turns findings into the lines that tell them.
    """

    def __init__(self, stack: Stack, supervisor: Supervisor, words: Callable[[Finding], list[str]]) -> None:
        self._stack = stack
        self._supervisor = supervisor
        self._words = words
        self._claimants = {claim.service for claim in stack.claims}
        self._is_up = False
        self._is_looking = False
        self._wants_more = False
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: list[Callable[[], None]] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._told: set[Finding] = set()

    def heard(self, event: Event) -> None:
        """Take note of `event`."""
        if isinstance(event, StackStopping):
            self._end()
        elif self._is_telling(event):
            self._look_within(GATHER)

    def _is_telling(self, event: Event) -> bool:
        if not isinstance(event, ServiceChanged) or event.name not in self._claimants:
            return False
        return event.status.state in TELLING

    def when_sound(self, say_ready: Callable[[], None]) -> None:
        """Call `say_ready` once a look from now on was good; then check all of the contract."""
        if not self._claimants:
            self._say_ready(say_ready)
            return
        self._waiting.append(say_ready)
        self._look_within(0.0)

    def _say_ready(self, say_ready: Callable[[], None]) -> None:
        say_ready()
        self._is_up = True
        self._later(AFTER_READY, self._check_contract)

    def _look_within(self, seconds: float) -> None:
        import asyncio

        loop = asyncio.get_running_loop()
        if self._is_looking:
            self._wants_more = True
            return
        if self._timer is not None:
            if self._timer.when() <= loop.time() + seconds:
                return
            self._timer.cancel()
        self._timer = loop.call_later(seconds, self._look)

    def _look(self) -> None:
        self._timer = None
        self._is_looking = True
        waiting, self._waiting = self._waiting, []
        record = self._supervisor.recorder.record()
        self._in_thread(lambda: self._find_impostors(record), lambda found: self._looked(found, waiting))

    def _looked(self, found: tuple[Finding, ...], waiting: list[Callable[[], None]]) -> None:
        self._is_looking = False
        if self._supervisor.is_stopping:
            return
        if found and (not self._is_up or self._stack.mode == "prod"):
            self._supervisor.shut_down(Cause.IMPOSTOR, exit_code=1, findings=found)
            return
        self._tell(found)
        for say_ready in waiting:
            self._say_ready(say_ready)
        if self._wants_more or self._waiting:
            self._wants_more = False
            self._look_within(0.0 if self._waiting else GATHER)

    def _check_contract(self) -> None:
        from devstack.cli.up.contract_process import Look

        if self._supervisor.phase is Phase.RUNNING:
            self._in_thread(lambda: self._ask(Look.CONTRACT), self._tell)

    def _tell(self, findings: tuple[Finding, ...]) -> None:
        """Say once what is not as it should be."""
        if self._supervisor.is_stopping:
            return
        for finding in findings:
            if finding.level is not Level.OK and finding not in self._told:
                self._told.add(finding)
                for line in self._words(finding):
                    self._supervisor.tell(Notice(line))

    # In the thread.

    def _find_impostors(self, record: Record) -> tuple[Finding, ...]:
        from devstack.cli.running_facts import seems_sound
        from devstack.cli.up.contract_process import Look

        return () if seems_sound(self._stack, record) else self._ask(Look.IMPOSTORS)

    def _ask(self, look: Look) -> tuple[Finding, ...]:
        from devstack.cli.up.contract_process import start_look, take_findings
        from devstack.errors import ControlError

        self._process = process = start_look(look, self._stack)
        try:
            return take_findings(process)
        except ControlError:
            if not self._supervisor.is_stopping:
                raise
            return ()  # a stop ends the look
        finally:
            self._process = None

    # Between the two.

    def _in_thread(
        self, look: Callable[[], tuple[Finding, ...]], then: Callable[[tuple[Finding, ...]], None]
    ) -> None:
        import asyncio

        loop = asyncio.get_running_loop()

        def run() -> None:
            found: tuple[Finding, ...] = ()
            try:
                found = look()
            finally:
                if not loop.is_closed():
                    loop.call_soon_threadsafe(then, found)

        threading.Thread(target=run, daemon=True).start()

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        import asyncio

        asyncio.get_running_loop().call_later(seconds, call)

    def _end(self) -> None:
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if (process := self._process) is not None:
            process.kill()
