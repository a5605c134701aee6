"""Claims that nobody declared: from the command itself, or from the default of a known server.

Only where nothing else gives a service a claim, and only beyond doubt. Two such claims of one number are a
note, never an error.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping

from devstack.config.environment.resolve import ResolvedEnvironment
from devstack.config.ports.claims import PlannedClaim, Ports, parse_port
from devstack.config.procfile import ProcfileLine
from devstack.config.selection import Selection
from devstack.core.named_port import NamedPort, named_port
from devstack.core.ports import PortClaim

PORT = "PORT"
MOST_READ = 256 * 1024
"""Bytes of a server's own configuration that are looked at."""

SPEAKS_OF_PORT = re.compile(rb"port[\"']?\s*[:=,}]|_port|bind")


def with_inferred(
    selection: Selection,
    lines: Iterable[ProcfileLine],
    plan: Mapping[str, Ports],
    environment: ResolvedEnvironment,
) -> dict[str, Ports]:
    """Return `plan` with a claim for each of `lines` whose command names its port.

    What speaks against a claim stands in `Ports.note`.
    """
    claimed = {claim.port: claim for ports in plan.values() for claim in ports.claims}
    found = dict(plan)
    for line in lines:
        ports = plan[line.name]
        if ports.planned or selection.scale.get(line.name, 1) != 1:
            continue
        claim = _claim(selection, line, ports, environment)
        if claim is None:
            continue
        other = claimed.get(claim.port)
        if other is None:
            claimed[claim.port] = claim
            found[line.name] = ports._replace(planned=(PlannedClaim(claim, selection.procfile, line.line),))
        elif claim.variable is None:
            note = (
                f"{line.name} seems to listen on port {claim.port} ({claim.source}), which {other.service} "
                f"claims: no claim is made for {line.name}"
            )
            found[line.name] = ports._replace(note=note)
    return found


def _claim(
    selection: Selection, line: ProcfileLine, ports: Ports, environment: ResolvedEnvironment
) -> PortClaim | None:
    folder = os.path.join(selection.project, selection.settings.service(line.name).cwd or "")
    named = named_port(line.command, _Scripts(folder))
    if named is None or _is_doubtful(named, line.command, folder, environment):
        return None
    source = named.evidence
    if not source.startswith("default of "):
        source = f"{selection.procfile}:{line.line} {source}"
    number, variable = named.port, None
    if named.reads_port:
        variable = PORT
        if ports.foreman is not None:
            number, source = ports.foreman, f"PORT of {line.name}"
        elif (given := environment.get(PORT)) is not None:
            number = parse_port(given.value, PORT, given.source, given.line)
            source = f"{given.location}"
    return PortClaim(line.name, number, variable, named.protocol, source=source, is_inferred=True)


def _is_doubtful(named: NamedPort, command: str, folder: str, environment: ResolvedEnvironment) -> bool:
    """Return True where a file or a variable of the server's own may say another port than its default."""
    if any(environment.get(name) is not None for name in named.variables):
        return True
    if named.files and "cd " in command:
        return True
    return any(_speaks_of_port(os.path.join(folder, name)) for name in named.files)


def _speaks_of_port(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            text = file.read(MOST_READ).lower()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return SPEAKS_OF_PORT.search(text) is not None


class _Scripts:
    """The scripts of the package.json in a folder, read when they are asked for."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def __call__(self, name: str) -> str | None:
        from devstack.config.node.package_json import read_package_json
        from devstack.errors import ConfigError

        try:
            package = read_package_json(self._folder)
        except ConfigError:  # whoever runs the script says so
            return None
        return package.scripts.get(name) if package is not None else None
