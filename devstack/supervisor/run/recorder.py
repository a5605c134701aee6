"""Keeps the record of a running stack true."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from devstack.core.stack import Stack
from devstack.errors import RunDirectoryError
from devstack.machine.system import ProcessId
from devstack.supervisor.cleanup.keeper import Keeper
from devstack.supervisor.run_folder.record import Record, RecordedService, file_times, write_record

if TYPE_CHECKING:
    import asyncio

    from devstack.supervisor.run.running_stack import ServiceRun

WRITE_AFTER = 0.02


class Recorder:
    """Writes what runs to the run directory, many changes in a row at once.

    `failed` is called with an error of a later writing; the first one raises it.
    """

    def __init__(
        self, stack: Stack, keeper: Keeper, supervisor: ProcessId, failed: Callable[[RunDirectoryError], None]
    ) -> None:
        self._stack = stack
        self._supervisor = supervisor
        self._failed = failed
        self._started = time.time()
        self._file_times = file_times(stack.files)
        self._timer: asyncio.TimerHandle | None = None
        self.detached = False
        self.control: tuple[int | None, str] = (None, "")
        self.runners: Mapping[str, ServiceRun] = {}
        self._keeper = keeper

    def record(self) -> Record:
        """Return what runs now."""
        services = tuple(
            RecordedService(name, runner.process, tuple(claim.port for claim in runner.service.claims))
            for name, runner in self.runners.items()
        )
        port, token = self.control
        return Record(
            project=self._stack.project,
            mode=self._stack.mode,
            run=self._keeper.cookie,
            started=self._started,
            supervisor=self._supervisor,
            keeper=self._keeper.id,
            services=services,
            pipes=tuple(self._keeper.holdings.pipes),
            port=port,
            token=token,
            detached=self.detached,
            file_times=self._file_times,
        )

    def write(self) -> None:
        """Write the record now. Raises RunDirectoryError."""
        write_record(self.record())

    def write_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        """Write the record in a moment, when the changes at hand are through."""
        if self._timer is None:
            self._timer = loop.call_later(WRITE_AFTER, self._write_later)

    def _write_later(self) -> None:
        self._timer = None
        try:
            self.write()
        except RunDirectoryError as error:
            self._failed(error)

    def stop(self) -> None:
        """Write no more."""
        if self._timer is not None:
            self._timer.cancel()
