"""Passes on what services print while the supervisor is still being imported.

The first services run before most of devstack is loaded. What they print then would wait in their pipes
until the event loop reads it, for 70 ms and more. So the output is loaded first, and every import from then
on begins with a look at the pipes. A thread would do it too, and would share everything with the loop that
follows.
"""

from __future__ import annotations

import select
import sys
from collections.abc import Mapping

from devstack.core.service import ProbeKind, ReadinessProbe
from devstack.core.stack import Stack
from devstack.supervisor.output.log_file import log_size, remove_logs
from devstack.supervisor.output.output import Output
from devstack.supervisor.output.screen import Screen
from devstack.supervisor.output.service_pipe import ServicePipe
from devstack.supervisor.run.first_spawn import FirstSpawn
from devstack.supervisor.run_folder.paths import cannot_use, logs_folder, run_folder


class EarlyOutput:
    """The pipes of the services that run already; as a finder of modules it finds none, and reads them."""

    def __init__(self, pipes: Mapping[str, ServicePipe]) -> None:
        self.pipes = dict(pipes)
        self._poll = select.poll()
        self._by_descriptor = {pipe.descriptor: pipe for pipe in pipes.values()}
        for descriptor in self._by_descriptor:
            self._poll.register(descriptor, select.POLLIN)

    def begin(self) -> None:
        """Read the pipes at every import from now on."""
        sys.meta_path.insert(0, self)

    def stop(self) -> None:
        """Leave the pipes to the event loop."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:  # noqa: ARG002
        """Read the pipes; for the import system (Language Reference, 5.3.3)."""
        self.read()

    def read(self) -> None:
        """Pass on what the pipes hold, a chunk each."""
        for descriptor, _ in self._poll.poll(0):
            pipe = self._by_descriptor[descriptor]
            pipe.take_one()
            if pipe.has_ended:
                self._poll.unregister(descriptor)


def open_output(stack: Stack, first: FirstSpawn, screen: int | None, prefixes: Mapping[str, bytes]) -> Output:
    """Return the output of `stack`, its logs opened afresh, with the pipes of the services that run already.

    Raises RunDirectoryError.
    """
    output = Output(Screen(screen), logs_folder(stack.project), log_size(len(stack.services)), dict(prefixes))
    try:
        remove_logs(logs_folder(stack.project))
        output.open_logs(tuple(service.name for service in stack.services))
    except OSError as error:
        raise cannot_use(run_folder(stack.project), error) from error
    output.on_end = first.keeper.output_ended
    first.early = EarlyOutput(
        {
            service.name: output.add(service.name, spawned.output, keeps=_has_log_probe(service.probes))
            for service in stack.services
            if (spawned := first.spawned.get(service.name)) is not None
        }
    )
    first.early.begin()
    return output


def _has_log_probe(probes: tuple[ReadinessProbe, ...]) -> bool:
    return any(probe.kind is ProbeKind.LOG for probe in probes)
