"""What doctor looks at beside the contract: ports of a stopped stack, firewall, mode and tools."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from devstack.checks.attempts import reaches
from devstack.checks.facts import StackFacts
from devstack.checks.node_range import fits
from devstack.core.findings import Finding, Level
from devstack.core.port_report import PortReport, PortState
from devstack.core.ports import PortClaim
from devstack.core.stack import Stack

PORTS_CHECK = "ports"
FIREWALL_CHECK = "firewall"
MODE_CHECK = "mode"
TOOLS_CHECK = "tools"


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that the project needs: its version (None: missing), and the range that `asked_by` wants."""

    name: str
    version: str | None
    wanted: str = ""
    asked_by: str = ""


def with_ports(stack: Stack, ports: Mapping[str, tuple[int, ...]]) -> Stack:
    """Return the stack with the numbers that its run really has (`--ports auto`), service → ports in order.

    A service whose claims have changed since keeps what the files say.
    """
    services = []
    for service in stack.services:
        numbers = ports.get(service.name, ())
        if len(numbers) == len(service.claims):
            pairs = zip(service.claims, numbers, strict=True)
            service = replace(service, claims=tuple(replace(claim, port=port) for claim, port in pairs))  # noqa: PLW2901
        services.append(service)
    return replace(stack, services=tuple(services))


def check_free_ports(reports: Iterable[PortReport], names: Mapping[int, str]) -> tuple[Finding, ...]:
    """Return a finding for each claim of a stack that does not run; `names` says who holds a busy port."""
    return tuple(_judge_port(report, names) for report in reports)


def _judge_port(report: PortReport, names: Mapping[int, str]) -> Finding:
    claim = report.claim
    if report.state is not PortState.BUSY:
        what = f"port {claim.port} is free for {claim.service}"
        return Finding(PORTS_CHECK, Level.OK, what, service=claim.service, port=claim.port)
    return Finding(
        PORTS_CHECK,
        Level.ERROR,
        f"port {claim.port}, which {claim.service} claims, is held by {names.get(claim.port, 'somebody')}",
        "devstack up stops there with exit code 3, before anything has started",
        "devstack check-ports tells all about the holder; devstack up --ports auto takes free ports",
        claim.service,
        claim.port,
    )


async def check_firewall(facts: StackFacts) -> tuple[Finding, ...]:
    """Say of each claim that has listeners whether a connection to them gets through."""
    return tuple(
        [await _knock(claim, facts) for claim in facts.stack.claims if facts.listeners_on(claim.port)]
    )


async def _knock(claim: PortClaim, facts: StackFacts) -> Finding:
    hosts = sorted({_numeric(one.address) for one in facts.listeners_on(claim.port)})
    for host in hosts:
        if not await reaches(host, claim.port):
            return Finding(
                FIREWALL_CHECK,
                Level.ERROR,
                f"{claim.service} listens on {claim.port}, and a connection to {host} does not get there",
                "a firewall on this machine refuses it, or the service takes no connections",
                f"allow TCP to {host}:{claim.port} in the firewall, or restart {claim.service}",
                claim.service,
                claim.port,
            )
    what = f"{claim.service} can be reached on {' and '.join(hosts)}, port {claim.port}"
    return Finding(FIREWALL_CHECK, Level.OK, what, service=claim.service, port=claim.port)


def _numeric(address: str) -> str:
    """Return the loopback address at which a listener bound to `address` is reached."""
    plain = address.strip("[]")
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(plain, plain.removeprefix("::ffff:"))  # noqa: S104


def check_mode(mode: str, reason: str, procfile: str) -> Finding:
    """Say which mode it is, and why."""
    return Finding(MODE_CHECK, Level.OK, f"mode {mode} ({reason}), {procfile}")


def check_tools(tools: Iterable[Tool]) -> tuple[Finding, ...]:
    """Return a finding for each tool: there and new enough, too old, or missing."""
    return tuple(_judge_tool(tool) for tool in tools)


def _judge_tool(tool: Tool) -> Finding:
    if tool.version is None:
        what = f"{tool.name} is not on the PATH, and {tool.asked_by} needs it"
        todo = f"install {tool.name} {tool.wanted}".rstrip()
        return Finding(TOOLS_CHECK, Level.ERROR, what, "its services cannot start", todo)
    if not fits(tool.version, tool.wanted):
        what = f"{tool.name} is {tool.version}, and {tool.asked_by} wants {tool.wanted}"
        return Finding(
            TOOLS_CHECK, Level.ERROR, what, "it may fail in ways that are hard to read", f"update {tool.name}"
        )
    wanted = f", {tool.asked_by} wants {tool.wanted}" if tool.wanted else ""
    return Finding(TOOLS_CHECK, Level.OK, f"{tool.name} {tool.version}{wanted}")
