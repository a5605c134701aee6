"""What happens to a stack, in words: the lines that devstack adds to the services' output."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence

from devstack.core.events import (
    Cause,
    Event,
    Notice,
    ServiceChanged,
    ServiceSuspended,
    StackReady,
    StackStopped,
    StackStopping,
    StillStopping,
    Trouble,
)
from devstack.core.ports import PortClaim
from devstack.core.service import ExitStatus, ServiceState, ServiceStatus, Stopped

Claims = Mapping[str, Sequence[PortClaim]]


def exit_words(status: ExitStatus) -> str:
    """Return how a process ended: `exit code 3`, `killed by SIGKILL`, `command not found (exit code 127)`."""
    if status.error:
        return f"could not be started: {status.error}"
    if status.signal is not None:
        return f"ended by {_signal_name(status.signal)}"
    if status.code == 127:
        return "command not found (exit code 127)"
    if status.code == 126:
        return "command cannot be run (exit code 126)"
    return f"exit code {status.code}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def port_words(claims: Sequence[PortClaim]) -> str:
    return " ".join(f":{claim.port}" for claim in claims)


def event_lines(event: Event, claims: Claims, *, room: int | None = None) -> list[str]:
    """Return the lines that tell `event`; none for what only the panel shows.

    `room` is the columns that a terminal has left for them, None off a terminal.
    """
    match event:
        case ServiceChanged():
            line = _service_line(event, claims.get(event.name, ()))
            return [line] if line else []
        case StackReady(seconds, has_ended):
            return [] if has_ended else ready_lines(seconds, claims, room)
        case ServiceSuspended():
            return [_suspended_line(event)]
        case StackStopping():
            return stopping_lines(event)
        case StillStopping(waits_on, kill_in):
            return [_still_stopping_line(waits_on, kill_in)]
        case StackStopped(_, left):
            pids = ", ".join(map(str, left))
            return (
                [f"could not end these processes: {pids}"] if left else ["stopped; nothing is left running"]
            )
        case Notice(text):
            return [text]


def ready_lines(seconds: float, claims: Claims, room: int | None) -> list[str]:
    """Return the one line that says that all are ready, with their addresses.

    On a terminal without room for it each address has a line of its own, so that none is torn.
    """
    ready = f"ready in {seconds:.1f} s"
    urls = [(name, claim.url) for name, own in claims.items() for claim in own]
    if not urls:
        return [ready]
    line = f"{ready}: {', '.join(f'{name} {url}' for name, url in urls)}"
    if room is None or len(line) <= room:
        return [line]
    width = max(len(name) for name, _ in urls)
    rows = [f"  {name:<{width}}  {url}" for name, url in urls]
    if max(map(len, rows)) > room:
        rows = [row for name, url in urls for row in (f"  {name}", f"    {url}")]
    return [f"{ready}:", *rows]


def _service_line(event: ServiceChanged, claims: Sequence[PortClaim]) -> str | None:
    status, name = event.status, event.name
    ports = f" on {port_words(claims)}" if claims else ""
    match status.state:
        case ServiceState.STARTING:
            return f"{name} starting" + (f" again (restart {status.restarts})" if status.restarts else "")
        case ServiceState.READY:
            return f"{name} ready{ports} after {event.seconds:.1f} s"
        case ServiceState.UNREADY:
            return f"{name} answers its readiness probe no more"
        case ServiceState.BACKOFF:
            what = "stayed unready" if status.stopped is Stopped.UNREADY else f"crashed ({_how(status)})"
            return f"{name} {what}; starting again in {event.delay or 0:.1f} s"
        case ServiceState.FAILED:
            return f"{name} failed: {_how(status)}{_why_failed(status)}"
        case ServiceState.EXITED:
            return f"{name} ended with exit code 0"
        case ServiceState.STOPPED:
            return f"{name} stopped" if status.exit and status.stopped is not Stopped.LEFT else None
        case ServiceState.STOPPING:
            return f"{name} stopping" if status.stopped is Stopped.ASKED and not status.wanted else None
        case ServiceState.PENDING:
            return None


def _suspended_line(event: ServiceSuspended) -> str:
    if not event.signal:
        return f"{event.name} was resumed after {event.seconds:.1f} s"
    name = _signal_name(event.signal)
    return f"{event.name} is suspended by {name} and does nothing; `kill -CONT {event.pid}` resumes it"


def _how(status: ServiceStatus) -> str:
    if status.stopped is Stopped.UNREADY:
        return "was unready for too long"
    return exit_words(status.exit) if status.exit else "no exit status"


def _why_failed(status: ServiceStatus) -> str:
    count = len(status.restart_times)
    return f", after {count} restart{'s' if count > 1 else ''}" if count else ""


def stopping_lines(event: StackStopping) -> list[str]:
    """Return why the stack stops, and for each service in trouble what is known of it."""
    match event.cause:
        case Cause.SIGNAL:
            name = _signal_name(event.signal) if event.signal else "a second signal"
            return [f"stopping ({name}); a second time ends everything at once"]
        case Cause.DOWN:
            return ["stopping (devstack down)"]
        case Cause.ENDED:
            failed = ", ".join(trouble.name for trouble in event.troubles)
            return [f"every service has ended{f'; failed: {failed}' if failed else ''}"]
        case Cause.ABORTED:
            return [f"{_names(event.troubles)} ended ({_exits(event.troubles)}): stopping the stack"]
        case Cause.SCREEN:
            return ["nobody reads this output any more: stopping"]
        case Cause.KEEPER:
            return ["the keeper process was killed; stopping"]
        case Cause.ERROR:
            return ["stopping"]
        case Cause.IMPOSTOR:
            from devstack.console.findings import finding_lines

            lines = [line for finding in event.findings for line in finding_lines(finding)]
            return [*lines, "stopping the stack"]
        case Cause.FAILED | Cause.NOT_READY:
            lines = [line for trouble in event.troubles for line in trouble_lines(trouble, event.seconds)]
            return [*lines, "stopping the stack"]


def _names(troubles: Sequence[Trouble]) -> str:
    return ", ".join(trouble.name for trouble in troubles)


def _exits(troubles: Sequence[Trouble]) -> str:
    return ", ".join(_how(trouble.status) for trouble in troubles)


def trouble_lines(trouble: Trouble, seconds: float) -> list[str]:
    """Return what is known of a service that failed or was not ready in time, its last lines last."""
    lines = [_trouble_head(trouble, seconds), *(f"  {line}" for line in place_lines(trouble))]
    if trouble.last_lines:
        lines += [
            f"  its last lines ({len(trouble.last_lines)}):",
            *(f"    {one}" for one in trouble.last_lines),
        ]
    else:
        lines.append("  it printed nothing")
    return lines


def place_lines(trouble: Trouble) -> list[str]:
    """Return where a service in trouble listens instead, and who has its ports."""
    status, lines = trouble.status, []
    if status.state is ServiceState.STARTING and status.restarts:
        times = "once" if status.restarts == 1 else f"{status.restarts} times"
        lines.append(f"it had ended, and was started again, {times}")
    missing = [port for port in trouble.ports if port not in trouble.listens_on]
    if trouble.listens_on and missing:
        found, wanted = (", ".join(map(str, ports)) for ports in (trouble.listens_on, missing))
        lines.append(f"it listens on {found}, not on {wanted}: does its command use the port's variable?")
        if len(missing) < len(trouble.ports):
            service = trouble.name.partition(".")[0]
            lines.append(f"if it needs no port {wanted}: [services.{service}] ports in devstack.toml")
    elif trouble.ports and status.pid and not trouble.listens_on:
        lines.append(f"it runs (pid {status.pid}) and listens on no port at all")
    if trouble.beyond:
        places = " and ".join(trouble.beyond)
        lines.append(f"it listens on {places}, where no client of localhost reaches it: bind 127.0.0.1")
    if trouble.found_at:
        folder, _, program = trouble.found_at.rpartition("/")
        lines.append(
            f"{program} is in {folder}: use {trouble.found_at} in the Procfile, "
            "or activate the environment before devstack up"
        )
    return lines + [f"port {port} is held by {who}" for port, who in trouble.held_by]


def _trouble_head(trouble: Trouble, seconds: float) -> str:
    status = trouble.status
    if status.state is ServiceState.FAILED:
        return f"{trouble.name} failed: {_how(status)}{_why_failed(status)}"
    ports = " ".join(f":{port}" for port in trouble.ports)
    head = f"{trouble.name}{f' ({ports})' if ports else ''} was not ready within {round(seconds, 1):g} s"
    if trouble.waits_for:
        return f"{head}: it waited for {', '.join(trouble.waits_for)}"
    if status.state is ServiceState.BACKOFF:
        return f"{head}: it crashed again and again ({_how(status)})"
    return f"{head}: {trouble.answer}" if trouble.answer else head


def _still_stopping_line(waits_on: Mapping[str, Sequence[int]], kill_in: float) -> str:
    parts = ", ".join(f"{name} (pid {' '.join(map(str, pids))})" for name, pids in waits_on.items())
    return f"waiting for {parts}; killed in {kill_in:.0f} s"
