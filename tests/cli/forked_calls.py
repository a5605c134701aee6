"""Runs many command lines of devstack, each in a fork of this process, which has paid for the imports once.

On stdin a JSON list of command lines; on stdout a JSON list of [exit code, output]. A command that does not
end within its time is killed, and has the exit code -9. Hexadecimal, so that any bytes can be an argument.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from importlib import import_module

from devstack.cli.arguments.words import COMMANDS
from devstack.cli.main import main

PATIENCE = 20.0
LATE = ("asyncio", "psutil", "rich.table", "devstack.config.stack", "devstack.supervisor.run.supervisor")
"""What the commands import when they run: here once for all of them."""


def call(arguments: list[str]) -> tuple[int, str]:
    """Run one command line; return its exit code and what it printed, stderr included."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        _become_devstack(arguments, theirs)
    os.close(theirs)
    output = _read(ours, pid)
    os.close(ours)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), output.decode("utf-8", "replace")


def _become_devstack(arguments: list[str], output: int) -> None:
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    sys.argv = ["devstack", *arguments]
    code = 70
    try:
        main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:  # noqa: BLE001 - what a person would see is what is looked for
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _read(descriptor: int, pid: int) -> bytes:
    output, deadline = b"", time.monotonic() + PATIENCE
    while select.select([descriptor], [], [], max(deadline - time.monotonic(), 0))[0]:
        chunk = os.read(descriptor, 65536)
        if not chunk:
            return output
        output += chunk
    os.kill(pid, signal.SIGKILL)
    return output


if __name__ == "__main__":
    for name in (*LATE, *(f"devstack.cli.commands.{one.replace('-', '_')}" for one in COMMANDS)):
        import_module(name)
    wanted = [[os.fsdecode(bytes.fromhex(text)) for text in line] for line in json.load(sys.stdin)]
    print(json.dumps([call(arguments) for arguments in wanted]))
