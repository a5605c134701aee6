"""A Procfile runner that does the least that one can do in CPython: spawn, poll, one replace per read.

Run as `python -I -S floor.py PROCFILE`. It imports built-in modules alone. SIGINT and SIGTERM end the
process groups that it started; whatever left its group stays.
"""

import fcntl
import os
import select
import signal
import sys

READ = 262_144
F_SETPIPE_SZ = 1031


def spawn(command: str, write_end: int) -> int:
    return os.posix_spawn(
        "/bin/sh",
        ["sh", "-c", command],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, write_end, 1), (os.POSIX_SPAWN_DUP2, write_end, 2)],
        setpgroup=0,
        setsigdef=[signal.SIGINT, signal.SIGPIPE],
    )


def start(path: str, poll: select.poll) -> tuple[list[int], dict[int, tuple[bytes, bytes]]]:
    pids = []
    prefixes = {}
    with open(path) as file:
        lines = file.read().splitlines()
    for line in lines:
        name, _, command = line.partition(": ")
        read_end, write_end = os.pipe()
        fcntl.fcntl(read_end, F_SETPIPE_SZ, READ)
        pids.append(spawn(command, write_end))
        os.close(write_end)
        prefixes[read_end] = (f"{name} | ".encode(), f"\n{name} | ".encode())
        poll.register(read_end, select.POLLIN)
    return pids, prefixes


def write_all(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


def pump(prefixes: dict[int, tuple[bytes, bytes]], poll: select.poll) -> None:
    rests = dict.fromkeys(prefixes, b"")
    while rests:
        for fd, _ in poll.poll():
            data = os.read(fd, READ)
            if not data:
                poll.unregister(fd)
                del rests[fd]
                continue
            cut = data.rfind(b"\n")
            if cut < 0:
                rests[fd] += data
                continue
            first, each = prefixes[fd]
            write_all(first + (rests[fd] + data[:cut]).replace(b"\n", each) + b"\n")
            rests[fd] = data[cut + 1 :]


def main(path: str) -> None:
    poll = select.poll()
    pids: list[int] = []

    def stop(_number: int, _frame: object) -> None:
        for pid in pids:
            try:
                os.killpg(pid, signal.SIGTERM)
            except ProcessLookupError:
                continue

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    started, prefixes = start(path, poll)
    pids.extend(started)
    pump(prefixes, poll)
    for pid in pids:
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main(sys.argv[1])
