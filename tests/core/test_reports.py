"""The plain values in which checks, the supervisor and the WebSocket conversation report."""

from __future__ import annotations

from devstack.core.check_result import CheckResult
from devstack.core.events import Cause, Notice, ServiceChanged, StackReady, StackStopped, StackStopping
from devstack.core.findings import Finding, Level, has_error
from devstack.core.service import ServiceStatus
from devstack.core.websocket_report import Step, WebSocketReport


def test_a_warning_is_no_error() -> None:
    warning = Finding("hmr", Level.WARNING, "server.strictPort is not set")
    error = Finding("hmr", Level.ERROR, "somebody else answers")
    assert not has_error([warning])
    assert has_error([warning, error])


def test_a_websocket_is_ok_when_every_step_is() -> None:
    good, bad = Step("connect", True, "", 1.0), Step("upgrade", False, "400", 2.0)
    assert WebSocketReport("ws://localhost/", (good,)).ok
    assert WebSocketReport("ws://localhost/", (good,)).failed_step is None
    report = WebSocketReport("ws://localhost/", (good, bad))
    assert (report.ok, report.failed_step) == (False, bad)
    assert not WebSocketReport("ws://localhost/", ()).ok, "nothing was tried"


def test_reports_are_values_that_compare() -> None:
    assert ServiceChanged("web", ServiceStatus(), 1.0) == ServiceChanged("web", ServiceStatus(), 1.0)
    assert StackReady(1.0) != StackReady(2.0)
    assert StackStopping(Cause.DOWN).troubles == ()
    assert StackStopped(0).left == ()
    assert Notice("hello").details == {}
    assert CheckResult("ports", "devstack.dev", ok=True) == CheckResult("ports", "devstack.dev", ok=True)
