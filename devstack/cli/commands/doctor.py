"""`devstack doctor`: what is wrong with this stack, running or stopped, why it matters and what to do."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from devstack.cli.arguments.requests import StackRequest
from devstack.cli.arguments.stack_options import options_of
from devstack.core.findings import Finding, has_error

if TYPE_CHECKING:
    from devstack.core.stack import Stack
    from devstack.supervisor.run_folder.record import Record


def run(request: StackRequest) -> None:
    """Look for what is wrong; say why it matters and what to do."""
    from devstack.cli.doctor.files import examine_files
    from devstack.config.stack import load_stack
    from devstack.console.findings import show_findings, show_findings_json
    from devstack.supervisor.run_folder.record import running_record

    options = options_of(request)
    record = running_record(options.project)
    if record is not None and request.mode in (None, record.mode):
        options = options_of(request._replace(mode=record.mode))
    else:
        record = None
    loaded = load_stack(options)
    reason = "it runs in it" if record is not None and request.mode is None else loaded.mode_reason
    findings = [*examine_files(loaded, reason, is_running=record is not None)]
    findings += _examine_running(loaded.stack, record) if record else _examine_stopped(loaded.stack)
    if request.json:
        show_findings_json(loaded.stack.project, loaded.stack.mode, record is not None, findings)
    else:
        show_findings(findings, no_color=request.no_color)
    if has_error(findings):
        sys.exit(1)


def _examine_running(stack: Stack, record: Record) -> tuple[Finding, ...]:
    """Compare what the running stack claims with what is."""
    import asyncio

    from devstack.checks.contract import check_contract
    from devstack.checks.doctor import check_firewall, with_ports
    from devstack.checks.suspended import check_suspended
    from devstack.cli.running_facts import facts_of_run

    running = with_ports(stack, {service.name: service.ports for service in record.services})
    facts = facts_of_run(running, record)

    async def examine() -> tuple[Finding, ...]:
        return *check_suspended(facts), *await check_contract(facts), *await check_firewall(facts)

    return asyncio.run(examine())


def _examine_stopped(stack: Stack) -> tuple[Finding, ...]:
    """Say of each claim whether its port is free."""
    from devstack.checks.doctor import check_free_ports
    from devstack.console.port_owners import name_owners
    from devstack.machine.preflight import check_claims

    reports = check_claims(stack.claims, project=stack.project)
    return check_free_ports(reports, {report.claim.port: name_owners(report) for report in reports})
