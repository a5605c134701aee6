"""A service that writes: `python -I -S writer.py WAY ARGUMENT…`. Each way is told at its function."""

from __future__ import annotations

import os
import signal
import sys
import time

BLOCK = 655
LINE = 100
asked_to_end: list[int] = []


def write(data: bytes) -> int:
    """Write all of `data` unless asked to end meanwhile; return how much of it has gone out."""
    done = 0
    while done < len(data) and not asked_to_end:
        done += os.write(1, data[done:])
    return done


def line(name: str, number: int) -> bytes:
    return f"@{name} {number:010} ".encode() + b"x" * 85 + b"\n"


def until_there(go: str) -> None:
    """Wait until the file `go` is there, if there is to be one."""
    while go and not os.path.exists(go):
        time.sleep(0.005)


def flood(name: str, count: str, go: str = "") -> None:
    """Write so many numbered lines of 100 bytes as fast as possible, once the file `go` is there."""
    until_there(go)
    for start in range(0, int(count), BLOCK):
        write(b"".join(line(name, number) for number in range(start, min(start + BLOCK, int(count)))))


def until_ended(name: str, counts: str, go: str = "") -> None:
    """Write numbered lines until SIGTERM, once the file `go` is there.

    The file `counts` keeps how many bytes have gone out.
    """
    until_there(go)
    signal.signal(signal.SIGTERM, lambda number, _: asked_to_end.append(number))
    kept = os.open(counts, os.O_WRONLY | os.O_CREAT, 0o600)
    start = total = 0
    while not asked_to_end:
        total += write(b"".join(line(name, number) for number in range(start, start + BLOCK)))
        os.pwrite(kept, b"%020d" % total, 0)
        start += BLOCK


def slow(name: str, every: str) -> None:
    """Write a numbered line each so many seconds, for ever."""
    number = 0
    while True:
        write(line(name, number))
        number += 1
        time.sleep(float(every))


def file(path: str, then: str = "exit") -> None:
    """Write what is in the file `path`; then `stay`, or end."""
    with open(path, "rb") as source:
        write(source.read())
    if then == "stay":
        time.sleep(600)


def parts(*words: str) -> None:
    """Write each word, with Python's escapes and no newline of our own.

    A number waits so many seconds, `wait:FILE` until the file is there.
    """
    for word in words:
        if word.startswith("wait:"):
            until_there(word[5:])
        elif word.replace(".", "").isdigit():
            time.sleep(float(word))
        else:
            write(word.encode().decode("unicode_escape").encode("latin-1"))


def progress(steps: str, every: str) -> None:
    """Say `p`, then a progress bar of so many steps, one each so many seconds, without a newline ever."""
    write(b"p\n")
    for step in range(int(steps)):
        write(f"\r step {step} {'=' * 60}".encode())
        time.sleep(float(every))
    time.sleep(600)


def close_stdout(path: str) -> None:
    """Say so, close stdout and stderr, live on and touch the file `path`."""
    write(b"closing\n")
    os.close(1)
    os.close(2)
    open(path, "w").close()
    time.sleep(600)


def leave_behind(*words: str) -> None:
    """Say `parent`, end well, and leave a daemon that keeps stdout and writes `words` as `parts` does."""
    if os.fork() == 0:
        os.setsid()
        parts(*words)
    else:
        write(b"parent\n")


def terminal(*_: str) -> None:
    """Say what stdout is, and its size now and whenever it changes."""

    def _tell(*_: object) -> None:
        columns, rows = os.get_terminal_size(1)
        write(f"size {columns}x{rows}\n".encode())

    signal.signal(signal.SIGWINCH, _tell)
    write(f"terminal {os.isatty(1)} {os.isatty(2)} {os.isatty(0)}\n".encode())
    if os.isatty(1):
        _tell()
    while True:
        signal.pause()


if __name__ == "__main__":
    way, *arguments = sys.argv[1:]
    globals()[way.replace("-", "_")](*arguments)
