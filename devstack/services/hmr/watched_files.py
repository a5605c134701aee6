"""Which files a root has and which of them changed: the watcher's events, made certain by looking."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import blake2b

from devstack.services.http.served_files import stamp_of
from devstack.services.modules.graph import SKIPPED_FOLDERS, ModuleGraph

STEP_MS = 30
"""Time without a further event after which events are handed on together; also the watcher's own beat."""

LONGEST_WAIT_MS = 1000
PASSING_FILE = re.compile(
    r"~$|\.(sw[a-z]|tmp|temp|part|crdownload|bak|orig)$|^(4913|#.*#|.*___jb_\w+___)$", re.I
)
"""Names that editors and downloads use for a moment."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Ids of files that are new, that have another content, or that are gone."""

    created: frozenset[str]
    modified: frozenset[str]
    deleted: frozenset[str]

    @property
    def all(self) -> frozenset[str]:
        return self.created | self.modified | self.deleted


class WatchedFiles:
    """The files below `root` with their stamps, as far as pages could notice them."""

    def __init__(self, graph: ModuleGraph) -> None:
        self._graph = graph
        self._root = graph.root
        self.stamps: dict[str, int] = {}
        self.stamps = self._scan()

    def _scan(self) -> dict[str, int]:
        found = {id_: self._stamp(id_) for id_ in self._graph.files() if not PASSING_FILE.search(_name(id_))}
        return {id_: stamp for id_, stamp in found.items() if stamp is not None}

    def _stamp(self, id_: str) -> int | None:
        path = os.path.join(self._root, *id_[1:].split("/"))
        try:
            return stamp_of(os.stat(path)) if os.path.isfile(path) else None
        except OSError:
            return None

    def id_of(self, path: str) -> str | None:
        """Return the id of a path below the root, or None where no page is to notice it."""
        parts = os.path.relpath(path, self._root).split(os.sep)
        if any(part.startswith(".") or part in SKIPPED_FOLDERS for part in parts):
            return None
        return None if PASSING_FILE.search(parts[-1]) else "/" + "/".join(parts)

    def compare(self, paths: Iterable[str] | None = None) -> Changes:
        """Return what changed at `paths` since the last call (None: anywhere) and remember how it is now.

        A path that is no file now and was none before is a folder, moved with all that is in it: then
        everything is looked at.
        """
        ids = None if paths is None else {id_ for path in paths if (id_ := self.id_of(path)) is not None}
        if ids is None or any(id_ not in self.stamps and self._is_folder(id_) for id_ in ids):
            return self._accept(self._scan())
        gone_folders = tuple(f"{id_}/" for id_ in ids if id_ not in self.stamps and self._stamp(id_) is None)
        if gone_folders:
            ids |= {known for known in self.stamps if known.startswith(gone_folders)}
        now = dict(self.stamps)
        for id_ in ids:
            stamp = self._stamp(id_)
            if stamp is None:
                now.pop(id_, None)
            else:
                now[id_] = stamp
        return self._accept(now)

    def _is_folder(self, id_: str) -> bool:
        return os.path.isdir(os.path.join(self._root, *id_[1:].split("/")))

    def looks_unfinished(self, paths: Iterable[str]) -> bool:
        """Say whether a known file at one of `paths` is gone or empty: an editor may be about to write it."""
        return any(
            id_ in self.stamps and self._is_gone_or_empty(id_)
            for id_ in map(self.id_of, paths)
            if id_ is not None
        )

    def _is_gone_or_empty(self, id_: str) -> bool:
        try:
            return os.path.getsize(os.path.join(self._root, *id_[1:].split("/"))) == 0
        except OSError:
            return True

    def _accept(self, now: dict[str, int]) -> Changes:
        before, self.stamps = self.stamps, now
        both = before.keys() & now.keys()
        return Changes(
            created=frozenset(now.keys() - before.keys()),
            modified=frozenset(id_ for id_ in both if before[id_] != now[id_]),
            deleted=frozenset(before.keys() - now.keys()),
        )

    def fingerprint(self) -> str:
        """Return a text that is the same as long as no file has changed, in this process and the next."""
        text = "\n".join(f"{id_} {stamp}" for id_, stamp in sorted(self.stamps.items()))
        return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=12).hexdigest()


def _name(id_: str) -> str:
    return id_.rpartition("/")[2]


def watch_in_thread(
    root: str, on_change: Callable[[set[str]], None], say: Callable[[str], None], stop: threading.Event
) -> threading.Thread:
    """Start a thread that calls `on_change` with the paths that changed, until `stop` is set.

    Where the system's notifications cannot be had (their number is limited), the files are polled instead.
    """

    def run() -> None:
        try:
            _watch(root, on_change, stop, polling=False)
        except (OSError, RuntimeError) as error:
            say(f"{root} is polled for changes, for the system does not tell them: {error}")
            _watch(root, on_change, stop, polling=True)

    thread = threading.Thread(target=run, name="watcher", daemon=True)
    thread.start()
    return thread


def _watch(root: str, on_change: Callable[[set[str]], None], stop: threading.Event, *, polling: bool) -> None:
    from watchfiles import watch

    changes = watch(
        root,
        watch_filter=None,
        debounce=LONGEST_WAIT_MS,
        step=STEP_MS,
        stop_event=stop,
        rust_timeout=0,
        raise_interrupt=False,
        force_polling=polling or None,
        ignore_permission_denied=True,
    )
    for batch in changes:
        on_change({path for _, path in batch})
