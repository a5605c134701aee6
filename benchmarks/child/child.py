"""The tiny service of the benchmarks where there is no C compiler; child.c says what each mode does.

Run as `python -I -S child.py MODE STAMPS [ARGUMENT...]`. It imports what is built in and nothing else
(socket alone where it listens), for each import is time of two hundred processes.
"""

import os
import signal
import sys
import time

LIFETIME_SECONDS = 300
BLOCK_LINES = 655
FILL = b"x" * 85

stops: list[int] = []
"""One entry for each signal that asked this process to stop."""


def stamp(stamps: str, kind: bytes) -> None:
    fd = os.open(stamps, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(fd, b"%s %d %d\n" % (kind, os.getpid(), time.monotonic_ns()))
    os.close(fd)


def wait_for_ever() -> None:
    while True:
        signal.pause()


def on_stop(number: int, _frame: object) -> None:
    stops.append(number)


def write_all(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


def serve(stamps: str, port: str) -> None:
    import _socket

    listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(port)))
    listener.listen(64)
    stamp(stamps, b"ready")
    wait_for_ever()


def go_away(stamps: str, keep_stdout: bool) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    os.setsid()
    signal.alarm(LIFETIME_SECONDS)
    for fd in (0,) if keep_stdout else (0, 1, 2):
        os.dup2(null, fd)
    stamp(stamps, b"ready")
    wait_for_ever()


def leave_a_daemon(stamps: str) -> None:
    middle = os.fork()
    if middle == 0:
        os.setsid()
        if os.fork() == 0:
            go_away(stamps, keep_stdout=False)
        os._exit(0)
    os.waitpid(middle, 0)


def flood(stamps: str, name: str, lines: int, seconds: float) -> None:
    counts = os.open(f"{stamps}.{name}", os.O_WRONLY | os.O_CREAT, 0o600)
    head = b"@%s " % name.encode()
    done, end = 0, time.monotonic() + seconds
    os.pwrite(counts, b"%020d\n" % done, 0)
    stamp(stamps, b"flood")
    while not stops and done < lines and time.monotonic() < end:
        upto = min(lines, done + BLOCK_LINES)
        write_all(b"".join([b"%s%010d %s\n" % (head, number, FILL) for number in range(done, upto)]))
        done = upto
        os.pwrite(counts, b"%020d\n" % done, 0)
    stamp(stamps, b"done")


def tell_age(stamps: str, name: str, lines: int, micros: int) -> None:
    for _ in range(lines):
        if stops:
            break
        time.sleep(micros / 1e6)
        write_all(b"@%s age %d\n" % (name.encode(), time.monotonic_ns()))
    stamp(stamps, b"done")


def write_when_told(mode: str, stamps: str, name: str, arguments: tuple[str, ...]) -> None:
    while not stops and not os.access(arguments[-1], os.F_OK):
        time.sleep(0.001)
    if mode == "age":
        tell_age(stamps, name, int(arguments[0]), int(arguments[1]))
    else:
        flood(stamps, name, int(arguments[0]), float(arguments[1]) if mode == "flood" else 60.0)


def write(mode: str, stamps: str, name: str, arguments: tuple[str, ...]) -> None:
    signal.signal(signal.SIGTERM, on_stop)
    signal.signal(signal.SIGINT, on_stop)
    stamp(stamps, b"ready")
    if mode != "burst" or not os.access(f"{stamps}.{name}", os.F_OK):
        write_when_told(mode, stamps, name, arguments)
        if mode == "burst":
            return
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if not stops:
        wait_for_ever()


def main(mode: str, stamps: str, *arguments: str) -> None:
    signal.alarm(LIFETIME_SECONDS)
    # Ctrl-C and SIGTERM end it without a traceback, as they do child.c.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if mode in ("flood", "burst", "age"):
        write(mode, stamps, arguments[0], arguments[1:])
        return
    if mode == "deaf":
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
    elif mode == "listen":
        serve(stamps, arguments[0])
    elif mode in ("escape", "hold"):
        if os.fork() == 0:
            go_away(stamps, keep_stdout=mode == "hold")
    elif mode == "daemon":
        leave_a_daemon(stamps)
    stamp(stamps, b"ready")
    wait_for_ever()


if __name__ == "__main__":
    main(*sys.argv[1:])
