"""What differs between operating systems, all in this one file: the rest of devstack asks here.

Linux is read from /proc, which costs no import and a tenth of psutil's time; macOS and Windows are read
with psutil. Figures of the kernel come with their source.
"""

from __future__ import annotations

import os
import signal
import socket
import stat
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

IS_LINUX = sys.platform.startswith("linux")
IS_MACOS = sys.platform == "darwin"
IS_WINDOWS = sys.platform == "win32"

KILL_SIGNAL: int = getattr(signal, "SIGKILL", signal.SIGTERM)
STOP_SIGNAL: int = getattr(signal, "SIGSTOP", signal.SIGTERM)
HANGUP_SIGNAL: int = getattr(signal, "SIGHUP", signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process beyond doubt: a pid may be used again, a pid with its start time is not.

    `started` is opaque: it can be compared with another of this machine since its last boot, no more.
    """

    pid: int
    started: float


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """One living process as the system's table has it. `group` is 0 where there are no process groups.

    `is_suspended`: a signal has stopped it (job control, SIGSTOP).
    """

    id: ProcessId
    parent: int
    group: int
    session: int
    is_zombie: bool
    is_suspended: bool = False

    @property
    def pid(self) -> int:
        return self.id.pid


def identify(pid: int) -> ProcessId | None:
    """Return the identity of the process that has `pid` now, zombies included; None if there is none."""
    row = read_process(pid)
    return row.id if row else None


def read_process(pid: int) -> ProcessRow | None:
    """Return the table's row of `pid`, or None if there is no such process."""
    return _read_proc_stat(pid) if IS_LINUX else _read_with_psutil(pid)


def read_processes() -> Iterator[ProcessRow]:
    """Yield a row for every process that can be seen; one that ends meanwhile is left out."""
    for pid in _list_pids():
        row = read_process(pid)
        if row is not None:
            yield row


def _list_pids() -> list[int]:
    if IS_LINUX:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    import psutil

    return list(psutil.pids())


def _read_proc_stat(pid: int) -> ProcessRow | None:
    """Read /proc/PID/stat (proc(5)): the name, field 2, may itself hold blanks and parentheses."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            text = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text[text.rindex(b")") + 2 :].split(None, 20)
    return ProcessRow(
        id=ProcessId(pid, float(fields[19])),
        parent=int(fields[1]),
        group=int(fields[2]),
        session=int(fields[3]),
        # A first thread that has ended shows Z while others still run and hold the process's files open.
        is_zombie=fields[0] in (b"Z", b"X") and int(fields[17]) <= 1,
        is_suspended=fields[0] == b"T",  # not t: a debugger holds it
    )


def _read_with_psutil(pid: int) -> ProcessRow | None:
    import psutil

    try:
        process = psutil.Process(pid)
        with process.oneshot():
            return ProcessRow(
                id=ProcessId(pid, process.create_time()),
                parent=process.ppid() or 0,
                group=0 if IS_WINDOWS else os.getpgid(pid),
                session=0 if IS_WINDOWS else os.getsid(pid),
                is_zombie=process.status() == psutil.STATUS_ZOMBIE,
                is_suspended=process.status() == psutil.STATUS_STOPPED,
            )
    except (psutil.NoSuchProcess, psutil.AccessDenied, ProcessLookupError, PermissionError):
        return None


def boot_id() -> str:
    """Return what tells this boot of the machine from others; "" where ProcessId.started does so itself."""
    if not IS_LINUX:
        return ""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def environment_of(pid: int) -> bytes:
    """Return the environment that `pid` was started with: entries NAME=value, each ended by a NUL.

    Empty for a process of another user, one that has ended, or one that has wiped it.
    """
    if IS_LINUX:
        try:
            with open(f"/proc/{pid}/environ", "rb", buffering=0) as file:
                return file.readall()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            return b""
    import psutil

    try:
        entries = psutil.Process(pid).environ().items()
    except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
        return b""
    return b"".join(os.fsencode(f"{name}={value}") + b"\0" for name, value in entries)


def pipe_number(descriptor: int) -> int:
    """Return the number of the pipe of which `descriptor` is an end; 0 for no pipe, and on other systems.

    Linux gives a number out again only after four thousand million others (get_next_ino, fs/inode.c).
    """
    status = os.fstat(descriptor)
    return status.st_ino if IS_LINUX and stat.S_ISFIFO(status.st_mode) else 0


def output_pipes_of(pid: int) -> frozenset[int]:
    """Return the numbers of the pipes that are stdout or stderr of `pid` (proc(5), /proc/PID/fd).

    Empty for a process of another user, and where the system does not show it.
    """
    if not IS_LINUX:
        return frozenset()
    return frozenset(number for standard in (1, 2) if (number := _pipe_at(f"/proc/{pid}/fd/{standard}")))


def _pipe_at(path: str) -> int:
    try:
        target = os.readlink(path)
    except OSError:  # another user's, closed, or the process has ended
        return 0
    return int(target[len("pipe:[") : -1]) if target.startswith("pipe:[") else 0


def send_signal(process: ProcessId, number: int) -> bool:
    """Send signal `number` to `process` and to no other, even if its pid has been used again.

    Returns False when it has ended. Raises PermissionError when it now belongs to another user.
    """
    if not IS_LINUX:
        return _send_after_look(process, number)
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return False
    except OSError:  # a kernel before 5.3, or out of file descriptors
        return _send_after_look(process, number)
    try:
        # The handle holds on to whoever has the pid now; only then does the comparison mean anything.
        if identify(process.pid) != process:
            return False
        signal.pidfd_send_signal(handle, number)
        return True
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)


def resume(process: ProcessId) -> None:
    """Let `process` go on if somebody has stopped it (Ctrl-Z, SIGSTOP); one that runs takes no note of it.

    Raises PermissionError when it now belongs to another user.
    """
    if (number := signal_number("CONT")) is not None:
        send_signal(process, number)


def _send_after_look(process: ProcessId, number: int) -> bool:
    if identify(process.pid) != process:
        return False
    try:
        os.kill(process.pid, number)
    except ProcessLookupError:
        return False
    return True


def send_group_signal(group: int, number: int) -> bool:
    """Send signal `number` to every process of `group` at once; False when there is none."""
    if IS_WINDOWS:
        return _send_windows_signal(group, number)
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # macOS says so of a group of zombies
        return False
    return True


def _send_windows_signal(pid: int, number: int) -> bool:
    """Windows knows CTRL_BREAK for a process group, and TerminateProcess; nothing between."""
    if not hasattr(signal, "CTRL_BREAK_EVENT"):
        return False
    try:
        os.kill(pid, signal.SIGTERM if number == KILL_SIGNAL else signal.CTRL_BREAK_EVENT)
    except OSError:  # gone, or another user's
        return False
    return True


def signal_number(name: str) -> int | None:
    """Return the number of the signal `name` (without SIG) here, or None where there is no such signal."""
    found = getattr(signal, f"SIG{name}", None)
    return int(found) if isinstance(found, signal.Signals) else None


def become_subreaper() -> bool:
    """Make orphans among our descendants our children, where the system can (prctl(2), Linux 3.4).

    Their end is then heard of at once, and they are found by their parent.
    """
    if not IS_LINUX:
        return False
    import ctypes

    pr_set_child_subreaper = 36
    return bool(ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1, 0, 0, 0) == 0)


def allow_descriptors(count: int) -> int:
    """Let this process have `count` files open, as far as the system allows; return how many it may have."""
    if IS_WINDOWS:
        return count
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= count:
        return count
    allowed = count if hard == resource.RLIM_INFINITY else min(count, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(allowed, soft), hard))
    except (ValueError, OSError):  # macOS refuses more than its own limit, whatever the hard one says
        return soft
    return max(allowed, soft)


def has_children() -> bool:
    """Say whether this process has any child, living or ended: who became us by exec(2) left them to us."""
    if IS_WINDOWS:
        return False
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def has_living_children() -> bool:
    """Return True if this process has a child that has not exited."""
    if IS_WINDOWS:
        return False
    try:
        while True:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG)  # reaps what has exited
            if ended is None:
                return True
    except ChildProcessError:
        return False


def open_descriptors() -> list[int]:
    """Return the open descriptors of this process, with that of the listing itself."""
    return [int(name) for name in os.listdir("/proc/self/fd" if IS_LINUX else "/dev/fd") if name.isdigit()]


def wait_for_signal(numbers: Collection[int], seconds: float | None) -> tuple[int, bool] | None:
    """Wait until one of `numbers`, which are blocked, comes; None after `seconds`.

    Return it, and whether the terminal sent it: then the whole foreground process group has it.

    With None there is no limit. macOS has neither sigtimedwait, so this does not wait with a limit there, nor
    sigwaitinfo, so it does not know who sent a signal.
    """
    if not hasattr(signal, "sigwaitinfo"):
        return (int(signal.sigwait(numbers)), False) if seconds is None else None
    info = signal.sigwaitinfo(numbers) if seconds is None else signal.sigtimedwait(numbers, seconds)
    si_kernel = 0x80
    return (info.si_signo, info.si_code == si_kernel) if info is not None else None


def dump_no_core() -> None:
    """Let this process leave no core file (setrlimit(2))."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def terminal_settings(descriptor: int) -> tuple[Any, ...] | None:
    """Return the settings of the terminal at `descriptor` (tcgetattr(3)), None where there is none."""
    if IS_WINDOWS or not os.isatty(descriptor):
        return None
    import termios

    try:
        return tuple(termios.tcgetattr(descriptor))
    except termios.error:  # it was closed
        return None


def restore_terminal(descriptor: int, settings: tuple[Any, ...]) -> None:
    """Set the terminal at `descriptor` to `settings`, unless another process group has it."""
    import termios

    try:
        if os.tcgetpgrp(descriptor) == os.getpgrp():
            termios.tcsetattr(descriptor, termios.TCSANOW, list(settings))
    except (OSError, termios.error):  # it was closed
        return


def keep_freed_memory(size: int) -> bool:
    """Have malloc keep up to `size` freed bytes for the next large block; say whether this one can (glibc).

    Else each block of 128 KB or more is a mapping of its own, or is given back at once, and its every page is
    cleared by the kernel anew: half the cost of a stream of such blocks (mallopt(3)).
    """
    if not IS_LINUX:
        return False
    import ctypes

    m_trim_threshold, m_mmap_threshold = -1, -3
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(m_mmap_threshold, size) and mallopt(m_trim_threshold, size))


