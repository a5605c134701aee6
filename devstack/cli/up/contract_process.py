"""Looks at a running stack in a process of its own, so that a supervisor neither waits nor grows by psutil.

Which look, and the stack, come pickled on stdin; the findings go back, pickled, on stdout.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from enum import StrEnum
from typing import TYPE_CHECKING

from devstack.errors import ControlError

if TYPE_CHECKING:
    from devstack.core.findings import Finding
    from devstack.core.stack import Stack

LOWER = 10
"""By how much a look for which nobody waits steps back behind the services (nice(2))."""


class Look(StrEnum):
    IMPOSTORS = "impostors"
    CONTRACT = "contract"


def start_look(look: Look, stack: Stack) -> subprocess.Popen[bytes]:
    """Start the process that looks; `take_findings` has its answer."""
    code = "import sys; sys.path[:] = sys.argv[1:]; from devstack.cli.up.contract_process import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", code, *sys.path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C in the terminal is for devstack alone
    )
    if process.stdin is not None:
        with process.stdin as pipe:
            pickle.dump((look, stack), pipe)
    return process


def take_findings(process: subprocess.Popen[bytes]) -> tuple[Finding, ...]:
    """Wait for the answer and return it. Raises ControlError where the process ended without one."""
    with process:
        answer = process.stdout.read() if process.stdout is not None else b""
    if not answer:
        raise ControlError("the look at the running stack ended without an answer")
    findings: tuple[Finding, ...] = pickle.loads(answer)  # noqa: S301 - from the process that we started
    return findings


def main() -> None:
    """Read what is asked for from stdin, look, answer on stdout."""
    look, stack = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started us
    if look is Look.CONTRACT:
        os.nice(LOWER)
    sys.stdout.buffer.write(pickle.dumps(_look(look, stack)))
    sys.stdout.flush()


def _look(look: Look, stack: Stack) -> tuple[Finding, ...]:
    from devstack.cli.running_facts import confirmed_impostors, facts_of_run
    from devstack.supervisor.run_folder.record import running_record

    if look is Look.IMPOSTORS:
        return confirmed_impostors(stack, lambda: running_record(stack.project))
    record = running_record(stack.project)
    if record is None:
        return ()

    import asyncio

    from devstack.checks.contract import check_contract
    from devstack.checks.impostors import as_warnings

    facts = facts_of_run(stack, record)
    return as_warnings(asyncio.run(check_contract(facts, foreign_pages=False)), facts)
