"""Makes the ports of proposed services fit together: a name that is right, a variable each, a number each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from devstack.config.proposal.proposed import ProposedPort, ProposedService, table_ports, unique_names
from devstack.core.ports import is_port

PORT = "PORT"
_WITHOUT_EVIDENCE = {
    "api": "backend",
    "frontend": "ui",
    "trading": "socket",
    "hmr": "reload",
    "server": "web",
}
"""Names of the port table, each with the name of a service that has no evidence for the table's port."""
_SINGLE = frozenset({"api", "backend"})


def settle(
    services: Iterable[ProposedService], environment: Mapping[str, str]
) -> tuple[tuple[ProposedService, ...], tuple[str, ...]]:
    """Return the services of one mode so that no two claim one number, and notes on what cannot be helped.

    `environment` is what the project's `.env` says: a variable that it sets replaces a claim's default.
    """
    named = unique_names(map(_rightly_named, _with_a_single_web(list(services))))
    apart = _with_own_variables(list(named), environment)
    settled, notes = _with_own_numbers(apart, environment)
    return tuple(map(_as_the_table_has_it, settled)), notes


def _with_a_single_web(services: list[ProposedService]) -> list[ProposedService]:
    """Return the services; a server beside which there is no other program is called `web`."""
    own = [one for one in services if not one.is_image]
    if len(own) != 1 or own[0].name not in _SINGLE:
        return services
    return [replace(one, name="web") if one is own[0] else one for one in services]


def _rightly_named(service: ProposedService) -> ProposedService:
    if service.ports == () and service.name in _WITHOUT_EVIDENCE:
        return replace(service, name=_WITHOUT_EVIDENCE[service.name])
    return service


def _ports(service: ProposedService) -> tuple[ProposedPort, ...]:
    return table_ports(service.name) if service.ports is None else service.ports


def _with_own_variables(
    services: list[ProposedService], environment: Mapping[str, str]
) -> list[ProposedService]:
    """Return the services; of several that read one variable, all but one are handed another one."""
    readers: dict[str, list[int]] = {}
    for index, service in enumerate(services):
        for variable in _variables(service, environment):
            readers.setdefault(variable, []).append(index)
    found = list(services)
    taken = {*readers, *environment}
    for variable, indexes in readers.items():
        keeper = min(indexes, key=lambda index: _claim_to(services[index], variable, environment))
        for index in dict.fromkeys(indexes):
            if index != keeper:
                found[index] = _with_variable(found[index], variable, _free_name(found[index].name, taken))
    return found


def _variables(service: ProposedService, environment: Mapping[str, str]) -> list[str]:
    """Return the variables that hand ports to a service; PORT counts where a `.env` makes it one for all."""
    ports = _ports(service)
    is_any = service.ports is None and not ports and PORT in environment and _names(service.command, PORT)
    return [PORT] if is_any else [port.env for port in ports if port.env]


def _claim_to(service: ProposedService, variable: str, environment: Mapping[str, str]) -> tuple[bool, bool]:
    """Return a sort key: the service whose default `.env` has comes first, and the page last."""
    defaults = [str(port.default) for port in _ports(service) if port.env == variable]
    return environment.get(variable) not in defaults, service.name in ("frontend", "ui")


def _free_name(service: str, taken: set[str]) -> str:
    name = stem = re.sub(r"[^A-Z0-9]+", "_", service.upper())
    variable, count = f"{stem}_PORT", 2
    while variable in taken:
        name, count = f"{stem}_{count}", count + 1
        variable = f"{name}_PORT"
    taken.add(variable)
    return variable


def _with_variable(service: ProposedService, old: str, new: str) -> ProposedService:
    """Return the service, handed its port in the variable `new`; what its program reads is still `old`."""
    ports = _ports(service) or (ProposedPort(5000, old),)
    command = service.command
    if _names(command, old):
        command = re.sub(rf"\${old}(?!\w)|\${{{old}}}", f"${new}", command)
    elif re.search(r"[&;|]", command):
        command = f"export {old}=${new}; {command}"
    else:
        command = f"{old}=${new} {command}"
    return replace(
        service,
        command=command,
        ports=tuple(replace(port, env=new) if port.env == old else port for port in ports),
    )


def _names(command: str, variable: str) -> bool:
    return re.search(rf"\${variable}(?!\w)|\${{{variable}\b", command) is not None


def _with_own_numbers(
    services: list[ProposedService], environment: Mapping[str, str]
) -> tuple[list[ProposedService], tuple[str, ...]]:
    """Return the services; a default that another one has already becomes the next free number."""
    holders: dict[int, str] = {}
    notes: list[str] = []
    for service in services:
        numbers = [ProposedPort(0, name) for name in _variables(service, environment) if not _ports(service)]
        for port in (*_ports(service), *numbers):
            if (number := _fixed(port, environment)) is not None:
                first = holders.setdefault(number, service.name)
                if first != service.name:
                    both = f"{first} and {service.name} both listen on port {number}"
                    notes.append(f"{both}: give one of them another number")
    found = []
    for service in services:
        ports: list[ProposedPort] = []
        for port in _ports(service):
            number = _fixed(port, environment)
            if number is None:
                number = port.default
                while holders.get(number, service.name) != service.name or number in [
                    one.default for one in ports
                ]:
                    number += 1
                holders[number] = service.name
                ports.append(replace(port, default=number))
            elif holders[number] == service.name:
                ports.append(port)
        found.append(service if tuple(ports) == _ports(service) else replace(service, ports=tuple(ports)))
    return found, tuple(notes)


def _fixed(port: ProposedPort, environment: Mapping[str, str]) -> int | None:
    """Return the number that a claim has whatever is proposed, None where its default decides."""
    if not port.env:
        return port.default
    text = environment.get(port.env, "")
    is_number = text.isascii() and text.isdecimal() and len(text) < 6 and is_port(int(text))
    return int(text) if is_number else None


def _as_the_table_has_it(service: ProposedService) -> ProposedService:
    """Return the service without claims to write where the port table gives it the same."""
    if service.ports and _ordered(service.ports) == _ordered(table_ports(service.name)):
        return replace(service, ports=None)
    return service


def _ordered(ports: Iterable[ProposedPort]) -> list[ProposedPort]:
    return sorted(ports, key=lambda port: (port.default, port.env))
