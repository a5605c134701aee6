"""Asks a running service until it is ready: over the network, in its output, by a command, by the clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from devstack.core.log_pattern import log_pattern
from devstack.core.service import ExitStatus, ProbeKind, ReadinessProbe, Service
from devstack.core.terminal_text import without_escapes
from devstack.machine import system
from devstack.supervisor.process.children import Children
from devstack.supervisor.process.spawn import spawn_command

ALIVE_AFTER = 1.0
COMMAND_TIMEOUT = 10.0
COMMAND_PAUSE = 0.1
LONGEST_COMMAND_PAUSE = 1.0
CARRY = 4096


class LogWatch:
    """Looks for a pattern in a service's lines, across the cuts between two reads, coloured or not."""

    def __init__(self, pattern: str) -> None:
        self._pattern = log_pattern(pattern)
        self._carry = b""
        self.seen = asyncio.Event()

    def take(self, chunk: bytes) -> None:
        if self.seen.is_set():
            return
        text = self._carry + chunk
        if self._pattern.search(text) or self._pattern.search(without_escapes(text)):
            self.seen.set()
        self._carry = text[max(text.rfind(b"\n") + 1, len(text) - CARRY) :]


@dataclass(slots=True)
class Readiness:
    """The probes of one process of a service. `answer` is what was last heard, in plain words."""

    service: Service
    environment: Mapping[str, str]
    children: Children
    watches: dict[str, LogWatch]
    answer: str = ""

    async def until_ready(self) -> None:
        """Return when every probe has answered well. There is no limit of its own."""
        async with asyncio.TaskGroup() as group:
            for probe in self.service.probes:
                group.create_task(self._until_ready(probe))

    async def until_unready(self) -> None:
        """Ask the probes that are to be repeated, each in its rhythm; return when one answers badly."""
        repeated = [probe for probe in self.service.probes if probe.is_repeated]
        tasks = [asyncio.create_task(self._until_unready(probe)) for probe in repeated]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()

    async def _until_ready(self, probe: ReadinessProbe) -> None:
        match probe.kind:
            case ProbeKind.ALIVE:
                await asyncio.sleep(ALIVE_AFTER)
            case ProbeKind.LOG:
                self.answer = f"no line matched {probe.target!r} yet"
                await self.watches[probe.target].seen.wait()
                self.answer = f"a line matched {probe.target!r}"
            case ProbeKind.COMMAND:
                await self._until_command_succeeds(probe.target)
            case ProbeKind.EXIT:
                self.answer = "a one-shot that has not ended yet"
                await asyncio.get_running_loop().create_future()  # its exit speaks, through the inbox
            case _:
                from devstack.supervisor.probes.probes import until_ready

                await until_ready(probe, heard=lambda answer: self._hear(answer.detail))

    async def _until_unready(self, probe: ReadinessProbe) -> None:
        is_ok = True
        while is_ok:
            await asyncio.sleep(probe.every or ALIVE_AFTER)
            if probe.kind is ProbeKind.COMMAND:
                is_ok = (await self._run(probe.target)).is_success
            else:
                from devstack.supervisor.probes.probes import ATTEMPT_TIMEOUT, ask

                answer = await ask(probe, within=max(ATTEMPT_TIMEOUT, probe.every or 0.0))
                self._hear(answer.detail)
                is_ok = answer.ok

    def _hear(self, detail: str) -> None:
        self.answer = detail

    async def _until_command_succeeds(self, command: str) -> None:
        pause = COMMAND_PAUSE
        self.answer = f"`{command}` has not ended yet"
        while not (await self._run(command)).is_success:
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LONGEST_COMMAND_PAUSE)

    async def _run(self, command: str) -> ExitStatus:
        """Run a probe's command in the service's environment and folder; kill it when it takes too long."""
        ended: asyncio.Future[ExitStatus] = asyncio.get_running_loop().create_future()
        pid = spawn_command(command, self.service.cwd, self.environment)
        self.children.watch(pid, lambda status: None if ended.done() else ended.set_result(status))
        try:
            async with asyncio.timeout(COMMAND_TIMEOUT):
                status = await ended
        except BaseException as error:
            system.send_group_signal(pid, system.KILL_SIGNAL)
            if isinstance(error, TimeoutError):
                self.answer = f"`{command}` took longer than {COMMAND_TIMEOUT:g} s"
                return ExitStatus(signal=system.KILL_SIGNAL)
            raise
        self.answer = f"`{command}` ended with {status.shell_code}"
        return status


def start_readiness(
    readiness: Readiness, *, is_up: bool, answered: Callable[[bool], None]
) -> asyncio.Task[None]:
    """Ask in the background; `answered` is called once, with whether the service is ready.

    `is_up` says that it is ready now, and that only a bad answer is news.
    """

    async def _ask() -> None:
        if is_up:
            await readiness.until_unready()
        else:
            await readiness.until_ready()
        answered(not is_up)

    return asyncio.get_running_loop().create_task(_ask())