def enlarge_pipe(descriptor: int, size: int) -> None:
    """Ask for a pipe buffer of at least `size` bytes (fcntl(2), F_SETPIPE_SZ); where refused it stays."""
    if not IS_LINUX:
        return
    import fcntl

    try:
        if fcntl.fcntl(descriptor, fcntl.F_GETPIPE_SZ) < size:
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, size)
    except OSError:  # no pipe, or the user's pipes hold too much already
        return


def open_again(descriptor: int) -> int | None:
    """Open an open terminal or pipe once more for writing, as a file of its own that never blocks.

    O_NONBLOCK belongs to the open file, which whoever started us may share (open(2)). None where that cannot
    be: only Linux has such files in /proc, and they may be another user's.
    """
    if not IS_LINUX:
        return None
    try:
        return os.open(
            f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        )
    except OSError:
        return None


def unread_bytes(descriptor: int) -> int:
    """Return the bytes that wait in a pipe to be read (pipe(7), FIONREAD); 0 where that is not told."""
    if IS_WINDOWS:
        return 0
    import fcntl
    import termios

    try:
        return int.from_bytes(fcntl.ioctl(descriptor, termios.FIONREAD, b"\0\0\0\0"), sys.byteorder)
    except OSError:  # the other end was closed
        return 0


