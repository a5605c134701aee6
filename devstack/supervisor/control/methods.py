"""What a client of the control socket can ask for. Each method: parameters in, a JSON value out."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Protocol

from devstack import __version__
from devstack.core.events import Cause, Event, Listener, StackStopped
from devstack.core.orchestration import RestartWanted, StartWanted, StopWanted
from devstack.core.service import ENDED_STATES, UP_STATES, ServiceState, ServiceStatus
from devstack.supervisor.control.messages import encode
from devstack.supervisor.run.troubles import troubles_of

if TYPE_CHECKING:
    from devstack.core.stack import Stack
    from devstack.supervisor.run.running_stack import RunningStack

PROTOCOL = 1
"""The version: it grows when something that was promised is taken away or means something else."""

INVALID_PARAMETERS = -32602
STOPPING = -32002
LONGEST_WAIT = 1e9
DEFAULT_WAIT = 60.0
_THROUGH = UP_STATES | {ServiceState.FAILED, ServiceState.STOPPED}
"""States in which a start has come to an end; STOPPED: somebody has stopped it again meanwhile."""


class RpcError(Exception):
    """A request that cannot be done; `code` is JSON-RPC's."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Caller(Listener, Protocol):
    """The client that a request came from, at the socket of `running`."""

    @property
    def running(self) -> RunningStack: ...

    def tell_growth(self) -> None:
        """Tell this client from now on which logs have grown."""
        ...


async def hello(client: Caller, _: Mapping[str, Any]) -> dict[str, Any]:
    return _greeting(client.running.stack)


async def status(client: Caller, _: Mapping[str, Any]) -> dict[str, Any]:
    running = client.running
    record = running.record()
    return {
        "mode": record.mode,
        "project": record.project,
        "phase": running.phase.value,
        "supervisor": {"pid": record.supervisor.pid, "started": record.started},
        "services": [_service(running, name) for name in running.state.statuses],
    }


def _service(running: RunningStack, name: str) -> dict[str, Any]:
    status, runner = running.state.statuses[name], running.services[name]
    runs = status.pid is not None and runner.started_at is not None
    return {
        "name": name,
        "state": status.state.value,
        "ready": status.state in UP_STATES,
        "pid": status.pid,
        "group": runner.group or None,
        "ports": [claim.port for claim in runner.service.claims],
        "uptime_s": round(time.monotonic() - (runner.started_at or 0.0), 3) if runs else None,
        "restarts": status.restarts,
        "exit_code": status.exit.shell_code if status.exit else None,
        "answer": runner.answer,
        "suspended": asdict(runner.suspension) if runner.suspension else None,
    }


