"""What a service is, and in which state one is: plain values, no behaviour that touches the world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import assert_never

from devstack.core.ports import PortClaim


class ServiceState(StrEnum):
    """Where a service is in its life."""

    PENDING = "pending"  # never started yet, or waits for a dependency
    STARTING = "starting"  # runs or is about to; the readiness probe has not answered
    READY = "ready"
    UNREADY = "unready"  # runs, was ready, and its repeated probe fails
    STOPPING = "stopping"  # the process, or what it left in its group, is being ended
    STOPPED = "stopped"
    BACKOFF = "backoff"  # waits to be started again
    FAILED = "failed"  # crash loop, or would not start
    EXITED = "exited"  # ended by itself with 0


RUNNING_STATES = frozenset({ServiceState.STARTING, ServiceState.READY, ServiceState.UNREADY})
"""States in which a process runs and is meant to."""

OCCUPIED_STATES = RUNNING_STATES | {ServiceState.STOPPING}
"""States in which a process, or what it left in its group, may live: nothing may be spawned."""

ENDED_STATES = frozenset({ServiceState.STOPPED, ServiceState.FAILED, ServiceState.EXITED})
"""States that only a new wish leaves."""

UP_STATES = frozenset({ServiceState.READY, ServiceState.EXITED})
"""States that satisfy a dependency and the wait of `up`."""


class RestartMode(StrEnum):
    NEVER = "never"
    ON_FAILURE = "on-failure"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """When a service that exited by itself, or stays unready, is started again. Times are in seconds."""

    mode: RestartMode = RestartMode.ON_FAILURE
    max: int = 5
    within: float = 60.0
    first_delay: float = 0.2
    longest_delay: float = 10.0
    stable_after: float = 10.0
    unready: float | None = None
    """Seconds of being unready after ready that count as a crash; None: never."""

    def wants_restart(self, status: ExitStatus) -> bool:
        """Say whether an exit with `status` asks for a restart at all."""
        match self.mode:
            case RestartMode.NEVER:
                return False
            case RestartMode.ALWAYS:
                return not status.is_hopeless
            case RestartMode.ON_FAILURE:
                return not status.is_success and not status.is_hopeless
            case _:
                assert_never(self.mode)

    def allows_restart(self, restart_times: tuple[float, ...], now: float) -> bool:
        """Say whether one more restart stays within `max` restarts in `within` seconds."""
        return len(self.recent(restart_times, now)) < self.max

    def recent(self, restart_times: tuple[float, ...], now: float) -> tuple[float, ...]:
        """Return those of `restart_times` that still count against the limit at `now`."""
        return tuple(at for at in restart_times if 0 <= now - at < self.within)

    def delay(self, failures: int) -> float:
        """Return the backoff in seconds after `failures` failures in a row (1 for the first)."""
        doublings = min(max(failures, 1) - 1, 16)
        return min(self.first_delay * 2.0**doublings, self.longest_delay)


class Stdin(StrEnum):
    """What a service reads on its stdin."""

    OPEN = "open"  # a pipe that stays open and that nobody writes to but `attach`
    NULL = "null"  # /dev/null: at its end


@dataclass(frozen=True, slots=True)
class StopPolicy:
    """How a service is asked to end: a signal's name without SIG, and seconds until it is killed."""

    signal: str = "TERM"
    grace: float = 10.0


class ProbeKind(StrEnum):
    ALIVE = "alive"  # still runs after a second
    TCP = "tcp"
    HTTP = "http"
    WS = "ws"
    LOG = "log"
    COMMAND = "command"
    EXIT = "exit"  # a one-shot: ends by itself with 0


@dataclass(frozen=True, slots=True)
class ReadinessProbe:
    """The question that decides that a service is ready.

    `target` is what the kind asks about: the path of `http` and `ws`, the regular expression of `log`,
    the shell command of `command`; `tcp` and `alive` need none. `every` repeats the probe after ready,
    in seconds; None asks once.
    """

    kind: ProbeKind
    port: int | None = None
    target: str = ""
    every: float | None = None
    subprotocol: str | None = None  # ws
    status: tuple[int, ...] = ()  # http: the statuses that count; empty: any below 500
    body: str | None = None  # http: text that the body must contain
    first_message: str | None = None  # ws: text that the first message must contain

    @property
    def is_repeated(self) -> bool:
        """Say whether it is asked again after ready; a line that came and a second that passed stay so."""
        return self.every is not None and self.kind not in (ProbeKind.ALIVE, ProbeKind.LOG)


@dataclass(frozen=True, slots=True)
class Service:
    """One process to run: a Procfile line, or one instance of a scaled one.

    `env` is what this service gets beyond the stack's environment (claims, `DEVSTACK_SERVICE`, its own
    settings), complete and resolved. `cwd` is absolute. `base` is the Procfile's name: `worker.2` is the
    second instance of `worker`. All `probes` must answer before the service is ready.
    """

    name: str
    command: str
    cwd: str
    base: str = ""
    claims: tuple[PortClaim, ...] = ()
    probes: tuple[ReadinessProbe, ...] = (ReadinessProbe(ProbeKind.ALIVE),)
    depends_on: tuple[str, ...] = ()
    restart: RestartPolicy = RestartPolicy()
    stop: StopPolicy = StopPolicy()
    env: Mapping[str, str] = field(default_factory=dict)
    tty: bool = False
    stdin: Stdin = Stdin.OPEN
    watch: tuple[str, ...] = ()
    socket: bool = False  # the supervisor holds the listening socket and hands it over (LISTEN_FDS)


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """How a process ended: its exit code, or the number of the signal that ended it."""

    code: int | None = None
    signal: int | None = None
    error: str = ""  # why it could not be started at all

    @property
    def is_success(self) -> bool:
        return self.code == 0

    @property
    def is_hopeless(self) -> bool:
        """Cannot run (126), not found (127), or would not even spawn: trying again changes nothing."""
        return bool(self.error) or self.code in (126, 127)

    @property
    def shell_code(self) -> int:
        """Return the one number that a shell would show: 128 + signal for a signal."""
        if self.signal is not None:
            return 128 + self.signal
        return self.code if self.code is not None else 127


class Stopped(StrEnum):
    """Why a service is in STOPPING: what ended it, or is to."""

    ASKED = "asked"
    KILLED = "killed"
    LEFT = "left"  # ended well long ago; what it left as a daemon is being ended
    EXITED = "exited"
    UNREADY = "unready"  # unready for so long that it counts as a crash


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """All that the lifecycle remembers of one service. Times are seconds of a monotonic clock.

    `wanted` says that it is meant to run, apart from what is. `epoch` counts entered states: a timer, a probe
    or a `Cleared` of an earlier epoch is stale. `processes` counts its processes and is the number of the
    latest: what is said of an earlier one is stale. `pid` is the living main process. `failures` in a row
    lengthen the backoff; `restart_times` are the restarts that count against the limit.
    """

    state: ServiceState = ServiceState.PENDING
    wanted: bool = False
    epoch: int = 0
    processes: int = 0
    pid: int | None = None
    stopped: Stopped = Stopped.ASKED
    exit: ExitStatus | None = None
    failures: int = 0
    restart_times: tuple[float, ...] = ()

    @property
    def restarts(self) -> int:
        """How often it was started again."""
        return max(self.processes - 1, 0)

    @property
    def awaits_process(self) -> bool:
        """Say whether its process was asked for, and nothing is known of it yet."""
        return self.state in OCCUPIED_STATES and self.pid is None and self.exit is None
