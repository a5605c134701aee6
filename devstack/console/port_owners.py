"""Who holds a port, and what to do next, in words: every kind of owner has its own."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from itertools import groupby

from devstack.console.plain import how_long, printable
from devstack.core.port_report import BusyReason, Owner, PortReport, PortState

AIRPLAY_SETTING = "switch AirPlay Receiver off: System Settings → General → AirDrop & Handoff"


def taken_message(reports: Iterable[PortReport]) -> str:
    """Return one line that names every busy port and who holds it."""
    return "; ".join(
        f"{name_port(report)} is taken: {name_owners(report)}"
        for report in reports
        if report.state is PortState.BUSY
    )


def name_port(report: PortReport) -> str:
    """Return the port with the service that claims it, if one does."""
    claim = report.claim
    return printable(f"port {claim.port} ({claim.service})" if claim.service else f"port {claim.port}")


def name_owners(report: PortReport) -> str:
    """Return the owners in a few words, each process once."""
    if not report.owners:
        return BusyReason.NO_OWNER.value
    return printable(", ".join(dict.fromkeys(_name(owner) for owner in report.owners)))


def _name(owner: Owner) -> str:
    if owner.pid is None:
        return (
            _container(owner) if owner.detail else f"hidden, of user {owner.user}" if owner.user else "hidden"
        )
    process = f"{owner.name or 'a process'} (pid {owner.pid})"
    match owner.reason:
        case BusyReason.CONTAINER:
            return f"{_container(owner)}: {process}"
        case BusyReason.AIRPLAY:
            return f"AirPlay Receiver: {process}"
        case BusyReason.OTHER_PROJECT:
            return f"{process} of another devstack project"
        case BusyReason.LEFTOVER:
            return f"{process}, a leftover of this project"
        case _:
            return process


def _container(owner: Owner) -> str:
    return f"container {owner.detail}" if owner.detail else "a container"


def describe_owners(report: PortReport, now: float) -> list[str]:
    """Return the lines that tell all that is known of each owner; `now` is in seconds since the epoch."""
    if not report.owners:
        return [
            "nobody listens there, and yet it cannot be bound: a process has bound it and does not listen,",
            "or another network namespace (a container, WSL) or the system's reserved ranges hold it",
        ]
    lines: list[str] = []
    for pid, group in groupby(report.owners, key=lambda owner: owner.pid):
        owners = list(group)
        addresses = " and ".join(owner.address for owner in owners if owner.address)
        if pid is not None:
            lines += _describe_process(owners[0], addresses, now)
        else:
            lines += [_describe_hidden(owner) for owner in owners]
    return [printable(line) for line in lines]


def _describe_hidden(owner: Owner) -> str:
    if owner.reason is BusyReason.CONTAINER:
        return f"container {owner.detail} publishes it, says {owner.engine}"
    whose = f"user {owner.user}" if owner.user else "another user, the system or another container"
    return f"a process of {whose} listens on {owner.address}"


def _describe_process(owner: Owner, addresses: str, now: float) -> list[str]:
    facts = [f"pid {owner.pid}: {owner.name or 'name unknown'}", f"user {owner.user or 'unknown'}"]
    facts.append(f"on {addresses}")
    if owner.started is not None:
        facts.append(f"running for {how_long(now - owner.started)}")
    lines = [
        ", ".join(facts),
        f"  command  {owner.command or 'unknown'}",
        f"  folder   {owner.cwd or 'unknown'}",
    ]
    if owner.reason is BusyReason.OTHER_PROJECT:
        lines.append(f"  project  {owner.detail}")
    return lines


def next_steps(report: PortReport, shared_variables: frozenset[str]) -> list[str]:
    """Return what a person can do about a busy port, the nearest first.

    `shared_variables` are those that several claims take their number from: setting one would move them all
    to the same port.
    """
    steps = [step for reason in _reasons(report) for step in _steps_for(reason, report)]
    return [*dict.fromkeys(steps), *other_port(report, shared_variables)]


def _reasons(report: PortReport) -> list[BusyReason]:
    found = (owner.reason for owner in report.owners if owner.reason is not None)
    return list(dict.fromkeys(found)) or [BusyReason.NO_OWNER]


def _steps_for(reason: BusyReason, report: PortReport) -> Sequence[str]:
    owners = [owner for owner in report.owners if owner.reason is reason]
    match reason:
        case BusyReason.STRANGER:
            return [f"end it: {report.end_command}"]
        case BusyReason.LEFTOVER:
            return ["end what this project's last stack left: devstack down"]
        case BusyReason.OTHER_PROJECT:
            return [_project_step(owner, report) for owner in owners]
        case BusyReason.CONTAINER:
            return [_container_step(owner) for owner in owners]
        case BusyReason.AIRPLAY:
            return [AIRPLAY_SETTING]
        case BusyReason.HIDDEN:
            as_root = ', or sudo "$(command -v devstack)" check-ports'
            return [f"see who it is: {report.inspect_command}{as_root if _by_sudo(report) else ''}"]
        case BusyReason.NO_OWNER:
            return [f"look for it: {report.inspect_command}"]


def _by_sudo(report: PortReport) -> bool:
    return report.inspect_command.startswith("sudo ")


def _project_step(owner: Owner, report: PortReport) -> str:
    if owner.end_pid is not None:
        return f"end it, for that project's folder is gone: {report.end_command}"
    return f"stop that project: devstack -C {shlex.quote(owner.detail)} down"


def _container_step(owner: Owner) -> str:
    if owner.detail:
        return f"stop the container: {owner.engine} stop {shlex.quote(owner.detail)}"
    return "find the container with docker ps, and stop it with docker stop NAME"


def other_port(report: PortReport, shared_variables: frozenset[str]) -> list[str]:
    """Return how the claim gets another number."""
    claim, number = report.claim, report.alternative
    if claim.variable is None or claim.variable in shared_variables:
        return [f"or give {claim.service} another port: [services.{claim.service}] ports in devstack.toml"]
    value = "another number" if number is None else str(number)
    setting = f"{claim.variable}={value}"
    return [f"or take another port: {setting} in .env, or {setting} devstack up"]
