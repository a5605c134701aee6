"""Who holds a listener, and what kind of owner that is."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from devstack.core.port_report import BusyReason, Owner
from devstack.machine.containers import Container, is_proxy, published_ports
from devstack.machine.listeners import Listener
from devstack.machine.listening_user import listening_user
from devstack.machine.process_tree import Marks, find_members, is_alive
from devstack.machine.system import ProcessId

if TYPE_CHECKING:
    import psutil

AIRPLAY_NAME = "ControlCenter"
AIRPLAY_PORTS = (5000, 7000)


class OurStack(NamedTuple):
    """What preflight knows of this project: its folder, and the processes of its running stack.

    Descendants of `processes` belong to the stack too, and so does whatever carries `cookie`.
    """

    project: str | None = None
    processes: tuple[ProcessId, ...] = ()
    cookie: str = ""


def describe_owners(listeners: Collection[Listener], stack: OurStack) -> dict[int, tuple[Owner, ...]]:
    """Return the owners of each port that has one of `listeners`; those that ended meanwhile are left out."""
    examiner = _Examiner(stack)
    owners: dict[int, list[Owner]] = {}
    for listener in listeners:
        owner = examiner.examine(listener)
        if owner is not None:
            owners.setdefault(listener.port, []).append(owner)
    return {port: tuple(found) for port, found in owners.items()}


def unseen_owner(
    port: int, address: str | None, containers: Callable[[], Mapping[int, Container]] = published_ports
) -> Owner | None:
    """Return who may hold a `port` on which no listener is in sight; None if there is no sign of anybody.

    `address` is the one that took a connection, if any did. A container engine may hold a port without
    listening on it, as Docker does without its proxy; `containers` asks it.
    """
    container = containers().get(port)
    if container is not None:
        return _with_container(Owner(address=address), container)
    return Owner(address=address, reason=BusyReason.HIDDEN) if address is not None else None


def _with_container(owner: Owner, container: Container | None) -> Owner:
    name, engine = (container.name, container.engine) if container else ("", "")
    return replace(owner, reason=BusyReason.CONTAINER, detail=name, engine=engine)


class _Examiner:
    """Looks at one listener after the other, and at what they have in common no more than once."""

    def __init__(self, stack: OurStack) -> None:
        self._stack = stack

    @cached_property
    def _our_pids(self) -> frozenset[int]:
        living = tuple(process for process in self._stack.processes if is_alive(process))
        if not living and not self._stack.cookie:
            return frozenset()
        members = find_members(Marks(cookie=self._stack.cookie, parents=living))
        return frozenset(member.row.pid for member in members).union(process.pid for process in living)

    @cached_property
    def _containers(self) -> Mapping[int, Container]:
        return published_ports()

    def examine(self, listener: Listener) -> Owner | None:
        """Return the owner with its reason, or None if it has ended."""
        if listener.pid is None:
            return self._hidden(listener)
        import psutil

        try:
            process = psutil.Process(listener.pid)
            with process.oneshot():
                owner = _describe(process, listener.address)
                return self._classify(owner, listener.port, process)
        except psutil.NoSuchProcess:
            return None

    def _hidden(self, listener: Listener) -> Owner:
        """Return what is known of an owner that this user may not see: the user, or the container."""
        owner = Owner(address=listener.address, user=listening_user(listener.address, listener.port))
        if listener.port in self._containers:
            return _with_container(owner, self._containers[listener.port])
        return replace(owner, reason=BusyReason.HIDDEN)

    def _classify(self, owner: Owner, port: int, process: psutil.Process) -> Owner:
        if owner.pid in self._our_pids:
            return owner
        environment = _read_environment(process)
        folder = environment.get("DEVSTACK_PROJECT")
        if folder and "DEVSTACK_SERVICE" in environment:
            reason = self._project_reason(folder)
            end_pid = None if os.path.isdir(folder) else _topmost(process)
            return replace(owner, reason=reason, detail=folder, end_pid=end_pid)
        if is_proxy(owner.name):
            return _with_container(owner, self._containers.get(port))
        if owner.name == AIRPLAY_NAME and port in AIRPLAY_PORTS:
            return replace(owner, reason=BusyReason.AIRPLAY)
        return replace(owner, reason=BusyReason.STRANGER)

    def _project_reason(self, folder: str) -> BusyReason:
        project = self._stack.project
        if project is not None and os.path.realpath(folder) == os.path.realpath(project):
            return BusyReason.LEFTOVER
        return BusyReason.OTHER_PROJECT


def _describe(process: psutil.Process, address: str) -> Owner:
    """Read what this user may see of `process`. Raises psutil.NoSuchProcess when it has ended."""
    import psutil

    def ask(name: str) -> object:
        try:
            return getattr(process, name)()
        except (psutil.AccessDenied, OSError):  # another user's
            return None

    command = ask("cmdline")
    return Owner(
        address=address,
        pid=process.pid,
        name=_text(ask("name")),
        command=_command_line(command) if isinstance(command, list) else None,
        user=_text(ask("username")),
        cwd=_text(ask("cwd")),
        started=process.create_time(),
    )


def _topmost(process: psutil.Process) -> int:
    """Return the pid of the supervisor of a service's `process`, its own where that is gone.

    The supervisor would start again what ends by itself.
    """
    import psutil

    try:
        for ancestor in process.parents():
            if "DEVSTACK_SERVICE" not in _read_environment(ancestor):
                return ancestor.pid if any(map(_is_ours, ancestor.cmdline())) else process.pid
    except psutil.Error:  # ended meanwhile, or another user's
        pass
    return process.pid


def _is_ours(argument: str) -> bool:
    return "devstack.daemon" in argument or os.path.basename(argument) == "devstack"


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _command_line(arguments: Iterable[str]) -> str | None:
    """Return the command as one would type it into a shell."""
    import shlex

    return shlex.join(arguments) or None


def _read_environment(process: psutil.Process) -> Mapping[str, str]:
    import psutil

    try:
        return process.environ()
    except psutil.NoSuchProcess:
        raise
    except (psutil.AccessDenied, OSError):  # another user's
        return {}
