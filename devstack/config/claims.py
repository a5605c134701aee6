"""Which ports the services claim: the seed's table, devstack.toml, and foreman's rule for the others.

The numbers are settled for every service of the Procfile, chosen or not, so that a choice moves no port.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from devstack.config.environment import ResolvedEnvironment
from devstack.config.procfile import ProcfileLine
from devstack.config.settings import PortSetting, Settings
from devstack.core.ports import LAST_PORT, SEED_TABLE, PortClaim, TableRow, is_port
from devstack.errors import ConfigError

PORT = "PORT"
FOREMAN_BASE, FOREMAN_STEP = 5000, 100


class Wish(NamedTuple):
    """All that decides the port claims, beside the environment."""

    procfile: str
    lines: tuple[ProcfileLine, ...]
    mode: str
    settings: Settings
    scale: Mapping[str, int]
    overrides: Mapping[tuple[str, str], int]

    def instances(self, name: str) -> tuple[str, ...]:
        """Return the names of the instances of a service: `worker`, `worker.2`, …"""
        count = self.scale.get(name, 1)
        return tuple(name if i == 1 else f"{name}.{i}" for i in range(1, count + 1))


class PlannedClaim(NamedTuple):
    """A claim with the place that its number came from, for messages."""

    claim: PortClaim
    source: str = ""
    line: int | None = None


class Ports(NamedTuple):
    """What one instance has: its claims, and the PORT that foreman's rule gives it, claimed or not."""

    planned: tuple[PlannedClaim, ...] = ()
    foreman: int | None = None

    @property
    def claims(self) -> tuple[PortClaim, ...]:
        return tuple(planned.claim for planned in self.planned)


def port_settings(wish: Wish) -> dict[str, tuple[PortSetting, ...]]:
    """Return the claims that devstack.toml or the seed's table gives each service that either knows."""
    names = {line.name for line in wish.lines}
    found = {}
    for line in wish.lines:
        given = wish.settings.service(line.name).ports
        rows = _table_rows(line.name, names, wish.mode) if given is None else ()
        if given is not None or rows:
            found[line.name] = given if given is not None else tuple(map(_setting, rows))
    return found


def _table_rows(name: str, names: set[str], mode: str) -> tuple[TableRow, ...]:
    # Vite's one process listens on both, so without an `hmr` line `frontend` takes that row too.
    also = "hmr" if name == "frontend" and "hmr" not in names else name
    return tuple(row for row in SEED_TABLE if row.name in (name, also) and mode in row.modes)


def _setting(row: TableRow) -> PortSetting:
    return PortSetting(
        row.variable, row.default, row.protocol, row.purpose, row.path, row.subprotocol, row.also_ws
    )


def plan_ports(wish: Wish, environment: ResolvedEnvironment, before: ResolvedEnvironment) -> dict[str, Ports]:
    """Return instance → its ports, for every instance of every service.

    `environment` is the resolved one, `before` the same without the overrides: foreman's numbers are
    dealt out by it, so that a port which is moved away leaves no gap for another service to slip into.
    ConfigError for a value that is no port number.
    """
    explicit = port_settings(wish)
    first = {name: _first_claims(wish, name, settings, environment) for name, settings in explicit.items()}
    claimed = {planned.claim.port for planneds in first.values() for planned in planneds}
    own = {line.name: _own_port(wish, line) for line in wish.lines if line.name not in explicit}
    unknown = [(i, line) for i, line in enumerate(wish.lines) if line.name in own and own[line.name] is None]
    if environment.get(PORT) is not None:
        plain = {line.name: _shared_port(line, environment, claimed) for _, line in unknown}
    else:
        usual = {
            planned.claim.port
            for name, settings in explicit.items()
            for planned in _first_claims(wish, name, settings, before)
        }
        plain = _foreman_ports(wish, unknown, usual | claimed)
    plain.update({name: ports for name, ports in own.items() if ports is not None})
    plain.update({name: Ports(planneds) for name, planneds in first.items()})
    return _with_overrides(wish, _all_instances(wish, plain))


