"""What preflight found out about a claim: free, busy or ours, and who holds the port."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from devstack.core.ports import PortClaim


class PortState(StrEnum):
    FREE = "free"
    BUSY = "busy"
    OURS = "ours"


class BusyReason(StrEnum):
    """What kind of owner keeps a port from us. Each has a next step of its own."""

    STRANGER = "stranger"  # an ordinary process
    LEFTOVER = "leftover"  # this project's stack started it and is gone
    OTHER_PROJECT = "other project"  # another devstack's stack runs it
    CONTAINER = "container"  # a container publishes the port
    AIRPLAY = "airplay"  # AirPlay Receiver of macOS
    HIDDEN = "hidden"  # somebody listens, and this user may not see who
    NO_OWNER = "no owner in sight"  # nobody listens, and yet the port cannot be bound


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that holds a listener. What is not known is None.

    `address` is as bound (`0.0.0.0`, `[::]`); `started` is in seconds since the epoch. `reason` is None for
    a process of this project's running stack. `detail` is the other project's folder, or the container's
    name, and `engine` the command line that knows that container (`docker`, `podman`). `end_pid` is whom to
    end where the other project's folder is gone, and no `devstack down` can be run there.
    """

    address: str | None = None
    pid: int | None = None
    name: str | None = None
    command: str | None = None
    user: str | None = None
    cwd: str | None = None
    started: float | None = None
    reason: BusyReason | None = None
    detail: str = ""
    engine: str = ""
    end_pid: int | None = None


@dataclass(frozen=True, slots=True)
class PortReport:
    """A claim against what the machine has.

    `owners` are those that make the state: of a busy port, the strangers alone. `may_bind` is False where
    the port is free and this user has no right to it (below 1024). `alternative` is a free port instead of
    a busy one. `end_command` ends the ordinary processes among the owners, and what runs though its
    project's folder is gone; `inspect_command` tells an administrator more. Both are for a person to type,
    and empty where there is nothing to say.
    """

    claim: PortClaim
    state: PortState
    owners: tuple[Owner, ...] = ()
    may_bind: bool = True
    alternative: int | None = None
    end_command: str = ""
    inspect_command: str = ""

    @property
    def reason(self) -> BusyReason | None:
        """Why the port is busy: the first owner's reason; None if it is not busy."""
        if self.state is not PortState.BUSY:
            return None
        return self.owners[0].reason if self.owners else BusyReason.NO_OWNER


def any_busy(reports: Iterable[PortReport]) -> bool:
    """Say whether a port is held by somebody else."""
    return any(report.state is PortState.BUSY for report in reports)
