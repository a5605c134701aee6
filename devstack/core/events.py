"""What a supervisor tells of a stack while it runs. Plain values: they go to a screen or over a socket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from devstack.core.findings import Finding
from devstack.core.service import ServiceStatus


@dataclass(frozen=True, slots=True)
class ServiceChanged:
    """A service entered another state. `seconds` counts from the start of the stack."""

    name: str
    status: ServiceStatus
    seconds: float
    delay: float | None = None  # in backoff: the seconds until the next try


@dataclass(frozen=True, slots=True)
class ServiceSuspended:
    """A service's main process was suspended by `signal`; it runs and does nothing. With 0 it was resumed."""

    name: str
    pid: int
    signal: int
    seconds: float = 0.0  # resumed: how long it was suspended


@dataclass(frozen=True, slots=True)
class StackReady:
    """Every service that was to start is up, `seconds` after the start.

    `has_ended`: all of them have exited with 0 already.
    """

    seconds: float
    has_ended: bool = False


class Cause(StrEnum):
    """Why a stack did not come up, or ended."""

    FAILED = "failed"
    NOT_READY = "not ready in time"
    ABORTED = "a service ended"
    ENDED = "all ended"
    SIGNAL = "a signal"
    DOWN = "down"
    IMPOSTOR = "somebody else listens on a claimed port"
    SCREEN = "the screen is gone"
    KEEPER = "the keeper was killed"
    ERROR = "an error"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is known of a service that failed or was not ready in time.

    `answer` is the last answer to its probe, `listens_on` the ports on which it does listen, `beyond` the
    places (`192.0.2.2:5000`) where it listens on a port of its own and no client of `localhost` reaches it,
    `held_by` who else listens on a port of its own, and `last_lines` the end of its output. `found_at` is
    where a program stands that was not found on the PATH.
    """

    name: str
    status: ServiceStatus
    answer: str = ""
    ports: tuple[int, ...] = ()
    listens_on: tuple[int, ...] = ()
    last_lines: tuple[str, ...] = ()
    waits_for: tuple[str, ...] = ()
    held_by: tuple[tuple[int, str], ...] = ()  # port, who
    beyond: tuple[str, ...] = ()
    found_at: str = ""


@dataclass(frozen=True, slots=True)
class StackStopping:
    """The stack is being stopped, and why. `findings` say of an impostor who it is.

    Where services are in trouble, `listening` is where the stack's processes listened then.
    """

    cause: Cause
    troubles: tuple[Trouble, ...] = ()
    signal: int | None = None
    seconds: float = 0.0
    findings: tuple[Finding, ...] = ()
    listening: tuple[tuple[int, int], ...] = ()  # port, pid


@dataclass(frozen=True, slots=True)
class StillStopping:
    """On whom the stop waits: pids by service, and the seconds until they are killed."""

    waits_on: Mapping[str, tuple[int, ...]]
    kill_in: float


@dataclass(frozen=True, slots=True)
class StackStopped:
    """Nothing runs any more. `left` are processes that could not be ended."""

    exit_code: int
    left: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Notice:
    """One line for people about something that goes on meanwhile."""

    text: str
    details: Mapping[str, object] = field(default_factory=dict)


Event = ServiceChanged | ServiceSuspended | StackReady | StackStopping | StillStopping | StackStopped | Notice


class Listener(Protocol):
    """Whoever wants to hear of a stack."""

    def heard(self, event: Event) -> None:
        """Take note of `event`; called in the supervisor's event loop, or before it runs."""
        ...