def names_port(command: str) -> bool:
    """Say whether a command names PORT, in the shell's spelling or in that of Windows."""
    if "PORT" not in command:
        return False
    import re

    return bool(re.search(r"\$PORT(?![A-Za-z0-9_])|\$\{PORT[:}\-=?+%#]|%PORT%", command))


def _first_claims(
    wish: Wish, name: str, settings: Iterable[PortSetting], environment: ResolvedEnvironment
) -> tuple[PlannedClaim, ...]:
    return tuple(_planned(wish, name, setting, environment) for setting in settings)


def _planned(wish: Wish, name: str, setting: PortSetting, environment: ResolvedEnvironment) -> PlannedClaim:
    port, source, line = _number(wish, name, setting, environment)
    claim = PortClaim(
        service=name,
        port=port,
        variable=setting.variable,
        protocol=setting.protocol,
        purpose=setting.purpose,
        path=setting.path,
        subprotocol=setting.subprotocol,
        also_ws=setting.also_ws,
    )
    return PlannedClaim(claim, source, line)


def _number(
    wish: Wish, name: str, setting: PortSetting, environment: ResolvedEnvironment
) -> tuple[int, str, int | None]:
    """Return a claim's number and where it stands: the service's own `env`, the environment, the default."""
    variable = setting.variable
    if variable is not None:
        own = wish.settings.service(name)
        if variable in own.env:
            line = own.lines.get(f"env.{variable}")
            return parse_port(own.env[variable], variable, wish.settings.name, line), wish.settings.name, line
        found = environment.get(variable)
        if found is not None:
            return parse_port(found.value, variable, found.source, found.line), found.source, found.line
    if setting.default is None:
        raise ConfigError(
            f"services.{name}: the claim of {variable} has no `default`, and {variable} is set nowhere",
            source=setting.source,
            line=setting.line,
            hint=f"add `default`, or set {variable} in .env",
        )
    return setting.default, setting.source, setting.line


def parse_port(text: str, variable: str, source: str, line: int | None) -> int:
    """Return the port number that `text` says; ConfigError, with its place, where it is none."""
    stripped = text.strip()  # `set PORT=5000 && …` leaves a blank there on Windows
    if stripped.isascii() and stripped.isdecimal() and len(stripped) < 10 and is_port(int(stripped)):
        return int(stripped)
    raise ConfigError(
        f"{variable}={text!r} is no port number",
        source=source,
        line=line,
        hint=f"expected a whole number from 1 to {LAST_PORT}",
    )


def _own_port(wish: Wish, line: ProcfileLine) -> Ports | None:
    """Return the ports of a service that nothing is known of but the PORT in its own `env`, else None."""
    own = wish.settings.service(line.name)
    if PORT not in own.env:
        return None
    place = wish.settings.name, own.lines.get(f"env.{PORT}")
    number = parse_port(own.env[PORT], PORT, *place)
    return _claim_if_named(line, number, *place)


def _claim_if_named(line: ProcfileLine, number: int, source: str, at: int | None) -> Ports:
    if not names_port(line.command):
        return Ports()
    return Ports((PlannedClaim(PortClaim(line.name, number, PORT), source, at),))


def _shared_port(line: ProcfileLine, environment: ResolvedEnvironment, claimed: set[int]) -> Ports:
    """Return the ports of a service that nothing is known of, where PORT is set: it gets that value.

    Its command names `$PORT` because it listens there, or because it talks to the one that does.
    """
    variable = environment.variables[PORT]
    number = parse_port(variable.value, PORT, variable.source, variable.line)
    if number in claimed:
        return Ports()
    return _claim_if_named(line, number, variable.source, variable.line)


