"""Events as JSON objects and back: for the control socket, and for the pipe on which `up -d` listens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

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
from devstack.core.findings import Finding, Level
from devstack.core.service import ExitStatus, ServiceState, ServiceStatus, Stopped

_NAMES: dict[type[Event], str] = {
    ServiceChanged: "service",
    ServiceSuspended: "suspended",
    StackReady: "ready",
    StackStopping: "stopping",
    StillStopping: "still_stopping",
    StackStopped: "stopped",
    Notice: "notice",
}


def encode(event: Event) -> dict[str, Any]:
    """Return `event` as a JSON object; `type` says which it is."""
    return {"type": _NAMES[type(event)], **asdict(event)}


def decode(message: Mapping[str, Any]) -> Event | None:
    """Return the event that `message` says, None for a type that is not known here."""
    fields = {name: value for name, value in message.items() if name != "type"}
    match message.get("type"):
        case "service":
            return ServiceChanged(**{**fields, "status": _status(fields["status"])})
        case "suspended":
            return ServiceSuspended(**fields)
        case "ready":
            return StackReady(**fields)
        case "stopping":
            troubles = tuple(decode_trouble(trouble) for trouble in fields["troubles"])
            findings = tuple(_finding(finding) for finding in fields.get("findings", ()))
            read = {
                "cause": Cause(fields["cause"]),
                "troubles": troubles,
                "findings": findings,
                "listening": tuple((port, pid) for port, pid in fields.get("listening", ())),
            }
            return StackStopping(**{**fields, **read})
        case "still_stopping":
            waits_on = {name: tuple(pids) for name, pids in fields["waits_on"].items()}
            return StillStopping(waits_on, fields["kill_in"])
        case "stopped":
            return StackStopped(fields["exit_code"], tuple(fields["left"]))
        case "notice":
            return Notice(**fields)
        case _:
            return None


def _status(fields: Mapping[str, Any]) -> ServiceStatus:
    ended = fields["exit"]
    return ServiceStatus(
        **{
            **fields,
            "state": ServiceState(fields["state"]),
            "stopped": Stopped(fields["stopped"]),
            "exit": ExitStatus(**ended) if ended else None,
            "restart_times": tuple(fields["restart_times"]),
        }
    )


def _finding(fields: Mapping[str, Any]) -> Finding:
    return Finding(**{**fields, "level": Level(fields["level"])})


def decode_trouble(fields: Mapping[str, Any]) -> Trouble:
    """Return the trouble that `fields` say."""
    names = ("ports", "listens_on", "last_lines", "waits_for", "beyond")
    lists = {name: tuple(fields.get(name, ())) for name in names}
    held_by = tuple((port, who) for port, who in fields.get("held_by", ()))
    return Trouble(**{**fields, **lists, "status": _status(fields["status"]), "held_by": held_by})
