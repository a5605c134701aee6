"""Every process that holds a socket: a fork leaves one socket with several owners, and psutil shows one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from devstack.machine import system


def find_holders(descriptors: Iterable[tuple[int, int]]) -> dict[tuple[int, int], tuple[int, ...]]:
    """Return for each (pid, file descriptor) of a socket the pids of all processes that hold that socket.

    One that cannot be looked up is left out. On other systems than Linux psutil names every holder by itself,
    and nothing is returned.
    """
    if not system.IS_LINUX:
        return {}
    names = {one: name for one in descriptors if (name := _read_link(*one))}
    if not names:
        return {}
    holders: dict[str, set[int]] = {name: set() for name in names.values()}
    for pid, name in _read_all_links():
        if name in holders:
            holders[name].add(pid)
    return {one: tuple(sorted(holders[name])) for one, name in names.items() if holders[name]}


def _read_link(pid: int, descriptor: int | str) -> str | None:
    """Return the kernel's name of an open file, `socket:[INODE]` for a socket (proc(5))."""
    try:
        return os.readlink(f"/proc/{pid}/fd/{descriptor}")
    except OSError:  # closed, ended, or another user's by now
        return None


def _read_all_links() -> Iterator[tuple[int, str]]:
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            descriptors = os.listdir(f"/proc/{entry}/fd")
        except OSError:  # ended, or another user's
            continue
        for descriptor in descriptors:
            name = _read_link(int(entry), descriptor)
            if name:
                yield int(entry), name
