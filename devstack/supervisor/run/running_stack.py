"""What a running stack offers to those around it: signals, reports, the control socket, file watching.

They know these protocols; the supervisor implements them, and `supervisor/wiring.py` connects the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

from devstack.core.events import Cause, Event
from devstack.core.findings import Finding

if TYPE_CHECKING:
    from devstack.core.orchestration import StackEvent, StackState
    from devstack.core.service import Service
    from devstack.core.stack import Stack
    from devstack.core.suspension import Suspension
    from devstack.machine.system import ProcessId
    from devstack.supervisor.run.audience import Audience
    from devstack.supervisor.run.options import Phase
    from devstack.supervisor.run.waiters import Waiters
    from devstack.supervisor.run_folder.record import Record


class Stoppable(Protocol):
    """A stack that can be told to stop."""

    @property
    def is_stopping(self) -> bool:
        """Whether a stop has begun."""
        ...

    def tell(self, event: Event) -> None:
        """Tell all listeners of `event`."""
        ...

    def shut_down(
        self,
        cause: Cause,
        *,
        troubled: Iterable[str] = (),
        signal: int | None = None,
        exit_code: int | None = None,
        grace: float | None = None,
        findings: tuple[Finding, ...] = (),
    ) -> None:
        """Stop every service in order, once."""
        ...

    def kill_all(self) -> None:
        """Kill every process at once."""
        ...


class ServiceRun(Protocol):
    """One service of a running stack: what it is, and its current process."""

    @property
    def service(self) -> Service: ...

    @property
    def process(self) -> ProcessId | None:
        """The main process, None if it does not run."""
        ...

    @property
    def group(self) -> int:
        """The process group that may still live, 0 if none."""
        ...

    @property
    def started_at(self) -> float | None:
        """The monotonic time of the last start, in seconds."""
        ...

    @property
    def suspension(self) -> Suspension | None:
        """Why and since when the main process is suspended, None if it is not."""
        ...

    @property
    def answer(self) -> str:
        """The readiness probe's last answer, in plain words."""
        ...


class RunningStack(Stoppable, Protocol):
    """A stack whose services can be observed, started, stopped and restarted."""

    @property
    def stack(self) -> Stack: ...

    @property
    def phase(self) -> Phase: ...

    @property
    def state(self) -> StackState: ...

    @property
    def services(self) -> Mapping[str, ServiceRun]:
        """Every service by name, in the order of the Procfile."""
        ...

    @property
    def audience(self) -> Audience: ...

    @property
    def waiters(self) -> Waiters: ...

    def record(self) -> Record:
        """Return what runs now."""
        ...

    def post(self, event: StackEvent) -> None:
        """Put `event` in the inbox."""
        ...

    def hurry(self, seconds: float) -> None:
        """Kill in `seconds` seconds what is still being stopped."""
        ...