async def start(client: Caller, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Start services, and what they depend on; answer when they are up, or cannot be."""
    running = client.running
    names, patience = _chosen(running, parameters), _patience(parameters)
    running.post(StartWanted(_needed(running, names)))

    def _is_through(name: str, now: ServiceStatus) -> bool:
        return now.state in _THROUGH or _waits_in_vain(running, name)

    return await _settle(running, names, patience, _is_through, UP_STATES)


async def restart(client: Caller, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Restart services; answer when the new processes are up, or cannot be."""
    running = client.running
    names, patience = _chosen(running, parameters), _patience(parameters)
    before = {name: running.state.statuses[name].processes for name in names}
    running.post(RestartWanted(names))

    def _is_through(name: str, now: ServiceStatus) -> bool:
        if now.processes > before[name]:
            return now.state in _THROUGH
        return now.state is ServiceState.STOPPED or _waits_in_vain(running, name)

    return await _settle(running, names, patience, _is_through, UP_STATES)


async def stop(client: Caller, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Stop services; answer when nothing of them lives."""
    running = client.running
    names, patience = _chosen(running, parameters), _patience(parameters)
    before = {name: running.state.statuses[name].processes for name in names}
    running.post(StopWanted(names))

    def _is_through(name: str, now: ServiceStatus) -> bool:
        # A new process: somebody has started it again meanwhile, when nothing of the old one lived.
        return now.state in ENDED_STATES or now.processes > before[name]

    return await _settle(running, names, patience, _is_through, frozenset(ServiceState))


async def down(client: Caller, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Stop the whole stack; answered when nothing runs any more."""
    grace = _seconds(parameters, "grace")
    running = client.running
    ended: list[StackStopped] = []
    running.audience.add(_Keeper(ended))
    if running.is_stopping and grace is not None:
        running.hurry(grace)
    running.shut_down(Cause.DOWN, exit_code=0, grace=grace)
    if grace == 0:
        running.kill_all()
    if not await running.waiters.until(lambda: bool(ended), LONGEST_WAIT):
        raise RpcError(STOPPING, "the stack is still being stopped")
    return encode(ended[0])


def _greeting(stack: Stack) -> dict[str, Any]:
    """Return who is at this end of the socket."""
    return {
        "protocol": PROTOCOL,
        "devstack": __version__,
        "project": stack.project,
        "mode": stack.mode,
        "pid": os.getpid(),
    }


def _seconds(parameters: Mapping[str, Any], name: str) -> float | None:
    """Return the length of time that `name` says, None where it is not given. Raises RpcError."""
    value = parameters.get(name)
    if value is None:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (is_number and 0 <= value <= LONGEST_WAIT):
        raise RpcError(INVALID_PARAMETERS, f"{name} is a number of seconds up to {LONGEST_WAIT:g}")
    return float(value)


def _patience(parameters: Mapping[str, Any]) -> float:
    """Return how long to wait for the answer. Raises RpcError: to be asked before anything is done."""
    seconds = _seconds(parameters, "timeout")
    return DEFAULT_WAIT if seconds is None else seconds


class _Keeper:
    """Keeps the last word of a stack."""

    def __init__(self, ended: list[StackStopped]) -> None:
        self._ended = ended

    def heard(self, event: Event) -> None:
        if isinstance(event, StackStopped):
            self._ended.append(event)


async def subscribe(client: Caller, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Send this client every event from now on; with `output`, also which logs have grown."""
    client.running.audience.remove(client)
    client.running.audience.add(client)
    if parameters.get("output"):
        client.tell_growth()
    return _greeting(client.running.stack)


METHODS: dict[str, Callable[[Caller, Mapping[str, Any]], Awaitable[dict[str, Any]]]] = {
    "hello": hello,
    "status": status,
    "start": start,
    "stop": stop,
    "restart": restart,
    "down": down,
    "subscribe": subscribe,
}


def _chosen(running: RunningStack, parameters: Mapping[str, Any]) -> tuple[str, ...]:
    if running.is_stopping:
        raise RpcError(STOPPING, "the stack is being stopped")
    names = parameters.get("services")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise RpcError(INVALID_PARAMETERS, "services is a list of names")
    try:
        return _instances(running, names)
    except KeyError as error:
        from devstack.core.suggest import unknown_service

        unknown = unknown_service(error.args[0], running.state.statuses)
        raise RpcError(INVALID_PARAMETERS, f"{unknown.message}\n{unknown.hint}") from None


def _instances(running: RunningStack, names: list[str]) -> tuple[str, ...]:
    """Return the services that `names` mean: `worker` is every instance of worker. Raises KeyError."""
    chosen: dict[str, None] = {}
    for name in names:
        bases = {one: runner.service.base for one, runner in running.services.items()}
        found = [one for one, base in bases.items() if name in (one, base)]
        if not found:
            raise KeyError(name)
        chosen.update(dict.fromkeys(found))
    return tuple(chosen)


def _needed(running: RunningStack, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return `names` and all that they depend on, as far as it is not up or starting."""
    from devstack.core.graph import with_dependencies

    services = {name: runner.service for name, runner in running.services.items()}
    depends_on = {
        name: tuple(need for need in service.depends_on if need in services)
        for name, service in services.items()
    }
    needed = with_dependencies(names, depends_on)
    return tuple(name for name in services if name in names or (name in needed and _is_down(running, name)))


def _is_down(running: RunningStack, name: str) -> bool:
    return running.state.statuses[name].state in (
        ServiceState.STOPPED,
        ServiceState.FAILED,
        ServiceState.PENDING,
    )


def _waits_in_vain(running: RunningStack, name: str) -> bool:
    """Say whether `name` waits for a dependency that nobody is about to bring up."""
    statuses, services = running.state.statuses, running.services
    needs = [need for need in services[name].service.depends_on if need in statuses]
    return statuses[name].state is ServiceState.PENDING and any(
        statuses[need].state in (ServiceState.FAILED, ServiceState.STOPPED) or _waits_in_vain(running, need)
        for need in needs
    )


async def _settle(
    running: RunningStack,
    names: tuple[str, ...],
    patience: float,
    is_through: Callable[[str, ServiceStatus], bool],
    good: frozenset[ServiceState],
) -> dict[str, Any]:
    """Wait until every service is through, `patience` seconds at most, and say what became of each.

    Who is not through then, or in none of the `good` states, is in trouble.
    """

    def _late() -> tuple[str, ...]:
        return tuple(name for name in names if not is_through(name, running.state.statuses[name]))

    await running.waiters.until(lambda: running.is_stopping or not _late(), patience)
    if running.is_stopping:
        raise RpcError(STOPPING, "the stack is being stopped")
    late = _late()
    bad = [name for name in names if name in late or running.state.statuses[name].state not in good]
    return {
        "services": [_service(running, name) for name in names],
        "troubles": [asdict(trouble) for trouble in troubles_of(running, bad)],
    }
