"""Keeps a guardian beside the supervisor for as long as anything runs."""

from __future__ import annotations

import os
from collections.abc import Callable

from devstack.machine import system
from devstack.supervisor.cleanup.guardian import Guardian, start_guardian
from devstack.supervisor.cleanup.holdings import Holdings
from devstack.supervisor.process.children import Children
from devstack.supervisor.run_folder.paths import record_path, socket_path, supervisor_log_path


class Guard:
    """The guardian of one run, and the one after it should somebody end the first.

    `holdings` is what the guardian knows, or is told with the next `flush`. `on_restart` is called after a
    new one was needed.
    """

    def __init__(self, project: str, cookie: str, children: Children) -> None:
        self._project = project
        self._cookie = cookie
        self._children = children
        self._is_needed = True
        self._news: list[bytes] = []
        self.holdings = Holdings()
        self.on_restart: Callable[[], None] = lambda: None
        self.guardian = self._start()

    def _start(self) -> Guardian:
        files = (record_path(self._project), socket_path(self._project))
        log = supervisor_log_path(self._project)
        guardian = start_guardian(self._cookie, files, log, self.holdings)
        self._children.watch(guardian.id.pid, lambda _: self._ended())
        return guardian

    def _ended(self) -> None:
        """Without a guardian, the next kill of the supervisor would leave orphans."""
        if self._is_needed:
            before, self.guardian = self.guardian, self._start()
            os.close(before.pipe)
            self.on_restart()

    def started(self, group: int, output: int) -> None:
        """Tell, with the next `flush`, that a process group is ours now, and the pipe that `output` reads."""
        self._note(b"+%d\n" % group)
        if pipe := system.pipe_number(output):
            self._note(b">%d\n" % pipe)

    def output_ended(self, output: int) -> None:
        """Tell, with the next `flush`, that nobody writes any more to the pipe that `output` reads."""
        if pipe := system.pipe_number(output):
            self._note(b"<%d\n" % pipe)

    def _note(self, message: bytes) -> None:
        self.holdings.take(message)
        self._news.append(message)

    def flush(self) -> None:
        """Tell of all that has started: two hundred services are one message."""
        if self._news:
            self.guardian.tell(self._news)
            self._news.clear()

    def cleared(self, group: int) -> None:
        """Tell that a process group is gone."""
        self._note(b"-%d\n" % group)
        self.flush()

    def dismiss(self) -> None:
        """End the guardian; return when it is gone. It may be gone already."""
        if self._is_needed:
            self._is_needed = False
            self.guardian.dismiss()
