"""A world without processes: it does what a stack's lifecycle asks, as late and as badly as a test wants.

It knows the truth that the lifecycle must find out: who lives. Nothing happens in it by itself: a test lets
processes end, lets what they left end, lets messages arrive. `settle` is a fair world: there, everything that
was asked for happens in the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from devstack.core.orchestration import ServiceEvent
from devstack.core.service import ExitStatus, Service
from devstack.core.service_events import (
    Action,
    Cleared,
    Exited,
    Kill,
    ProbeAnswered,
    SetTimer,
    Spawn,
    Spawned,
    StartProbe,
    Terminate,
    TimerFired,
)


@dataclass(frozen=True)
class Character:
    """What a service is like, whatever happens to it."""

    refuses: bool = False  # cannot even be spawned
    crashes: int | None = None  # ends by itself with this code
    leaves_child: bool = False  # in its process group
    leaves_daemon: bool = False
    is_deaf: bool = False  # to anything but SIGKILL
    answers: bool = True  # its readiness probe, well


@dataclass
class FakeProcess:
    number: int
    main: bool = True
    child: bool = False
    daemon: bool = False
    told: bool = False
    killed: bool = False

    @property
    def lives(self) -> bool:
        return self.main or self.child or self.daemon


@dataclass
class FakeWorld:
    characters: Mapping[str, Character]
    processes: dict[str, FakeProcess] = field(default_factory=dict)
    in_flight: list[ServiceEvent] = field(default_factory=list)
    timers: list[ServiceEvent] = field(default_factory=list)
    probes: list[tuple[str, int]] = field(default_factory=list)
    endings: dict[str, Terminate | Kill] = field(default_factory=dict)

    def lives(self, name: str) -> bool:
        return name in self.processes and self.processes[name].lives

    def perform(self, name: str, action: Action) -> None:
        match action:
            case Spawn(number):
                self._spawn(name, number)
            case Terminate():
                self.processes[name].told = True
                self.endings[name] = action
            case Kill():
                self.processes[name].killed = True
                self.endings[name] = action
            case SetTimer(_, epoch):
                self.timers.append(ServiceEvent(name, TimerFired(epoch)))
            case StartProbe(epoch):
                self.probes.append((name, epoch))

    def _spawn(self, name: str, number: int) -> None:
        assert not self.lives(name), f"{name} is spawned while its process, or what it left, lives"
        if self.characters[name].refuses:
            self.in_flight.append(ServiceEvent(name, Exited(number, ExitStatus(error="no such folder"))))
        else:
            self.processes[name] = FakeProcess(number)
            self.in_flight.append(ServiceEvent(name, Spawned(number, 1000 + number)))

    def main_ends(self, name: str, status: ExitStatus) -> None:
        """The main process ends, and leaves what it is wont to leave."""
        process, character = self.processes.get(name), self.characters[name]
        if process is not None and process.main:
            process.main = False
            process.child = character.leaves_child
            process.daemon = character.leaves_daemon
            self.in_flight.append(ServiceEvent(name, Exited(process.number, status)))

    def rest_ends(self, name: str) -> None:
        """What the main process left ends, as far as it was asked to; then the world says so."""
        process, ending = self.processes.get(name), self.endings.get(name)
        if process is None or ending is None or process.main:
            return
        process.child = False
        process.daemon = process.daemon and ending.spares_daemons
        del self.endings[name]
        self.in_flight.append(ServiceEvent(name, Cleared(ending.epoch)))

    def obeys(self, name: str) -> bool:
        """Say whether the process has had a signal that ends it."""
        process = self.processes.get(name)
        if process is None:
            return False
        return process.killed or (process.told and not self.characters[name].is_deaf)


def settle(world: FakeWorld, services: Mapping[str, Service], send: Callable[[ServiceEvent], None]) -> None:
    """Let everything happen that is due, each service after its character, until nothing more does."""
    for _ in range(2_000):
        if not (_deliver(world, send) or _end(world) or _answer(world, send) or _crash(world)):
            if not world.timers:
                return
            send(world.timers.pop(0))
    raise AssertionError("the world does not come to rest")


def _deliver(world: FakeWorld, send: Callable[[ServiceEvent], None]) -> bool:
    if not world.in_flight:
        return False
    send(world.in_flight.pop(0))
    return True


def _end(world: FakeWorld) -> bool:
    before = {name: replace(process) for name, process in world.processes.items()}
    endings = dict(world.endings)
    for name in world.processes:
        if world.obeys(name):
            world.main_ends(name, ExitStatus(signal=9 if world.processes[name].killed else 15))
            world.rest_ends(name)
    return before != world.processes or endings != world.endings


def _answer(world: FakeWorld, send: Callable[[ServiceEvent], None]) -> bool:
    answering = [probe for probe in world.probes if world.characters[probe[0]].answers]
    if not answering:
        return False
    name, epoch = answering[0]
    world.probes.remove(answering[0])
    send(ServiceEvent(name, ProbeAnswered(epoch, True)))
    return True


def _crash(world: FakeWorld) -> bool:
    alive = [name for name, process in world.processes.items() if process.main]
    crashing = [name for name in alive if world.characters[name].crashes is not None]
    for name in crashing:
        world.main_ends(name, ExitStatus(code=world.characters[name].crashes))
    return bool(crashing)