def keep_descriptors_from_children() -> None:
    """Mark every open descriptor above stderr so that no process started from now on inherits it.

    Some came from whoever started us; a service that held on to one could keep a lock or a pipe for ever.
    """
    if IS_WINDOWS:
        return
    for name in os.listdir("/proc/self/fd" if IS_LINUX else "/dev/fd"):
        if int(name) > 2:
            try:
                os.set_inheritable(int(name), False)
            except OSError:  # the listing's own descriptor, closed again
                continue


def lock_file(descriptor: int) -> bool:
    """Take an exclusive lock on an open file that dies with its holders; False if another has it."""
    try:
        if IS_WINDOWS:
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def holder_of_removed(path: str) -> ProcessId | None:
    """Return the process that has the file open which was at `path` before it was removed, None if unknown.

    Linux says so of this user's processes (proc(5), /proc/PID/fd).
    """
    if not IS_LINUX:
        return None
    for pid in _list_pids():
        try:
            files = {os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")}
        except OSError:  # another user's, or it has ended
            continue
        if f"{path} (deleted)" in files:
            return identify(pid)
    return None


def user_id() -> int | None:
    """Return this user's id; None on Windows."""
    return None if IS_WINDOWS else os.getuid()


def peer_user(connection: socket.socket) -> int | None:
    """Return the user id at the other end of a Unix socket (unix(7), SO_PEERCRED); None if unknown."""
    if not IS_LINUX:
        return None
    import struct

    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[1])


