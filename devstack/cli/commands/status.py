"""`devstack status`: each process of the running stack."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from devstack.cli.arguments.requests import StatusRequest
from devstack.cli.arguments.stack_options import project_of

if TYPE_CHECKING:
    from devstack.supervisor.run_folder.record import Record

WATCH_EVERY = 1.0


def run(request: StatusRequest) -> None:
    """Show every service of the running stack; with `watch`, every second until Ctrl-C."""
    folder = project_of(request.start)
    _show(folder, as_json=request.json, no_color=request.no_color)
    while request.watch:
        time.sleep(WATCH_EVERY)
        _show(folder, as_json=request.json, no_color=request.no_color, again=True)


def _show(folder: str, *, as_json: bool, no_color: bool, again: bool = False) -> None:
    from devstack.console.status import show_status, show_status_json
    from devstack.supervisor.control.client import connect
    from devstack.supervisor.run_folder.record import changed_files, running_record

    with connect(folder) as client:
        answer = client.call("status")
    record = running_record(folder)
    found = measured(answer, cookie=record.run if record else "")
    if as_json:
        show_status_json(found)
        return
    changed = changed_files(record) if record else ()
    notes = [f"{path} has changed since the stack read it: devstack down && devstack up" for path in changed]
    notes += [f"{one['name']}: {one['answer']}" for one in answer["services"] if _is_troubled(one)]
    notes += [_suspended_note(one) for one in found["services"] if one["suspended"]]
    notes += _taken_ports(answer["services"], record)
    show_status(found, notes, no_color=no_color, again=again)


def _suspended_note(service: dict[str, Any]) -> str:
    suspended = service["suspended"]
    resume = f"`kill -CONT {suspended['pid']}` resumes it"
    if suspended["signal"] is None:
        return f"{service['name']}: its process {suspended['pid']} is suspended and does nothing; {resume}"
    how = f"by {suspended['signal']} since {suspended['since']}"
    return f"{service['name']} is suspended {how} and does nothing; {resume}"


def _taken_ports(services: list[dict[str, Any]], record: Record | None) -> list[str]:
    """Return a line where somebody else holds the port of a service that does not come up for it."""
    from devstack.core.port_report import any_busy
    from devstack.core.ports import PortClaim

    claims = [PortClaim(one["name"], port) for one in services if _is_down(one) for port in one["ports"]]
    if record is None or not claims:
        return []
    from devstack.console.port_owners import taken_message
    from devstack.machine.preflight import check_claims

    ours = (record.supervisor, *record.processes)
    reports = check_claims(claims, ours, cookie=record.run, project=record.project)
    return [taken_message(reports)] if any_busy(reports) else []


def _is_down(service: dict[str, Any]) -> bool:
    return service["state"] in ("starting", "backoff", "failed")


def _is_troubled(service: dict[str, Any]) -> bool:
    return service["state"] in ("starting", "unready") and bool(service["answer"])


def measured(answer: dict[str, Any], *, cookie: str = "") -> dict[str, Any]:
    """Return the contract's JSON: what the supervisor says, and what the machine measures.

    `cookie` is the run's: by it the machine shows the processes that slipped away from their service.
    """
    from datetime import UTC, datetime

    from devstack.machine.usage import Usage, measure

    groups = {one["group"]: one["name"] for one in answer["services"] if one["group"]}
    usage = measure(groups, cookie)
    return {
        "mode": answer["mode"],
        "project": answer["project"],
        "supervisor": {
            "pid": answer["supervisor"]["pid"],
            "started": datetime.fromtimestamp(answer["supervisor"]["started"], UTC).isoformat(),
        },
        "services": [_service(one, usage.get(one["name"], Usage())) for one in answer["services"]],
    }


def _service(one: dict[str, Any], usage: Any) -> dict[str, Any]:
    runs = one["pid"] is not None
    others = [port for port in usage.ports if port not in one["ports"]]
    return {
        **{key: one[key] for key in ("name", "state", "ready", "pid")},
        "ports": [*one["ports"], *others],
        **{key: one[key] for key in ("uptime_s", "restarts", "exit_code")},
        "cpu_percent": usage.cpu_percent if runs else None,
        "rss_bytes": usage.rss_bytes if runs else None,
        "suspended": _suspended(one, usage.suspended),
    }


def _suspended(one: dict[str, Any], pids: tuple[int, ...]) -> dict[str, Any] | None:
    """Return which process of a service is suspended, by which signal and since when, for JSON.

    The supervisor knows signal and time of main processes; the process table (`pids`) shows the others.
    """
    suspension = one.get("suspended")
    if suspension is None:
        return {"pid": pids[0], "signal": None, "since": None} if pids else None
    from datetime import UTC, datetime
    from signal import Signals

    since = datetime.fromtimestamp(suspension["since"], UTC).isoformat(timespec="seconds")
    return {"pid": one["pid"], "signal": Signals(suspension["signal"]).name, "since": since}
