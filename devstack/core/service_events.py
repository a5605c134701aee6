"""What a service's lifecycle hears, and what it asks for.

The world says of what it speaks: `Spawned` and `Exited` name the process by its number, `Cleared`,
`ProbeAnswered` and `TimerFired` the epoch of the state in which it was asked for. So what is said of the
past, late or twice, can be told from what is.
"""

from __future__ import annotations

from dataclasses import dataclass

from devstack.core.service import ExitStatus

# Events: the user's wishes, and the news of the process, the probe and the timer.


@dataclass(frozen=True, slots=True)
class StartRequested:
    """It is to run, now."""


@dataclass(frozen=True, slots=True)
class StartDelayed:
    """It is to run, and has to wait for a dependency. StartRequested follows when that is up."""


@dataclass(frozen=True, slots=True)
class StopRequested:
    """It is to end. With StartRequested right behind it, this is a restart."""


@dataclass(frozen=True, slots=True)
class KillRequested:
    """It is to end at once, without grace."""


@dataclass(frozen=True, slots=True)
class Spawned:
    process: int
    pid: int


@dataclass(frozen=True, slots=True)
class Exited:
    """The main process ended; where `status` has an error, there never was one."""

    process: int
    status: ExitStatus


@dataclass(frozen=True, slots=True)
class Cleared:
    """The main process and all that it started are gone, but for daemons that were to be spared.

    `epoch` is that of the Terminate or Kill.
    """

    epoch: int


@dataclass(frozen=True, slots=True)
class ProbeAnswered:
    epoch: int
    ok: bool


@dataclass(frozen=True, slots=True)
class TimerFired:
    epoch: int


Wish = StartRequested | StartDelayed | StopRequested | KillRequested
News = Spawned | Exited | Cleared | ProbeAnswered | TimerFired
Event = Wish | News


# Actions: what the runner is to do.


@dataclass(frozen=True, slots=True)
class Spawn:
    """Start the process of this number. Answered by Spawned, or by Exited with an error."""

    process: int


@dataclass(frozen=True, slots=True)
class Terminate:
    """Send the stop policy's signal to the process and all that it started, or to what it left.

    Answered by Cleared(epoch) once nothing of it lives. With `spares_daemons`, what has left its process
    group may live on.
    """

    epoch: int
    spares_daemons: bool = False


@dataclass(frozen=True, slots=True)
class Kill:
    """As Terminate, with SIGKILL."""

    epoch: int
    spares_daemons: bool = False


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Send TimerFired(epoch) after so many seconds. A new timer replaces the old one."""

    seconds: float
    epoch: int


@dataclass(frozen=True, slots=True)
class StartProbe:
    """Ask until the service is ready (in READY: until it is not), then send ProbeAnswered(epoch)."""

    epoch: int


Action = Spawn | Terminate | Kill | SetTimer | StartProbe