def has_unix_sockets() -> bool:
    """Say whether local control goes over a Unix socket; else over loopback TCP with a token."""
    return not IS_WINDOWS


def shell_argv(command: str) -> list[str]:
    """Return what runs a Procfile's command line."""
    if IS_WINDOWS:
        return [os.environ.get("COMSPEC", "cmd.exe"), "/d", "/s", "/c", f'"{command}"']
    return ["/bin/sh", "-c", command]


def exclusive_bind_options(trial: socket.socket, *, past_time_wait: bool = False) -> None:
    """Set the options with which a bind succeeds just where a server's would.

    Linux: SO_REUSEADDR passes over TIME_WAIT and still fails against a listener (socket(7)). Windows: without
    SO_EXCLUSIVEADDRUSE a bind beside another server succeeds. macOS: SO_REUSEADDR lets a bind pass beside
    a listener on another address, so it is set with `past_time_wait` alone.
    """
    if IS_WINDOWS:
        trial.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_EXCLUSIVEADDRUSE", -5), 1)
    elif IS_LINUX or past_time_wait:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)


def has_forbidden_ports() -> bool:
    """Say whether EACCES on bind means "no right to this port"; on Windows it means an excluded range."""
    return not IS_WINDOWS


def ephemeral_ports() -> range:
    """Return the ports that the system gives to programs that bind port 0."""
    try:
        with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
            first, last = map(int, file.read().split())
    except FileNotFoundError:  # not Linux: the range that IANA reserves for this (RFC 6335, section 6)
        first, last = 49152, 65535
    return range(first, last + 1)


def end_command(pids: Collection[int]) -> str:
    """Return the command by which a person ends these processes."""
    if IS_WINDOWS:
        return "taskkill /T " + " ".join(f"/PID {pid}" for pid in pids)
    return "kill " + " ".join(str(pid) for pid in pids)


def inspect_command(port: int) -> str:
    """Return the command by which an administrator sees who holds `port`."""
    if IS_LINUX:
        return f"sudo ss -ltnp 'sport = :{port}'"
    if IS_MACOS:
        return f"sudo lsof -nP -iTCP:{port} -sTCP:LISTEN"
    return f"netstat -ano -p TCP | findstr :{port}"


def unowned_command(port: int) -> str:
    """Return the command that tells more of a `port` that nobody listens on and that cannot be bound."""
    if IS_LINUX:
        return f"sudo ss -tnpB 'sport = :{port}'"
    if IS_MACOS:
        return f"sudo lsof -nP -iTCP:{port}"
    return "netsh interface ipv4 show excludedportrange protocol=tcp"
