"""Which ports the services claim that are known: by devstack.toml, or by the seed's table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from devstack.config.environment.resolve import ResolvedEnvironment
from devstack.config.selection import Selection
from devstack.config.settings.types import PortSetting
from devstack.core.ports import LAST_PORT, SEED_TABLE, PortClaim, TableRow, is_port
from devstack.errors import ConfigError

TABLE = "table"
"""The source of a claim by the seed's table."""

Moves = Mapping[tuple[str, str], int]
"""(instance, variable) → the port to which devstack moves that claim."""


class PlannedClaim(NamedTuple):
    """A claim with the place that its number came from, for messages."""

    claim: PortClaim
    source: str = ""
    line: int | None = None


class Ports(NamedTuple):
    """What one instance has: its claims, and the PORT that foreman's rule gives it, claimed or not.

    `note` says why a claim that its command suggests is not made.
    """

    planned: tuple[PlannedClaim, ...] = ()
    foreman: int | None = None
    note: str = ""

    @property
    def claims(self) -> tuple[PortClaim, ...]:
        return tuple(planned.claim for planned in self.planned)


def port_settings(selection: Selection) -> dict[str, tuple[PortSetting, ...]]:
    """Return the claims that devstack.toml or the seed's table gives each service that either knows."""
    names = {line.name for line in selection.lines}
    found = {}
    for line in selection.lines:
        given = selection.settings.service(line.name).ports
        rows = _table_rows(line.name, names, selection.mode) if given is None else ()
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


def first_claims(
    selection: Selection, name: str, settings: Iterable[PortSetting], environment: ResolvedEnvironment
) -> tuple[PlannedClaim, ...]:
    """Return the claims of the first instance of the service `name`, with their numbers."""
    return tuple(_planned(selection, name, setting, environment) for setting in settings)


def _planned(
    selection: Selection, name: str, setting: PortSetting, environment: ResolvedEnvironment
) -> PlannedClaim:
    port, source, line = _number(selection, name, setting, environment)
    claim = PortClaim(
        service=name,
        port=port,
        variable=setting.variable,
        protocol=setting.protocol,
        purpose=setting.purpose,
        path=setting.path,
        subprotocol=setting.subprotocol,
        also_ws=setting.also_ws,
        source=f"{setting.source}:{setting.line}" if setting.source else TABLE,
    )
    return PlannedClaim(claim, source, line)


def _number(
    selection: Selection, name: str, setting: PortSetting, environment: ResolvedEnvironment
) -> tuple[int, str, int | None]:
    """Return a claim's number and where it stands: the service's own `env`, the environment, the default."""
    variable = setting.variable
    if variable is not None:
        own = selection.settings.service(name)
        if variable in own.env:
            line = own.lines.get(f"env.{variable}")
            place = selection.settings.name, line
            return parse_port(own.env[variable], variable, *place), *place
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
