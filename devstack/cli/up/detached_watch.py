"""Holds a stack that is being started in the background to its claims, from the process that waits for it.

The supervisor in the background stays small: psutil is for whoever started it.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeGuard

from devstack.core.events import Cause, Event, ServiceChanged, StackReady, StackStopping
from devstack.core.findings import Finding, Level
from devstack.core.service import ServiceState

if TYPE_CHECKING:
    from devstack.core.stack import Stack

PAUSE = 0.25
"""Seconds between two looks before all are ready."""
TELLING = frozenset({ServiceState.READY, ServiceState.BACKOFF})


class DetachedWatch:
    """Looks who listens while `daemon` starts `stack`. `found` are the impostors that were met.

    `before_stop` is called when one was met and everything still stands.
    """

    def __init__(
        self, stack: Stack, daemon: subprocess.Popen[bytes], before_stop: Callable[[], None]
    ) -> None:
        self._before_stop = before_stop
        self.found: tuple[Finding, ...] = ()
        self._stack = stack
        self._daemon = daemon
        self._claimants = {claim.service for claim in stack.claims}
        self._looked = 0.0

    def judged(self, event: Event) -> Event:
        """Return `event`, or, where somebody else listens on a claimed port, that the stack stops for it."""
        if not self.found and (isinstance(event, StackReady) or self._is_telling(event)):
            self.found = self._look()
            if self.found:
                self._before_stop()
                self._daemon.send_signal(signal.SIGTERM)
        if self.found and _ends_the_report(event):
            return StackStopping(Cause.IMPOSTOR, seconds=event.seconds, findings=self.found)
        return event

    def _is_telling(self, event: Event) -> bool:
        if not isinstance(event, ServiceChanged) or event.name not in self._claimants:
            return False
        return event.status.state in TELLING and time.monotonic() - self._looked >= PAUSE

    def _look(self) -> tuple[Finding, ...]:
        from devstack.cli.running_facts import confirmed_impostors, seems_sound
        from devstack.supervisor.run_folder.record import running_record

        record = running_record(self._stack.project)
        if record is None or not self._claimants or seems_sound(self._stack, record):
            self._looked = time.monotonic()
            return ()
        found = confirmed_impostors(self._stack, lambda: running_record(self._stack.project))
        self._looked = time.monotonic()
        return found

    def other_findings(self) -> tuple[Finding, ...]:
        """Return what else of the contract does not hold, as far as the machine shows it by itself.

        Nobody is asked over the network: `up -d` is done when all are ready.
        """
        from devstack.checks.exposure import check_exposure
        from devstack.checks.impostors import as_warnings, check_claims
        from devstack.cli.running_facts import facts_of_run
        from devstack.supervisor.run_folder.record import running_record

        record = running_record(self._stack.project)
        if record is None:
            return ()
        facts = facts_of_run(self._stack, record)
        findings = as_warnings((*check_claims(facts), *check_exposure(facts)), facts)
        return tuple(finding for finding in findings if finding.level is not Level.OK)


def _ends_the_report(event: Event) -> TypeGuard[StackReady | StackStopping]:
    """Say whether it is the daemon's last word, ready, or its answer to our signal."""
    return isinstance(event, StackReady) or (isinstance(event, StackStopping) and event.cause is Cause.SIGNAL)