def _foreman_ports(
    wish: Wish, unknown: Iterable[tuple[int, ProcfileLine]], claimed: set[int]
) -> dict[str, Ports]:
    taken = set(claimed)
    found = {}
    for position, line in unknown:
        number = FOREMAN_BASE + FOREMAN_STEP * position
        while number in taken:
            number += FOREMAN_STEP
        if not is_port(number):
            raise ConfigError(
                f"no port is left for {line.name}: foreman's rule gives {number}",
                source=wish.procfile,
                line=line.line,
                hint=f"give services.{line.name} its ports in devstack.toml, or set PORT",
            )
        taken.add(number)
        claims = (PlannedClaim(PortClaim(line.name, number, PORT)),) if names_port(line.command) else ()
        found[line.name] = Ports(claims, number)
    return found


def _all_instances(wish: Wish, plain: Mapping[str, Ports]) -> dict[str, Ports]:
    """Add the further instances of scaled services: +1 each from the first's numbers, past what is taken."""
    taken = {claim.port for ports in plain.values() for claim in ports.claims}
    taken |= {ports.foreman for ports in plain.values() if ports.foreman is not None}
    found = {}
    for line in wish.lines:
        last = plain[line.name]
        for instance in wish.instances(line.name):
            found[instance] = last = last if instance == line.name else _next(instance, last, taken)
    return found


def _next(instance: str, last: Ports, taken: set[int]) -> Ports:
    moved = {}
    numbers = [claim.port for claim in last.claims]
    if last.foreman is not None and last.foreman not in numbers:
        numbers.append(last.foreman)
    for number in numbers:
        moved[number] = _step(instance, number, taken)
        taken.add(moved[number])
    planned = tuple(
        PlannedClaim(_moved(planned.claim, moved[planned.claim.port], instance), planned.source, planned.line)
        for planned in last.planned
    )
    return Ports(planned, None if last.foreman is None else moved[last.foreman])


def _step(instance: str, number: int, taken: set[int]) -> int:
    following = number + 1
    while following in taken:
        following += 1
    if not is_port(following):
        raise ConfigError(
            f"no port is left for {instance} above {number}", hint="scale it less, or lower its port"
        )
    return following


def _moved(claim: PortClaim, port: int, service: str) -> PortClaim:
    from dataclasses import replace

    return replace(claim, port=port, service=service)


def _with_overrides(wish: Wish, plan: dict[str, Ports]) -> dict[str, Ports]:
    for (instance, variable), number in wish.overrides.items():
        ports = plan.get(instance)
        if ports is not None:
            planned = tuple(
                PlannedClaim(_moved(each.claim, number, instance), "devstack")
                if each.claim.variable == variable
                else each
                for each in ports.planned
            )
            foreman = number if ports.foreman is not None and variable == PORT else ports.foreman
            plan[instance] = Ports(planned, foreman)
    return plan


def refuse_conflicts(plan: Mapping[str, Ports], instances: Iterable[str]) -> None:
    """Raise ConfigError where two of `instances` claim one number."""
    holders: dict[int, PlannedClaim] = {}
    for instance in instances:
        for planned in plan[instance].planned:
            first = holders.setdefault(planned.claim.port, planned)
            if first.claim.service != instance:
                raise _conflict(first, planned)


def _conflict(first: PlannedClaim, second: PlannedClaim) -> ConfigError:
    place = second if second.source else first
    return ConfigError(
        f"{_claimant(first)} and {_claimant(second)} both claim port {second.claim.port}",
        source=place.source,
        line=place.line,
        hint="give one of them another number: its variable in .env, or its `ports` in devstack.toml",
    )


def _claimant(planned: PlannedClaim) -> str:
    place = f"{planned.source}:{planned.line}" if planned.line is not None else planned.source
    details = " from ".join(part for part in (planned.claim.variable or "", place) if part)
    return f"{planned.claim.service} ({details})" if details else planned.claim.service
