"""Restarts services when their files change: `watch` in devstack.toml. Needs the extra `watch`."""

from __future__ import annotations

import asyncio
import fnmatch
import glob
import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from devstack.core.events import Notice
from devstack.core.orchestration import RestartWanted
from devstack.core.service import Service, ServiceState

if TYPE_CHECKING:
    from devstack.supervisor.run.running_stack import RunningStack

DEBOUNCE_MS = 200
IGNORED = (".devstack", ".git", ".venv", "node_modules", "__pycache__")


def restart_on_change(running: RunningStack) -> None:
    """Restart each service of `running` when a file that it watches changes, unless it was stopped."""

    def _changed(name: str, path: str) -> None:
        state = running.state.statuses[name].state
        if not running.is_stopping and state not in (ServiceState.STOPPED, ServiceState.PENDING):
            shown = os.path.relpath(path, running.stack.project)
            running.tell(Notice(f"{shown} changed: restarting {name}"))
            running.post(RestartWanted((name,)))

    Watching({service.name: service for service in running.stack.services}, _changed).start()


class Watching:
    """Watches the files of every service that wants it; `changed` is called with name and path."""

    def __init__(self, services: Mapping[str, Service], changed: Callable[[str, str], None]) -> None:
        self._patterns = {name: service.watch for name, service in services.items() if service.watch}
        self._changed = changed
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Watch in the background, if there is anything to watch."""
        if self._patterns:
            self._task = asyncio.get_running_loop().create_task(self._watch())

    async def _watch(self) -> None:
        from watchfiles import awatch

        roots = _existing_roots(self._patterns.values())
        if not roots:
            return
        async for changes in awatch(*roots, debounce=DEBOUNCE_MS, step=50, rust_timeout=0):
            paths = sorted(path for _, path in changes if not _is_ignored(path))
            for name, patterns in self._patterns.items():
                hit = next((path for path in paths if any(matches(path, one) for one in patterns)), None)
                if hit is not None:
                    self._changed(name, hit)


def _existing_roots(patterns: Iterable[tuple[str, ...]]) -> list[str]:
    roots = {_root(pattern) for several in patterns for pattern in several}
    return _outermost([root for root in roots if os.path.exists(root)])


def matches(path: str, pattern: str) -> bool:
    """Say whether `path` is `pattern`, lies below it, or fits it as a glob (`**` spans folders)."""
    if path == pattern or path.startswith(pattern.rstrip(os.sep) + os.sep):
        return True
    if not glob.has_magic(pattern):
        return False
    # fnmatch's * spans folders, too; so `**/` may also mean none.
    return fnmatch.fnmatchcase(path, pattern) or fnmatch.fnmatchcase(path, pattern.replace("**/", ""))


def _root(pattern: str) -> str:
    """Return the deepest folder (or file) of a pattern that has no magic in it."""
    while glob.has_magic(pattern):
        pattern = os.path.dirname(pattern)
    return pattern or os.sep


def _outermost(paths: list[str]) -> list[str]:
    """Return `paths` without those that lie below another of them."""
    return [
        path
        for path in paths
        if not any(path != other and path.startswith(other.rstrip(os.sep) + os.sep) for other in paths)
    ]


def _is_ignored(path: str) -> bool:
    return any(part in IGNORED for part in path.split(os.sep))
