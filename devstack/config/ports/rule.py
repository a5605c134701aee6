"""The PORT of the services that nothing else is known of: their own, the one that is set, or foreman's."""

from __future__ import annotations

from collections.abc import Iterable

from devstack.config.environment.resolve import ResolvedEnvironment
from devstack.config.ports.claims import PlannedClaim, Ports, parse_port
from devstack.config.procfile import ProcfileLine
from devstack.config.selection import Selection
from devstack.core.ports import PortClaim, is_port
from devstack.errors import ConfigError

PORT = "PORT"
FOREMAN_BASE, FOREMAN_STEP = 5000, 100


def own_port(selection: Selection, line: ProcfileLine) -> Ports | None:
    """Return the ports of a service that nothing is known of but the PORT in its own `env`, else None."""
    own = selection.settings.service(line.name)
    if PORT not in own.env:
        return None
    place = selection.settings.name, own.lines.get(f"env.{PORT}")
    number = parse_port(own.env[PORT], PORT, *place)
    return _claim_if_named(selection, line, number, *place)


def _claim_if_named(
    selection: Selection, line: ProcfileLine, number: int, source: str, at: int | None
) -> Ports:
    if not names_port(line.command):
        return Ports()
    return Ports((PlannedClaim(_claim(selection, line, number), source, at),))


def _claim(selection: Selection, line: ProcfileLine, number: int) -> PortClaim:
    return PortClaim(line.name, number, PORT, source=f"{selection.procfile}:{line.line} $PORT")


def shared_port(
    selection: Selection, line: ProcfileLine, environment: ResolvedEnvironment, claimed: set[int]
) -> Ports:
    """Return the ports of a service that nothing is known of, where PORT is set: it gets that value.

    Its command names `$PORT` because it listens there, or because it talks to the one that does.
    """
    variable = environment.variables[PORT]
    number = parse_port(variable.value, PORT, variable.source, variable.line)
    if number in claimed:
        return Ports()
    return _claim_if_named(selection, line, number, variable.source, variable.line)


def foreman_ports(
    selection: Selection, unknown: Iterable[tuple[int, ProcfileLine]], claimed: set[int]
) -> dict[str, Ports]:
    """Return service → ports by foreman's rule for `unknown` (position in the Procfile, and line).

    5000, 5100, 5200 … by position; what is in `claimed` is passed over. Past the last port a service gets
    none; ConfigError where its command names `$PORT`.
    """
    taken = set(claimed)
    found = {}
    for position, line in unknown:
        number = FOREMAN_BASE + FOREMAN_STEP * position
        while number in taken:
            number += FOREMAN_STEP
        if not is_port(number) and not names_port(line.command):
            found[line.name] = Ports()  # it does not ask for one
            continue
        if not is_port(number):
            raise ConfigError(
                f"no port is left for {line.name}: foreman's rule gives {number}",
                source=selection.procfile,
                line=line.line,
                hint=f"give services.{line.name} its ports in devstack.toml, or set PORT",
            )
        taken.add(number)
        claims = (PlannedClaim(_claim(selection, line, number)),) if names_port(line.command) else ()
        found[line.name] = Ports(claims, number)
    return found


def names_port(command: str) -> bool:
    """Say whether a command names PORT, in the shell's spelling or in that of Windows."""
    if "PORT" not in command:
        return False
    import re

    return bool(re.search(r"\$PORT(?![A-Za-z0-9_])|\$\{PORT[:}\-=?+%#]|%PORT%", command))
