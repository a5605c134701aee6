"""What `up` and `smoke` do before anything starts: files, lock, leftovers, ports."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from devstack.errors import DevstackError, PortTakenError, UsageError

if TYPE_CHECKING:
    from devstack.config.options import StackOptions
    from devstack.config.stack import LoadedStack
    from devstack.core.port_report import PortReport
    from devstack.core.ports import PortClaim
    from devstack.core.stack import Stack


class Prepared(NamedTuple):
    """A stack that may start now. `lock` is the descriptor that holds the project's lock.

    `notes` are lines to say first: which mode and Procfile and why, and what was cleaned up.
    """

    stack: Stack
    lock: int
    notes: tuple[str, ...]


def refuse_windows() -> None:
    """Raise DevstackError on Windows, before anything is imported that only POSIX has."""
    from devstack.machine import system

    if system.IS_WINDOWS:
        raise DevstackError(
            "running a stack on Windows is not supported yet",
            hint="Run it in WSL. check-ports, check-ws, env, run, serve, init and doctor work here",
        )


def prepare(options: StackOptions, *, ports: str, no_color: bool = False) -> Prepared:
    """Read the files, take the lock, end what a killed supervisor left, and check the ports.

    `ports` is `plan` (the claims as they are) or `auto` (each on a free port). Raises ConfigError,
    UsageError, AlreadyRunningError, RunDirectoryError, or PortTakenError after having shown the table.
    """
    from devstack.config.stack import load_stack
    from devstack.supervisor.run_folder.lock import acquire_lock
    from devstack.supervisor.run_folder.paths import prepare_run_folder

    if ports not in ("plan", "auto"):
        raise UsageError(f"--ports {ports}: expected plan or auto")
    loaded = load_stack(options)
    prepare_run_folder(options.project)
    lock = acquire_lock(options.project)
    try:
        notes = [_source_note(loaded), *loaded.notes, *end_stale_run(options.project)]
        if ports == "auto":
            loaded, moved = move_ports(options, loaded)
            notes += moved
        refuse_taken_ports(loaded.stack, no_color=no_color)
    except BaseException:
        os.close(lock)
        raise
    return Prepared(loaded.stack, lock, tuple(notes))


def _source_note(loaded: LoadedStack) -> str:
    stack = loaded.stack
    mode = f"mode {stack.mode} ({loaded.mode_reason})"
    return f"{stack.project}: {mode}, {stack.procfile} ({loaded.procfile_reason})"


def end_stale_run(project: str) -> list[str]:
    """End what an earlier supervisor left here when it was killed; return what to say of it.

    The caller holds the project's lock, so that supervisor is dead.
    """
    from devstack.supervisor.run_folder.paths import record_path, remove_record

    if not os.path.exists(record_path(project)):
        return []  # nearly always, and then nothing of the rest is imported
    from devstack.supervisor.cleanup.stale import end_run
    from devstack.supervisor.run_folder.record import read_record

    record = read_record(project)
    if record is None:
        return []
    outcome = end_run(record, grace=2.0)
    remove_record(project)
    if not outcome.ended:
        return []
    count = len(outcome.ended)
    return [f"ended {count} process{'es' if count > 1 else ''} that a killed supervisor had left here"]


def move_ports(options: StackOptions, loaded: LoadedStack) -> tuple[LoadedStack, list[str]]:
    """Load the stack again with every claim on a free port; return it and what to say of it."""
    from devstack.config.stack import load_stack
    from devstack.machine.preflight import free_ports

    overrides: Mapping[tuple[str, str], int] = free_ports(loaded.stack.claims)
    moved = load_stack(options._replace(port_overrides=overrides), loaded.files)
    before = {(claim.service, claim.variable): claim.port for claim in loaded.stack.claims}
    lines = [
        f"{claim.service}: {claim.variable}={claim.port} for this run instead of "
        f"{before.get((claim.service, claim.variable), '?')} (--ports auto)"
        for claim in moved.stack.claims
        if claim.variable is not None
    ]
    return moved, lines


def refuse_taken_ports(stack: Stack, *, no_color: bool) -> None:
    """Raise PortTakenError, the table shown, if a port of `stack` is held by anybody."""
    from devstack.machine.binding import are_free

    if are_free(claim.port for claim in stack.claims):
        return
    from devstack.core.port_report import any_busy
    from devstack.machine.preflight import check_claims

    reports = check_claims(stack.claims, project=stack.project)
    if any_busy(reports):
        _show_taken(reports, no_color=no_color)


def _show_taken(reports: Sequence[PortReport], *, no_color: bool) -> None:
    from devstack.console.port_owners import taken_message
    from devstack.console.ports import show_ports

    show_ports(reports, no_color=no_color, to_stderr=True)
    raise PortTakenError(taken_message(reports), hint="nothing was started")


def claims_by_service(stack: Stack) -> dict[str, tuple[PortClaim, ...]]:
    """Return the claims of each service of `stack`."""
    return {service.name: service.claims for service in stack.services}
