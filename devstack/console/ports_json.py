"""The port table as JSON, for scripts: `check-ports --json`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from devstack.core.port_report import Owner, PortReport, any_busy


def show_ports_json(mode: str, reports: Sequence[PortReport]) -> None:
    """Print the JSON of `check-ports --json` to stdout."""
    import json

    print(json.dumps(ports_json(mode, reports), indent=2))


def ports_json(mode: str, reports: Sequence[PortReport]) -> dict[str, Any]:
    """Return what `check-ports --json` prints; what is not known is None."""
    return {
        "mode": mode,
        "ok": not any_busy(reports),
        "ports": [_report_json(report) for report in reports],
    }


def _report_json(report: PortReport) -> dict[str, Any]:
    claim = report.claim
    return {
        "port": claim.port,
        "variable": claim.variable,
        "service": claim.service,
        "purpose": claim.purpose or None,
        "protocol": claim.protocol.value,
        "source": claim.source or None,
        "expected": False,
        "state": report.state.value,
        "owners": [_owner_json(owner) for owner in report.owners],
    }


def _owner_json(owner: Owner) -> dict[str, Any]:
    return {
        "pid": owner.pid,
        "name": owner.name,
        "command": owner.command,
        "user": owner.user,
        "cwd": owner.cwd,
        "started": None if owner.started is None else _iso_time(owner.started),
        "address": owner.address,
    }


def _iso_time(seconds: float) -> str:
    """Return a time since the epoch in ISO 8601, in this machine's zone, to the millisecond."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).astimezone().isoformat(timespec="milliseconds")
