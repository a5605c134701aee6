"""Which listeners of the stack can be reached from beyond this machine, though nobody said that they should?

A listener is declared by HOST in its service's environment: a wildcard there declares every address, an
address declares that one. Addresses are shown as bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address

from devstack.checks.facts import StackFacts, is_vite
from devstack.checks.vite.client import SUBPROTOCOL
from devstack.checks.vite.version import check_vite_version, installed_version, parse_version
from devstack.core.findings import Finding, Level
from devstack.machine.listeners import Listener

CHECK = "exposure"
WILDCARDS = frozenset({"0.0.0.0", "::", "*"})  # noqa: S104 compared, never bound
WS_OPTION_SINCE = (8, 1, 0)
"""The Vite from which on the hot-reload socket's address is `server.ws`; before that it is `server.hmr`."""


def check_exposure(facts: StackFacts, *, level: Level = Level.WARNING) -> tuple[Finding, ...]:
    """Return a finding for every undeclared listener beyond loopback, of `level`, and one for each Vite.

    `level` is WARNING where a person develops and ERROR in smoke.
    """
    exposed = [one for one in facts.listeners if facts.service_of(one) and is_exposed(one.address)]
    undeclared = [one for one in exposed if not _is_declared(one, facts)]
    findings = [_undeclared(one, facts, level) for one in _by_socket(undeclared)]
    findings += _vite_versions(facts, {facts.service_of(one) or "" for one in exposed})
    if not undeclared:
        findings.insert(
            0, Finding(CHECK, Level.OK, "nothing listens beyond this machine that was not told to")
        )
    return tuple(findings)


def is_exposed(address: str) -> bool:
    """Say whether an address as bound can be reached from another machine."""
    plain = address.strip("[]").partition("%")[0]
    if plain in WILDCARDS:
        return True
    ip = ip_address(plain)
    mapped = getattr(ip, "ipv4_mapped", None)
    return not (mapped or ip).is_loopback


def _is_declared(listener: Listener, facts: StackFacts) -> bool:
    host = _environment(facts, facts.service_of(listener) or "").get("HOST", "").strip("[] ")
    return host in WILDCARDS or (host != "" and host == listener.address.strip("[]"))


def _environment(facts: StackFacts, service: str) -> Mapping[str, str]:
    own = next((one.env for one in facts.stack.services if one.name == service), {})
    return {**facts.stack.environment, **own}


def _by_socket(listeners: list[Listener]) -> list[Listener]:
    """Return one listener for each address and port: worker processes share a socket."""
    return list({(one.address, one.port): one for one in reversed(listeners)}.values())[::-1]


def _undeclared(listener: Listener, facts: StackFacts, level: Level) -> Finding:
    service = facts.service_of(listener) or ""
    return Finding(
        CHECK,
        level,
        f"{service} listens on {listener.address}:{listener.port}, open to the whole network",
        "another machine can talk to it, and nobody declared that it should (HOST is not set to that)",
        mending_line(listener, facts),
        service,
        listener.port,
    )


def mending_line(listener: Listener, facts: StackFacts) -> str:
    """Return what to write where, so that this listener stays on this machine."""
    command = facts.command_of(listener)
    if is_vite(command):
        return _vite_line(listener, facts)
    for sign, line in (
        ("uvicorn", "--host 127.0.0.1"),
        ("http.server", "--bind 127.0.0.1"),
        ("flask", "--host 127.0.0.1"),
        ("gunicorn", f"--bind 127.0.0.1:{listener.port}"),
        ("manage.py", f"runserver 127.0.0.1:{listener.port}"),
        ("next", "--hostname 127.0.0.1"),
        ("rails", "--binding 127.0.0.1"),
    ):
        if sign in command:
            return f"add to the command: {line}"
    if "node" in command or "tsx" in command:
        return f"name the address in the code: server.listen({listener.port}, '127.0.0.1')"
    return "let it listen on 127.0.0.1, or set HOST to declare that it is meant"


def _vite_line(listener: Listener, facts: StackFacts) -> str:
    claim = facts.claim_on(listener.port)
    if claim is None or claim.subprotocol != SUBPROTOCOL:
        return "in vite.config: server: { host: '127.0.0.1' }"
    service = next((one for one in facts.stack.services if one.name == claim.service), None)
    version = installed_version(service.cwd) if service else None
    numbers = parse_version(version) if version else None
    option = "hmr" if numbers is not None and numbers < WS_OPTION_SINCE else "ws"
    return f"in vite.config: server: {{ {option}: {{ port: {listener.port}, host: '127.0.0.1' }} }}"


def _vite_versions(facts: StackFacts, exposed: set[str]) -> list[Finding]:
    """Judge the Vite of each service that runs one."""
    running = {facts.service_of(one) for one in facts.listeners if is_vite(facts.command_of(one))}
    findings = []
    for service in facts.stack.services:
        version = installed_version(service.cwd) if service.name in running else None
        if version is not None:
            exposure = service.name in exposed
            findings.append(check_vite_version(version, service=service.name, exposed=exposure))
    return findings
