"""What `devstack init` proposes: services out of what is there, and the files that say them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from devstack.core.ports import SEED_TABLE

TABLE_NAMES = frozenset(row.name for row in SEED_TABLE)
HEADER = "# Proposed by `devstack init`; docs/configuration.md explains every line.\n"


@dataclass(frozen=True, slots=True)
class ProposedPort:
    """A port claim for devstack.toml. `env` empty: nothing hands the number to the service."""

    default: int
    env: str = ""
    protocol: str = "http"
    path: str = ""
    subprotocol: str = ""

    def toml(self) -> str:
        """Return the claim as an inline table."""
        fields = {
            "env": self.env,
            "default": self.default,
            "protocol": self.protocol,
            "path": self.path,
            "subprotocol": self.subprotocol,
        }
        return (
            "{ " + ", ".join(f"{key} = {json.dumps(value)}" for key, value in fields.items() if value) + " }"
        )


@dataclass(frozen=True, slots=True)
class ProposedService:
    """A Procfile line, and what it came from.

    `ports` None: what the port table or `$PORT` in the command gives is right; empty: nothing is known.
    """

    name: str
    command: str
    source: str
    ports: tuple[ProposedPort, ...] | None = None
    cwd: str = ""  # inside the project; empty: the project's folder
    is_image: bool = False  # a container of a compose file, and no program of the project

    def toml(self) -> str:
        """Return the service's table of devstack.toml; empty where there is nothing to say."""
        lines = [f"cwd = {json.dumps(self.cwd)}"] if self.cwd else []
        if self.ports:
            claims = "".join(f"  {port.toml()},\n" for port in self.ports)
            lines.append(f"ports = [\n{claims}]")
        elif self.ports == () and self.name in TABLE_NAMES:
            lines.append("ports = []")  # else it would have the table's
        return "\n".join((f"[services.{self.name}]", *lines)) + "\n" if lines else ""


@dataclass(frozen=True, slots=True)
class Findings:
    """What one reader of a project found: services by mode, and sentences for the person."""

    dev: tuple[ProposedService, ...] = ()
    prod: tuple[ProposedService, ...] = ()
    notes: tuple[str, ...] = ()

    def __add__(self, other: Findings) -> Findings:
        return Findings(self.dev + other.dev, self.prod + other.prod, self.notes + other.notes)


@dataclass(frozen=True, slots=True)
class ProposedFile:
    """A file that init would write: its name in the project, and its whole text."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """The services of both modes, and the files that say them."""

    files: tuple[ProposedFile, ...]
    notes: tuple[str, ...] = ()
    dev: tuple[ProposedService, ...] = ()
    prod: tuple[ProposedService, ...] = ()

    def text(self, name: str) -> str | None:
        """Return the text of the proposed file `name`, None where none is proposed."""
        return next((file.text for file in self.files if file.name == name), None)


def unique_names(services: Iterable[ProposedService]) -> tuple[ProposedService, ...]:
    """Return the services, each name once: the second `api` becomes `api-2`."""
    found: dict[str, ProposedService] = {}
    for service in services:
        name, count = service.name, 2
        while name in found:
            name, count = f"{service.name}-{count}", count + 1
        found[name] = replace(service, name=name)
    return tuple(found.values())


def procfile_text(services: Iterable[ProposedService]) -> str:
    """Return a Procfile with one line a service, each below a comment that says where it came from."""
    return HEADER + "".join(f"# {one.source}\n{one.name}: {one.command}\n" for one in services)


def toml_text(services: Iterable[ProposedService]) -> str:
    """Return the devstack.toml that says what the Procfiles cannot; empty where nothing is left to say."""
    blocks = {service.name: service.toml() for service in reversed(tuple(services)) if service.toml()}
    return HEADER + "\n".join(reversed(blocks.values())) if blocks else ""


def default_variables(services: Iterable[ProposedService]) -> dict[str, str]:
    """Return variable → default for every port that the proposed services of one mode are handed.

    PORT is left out where a service beside its reader has no claim: from `.env` it would reach that one too.
    """
    several = [(service, variables_of(service)) for service in services]
    variables = {name: value for _, own in several for name, value in own.items()}
    if sum("PORT" in own for _, own in several) > 1 or any(service.ports == () for service, _ in several):
        variables.pop("PORT", None)
    return variables


def variables_of(service: ProposedService) -> dict[str, str]:
    """Return variable → default for the ports that one service is handed."""
    if service.ports is not None:
        return {port.env: str(port.default) for port in service.ports if port.env}
    rows = table_ports(service.name)
    if not rows and "$PORT" in service.command:
        return {"PORT": "5000"}
    return {port.env: str(port.default) for port in rows}


def table_ports(name: str) -> tuple[ProposedPort, ...]:
    """Return what the port table gives a service of that name; `frontend` has the row of `hmr` too."""
    names = (name, "hmr") if name == "frontend" else (name,)
    return tuple(
        ProposedPort(row.default, row.variable, row.protocol.value, row.path or "", row.subprotocol or "")
        for row in SEED_TABLE
        if row.name in names
    )


def env_example_text(
    existing: str | None, variables: dict[str, str], known: Iterable[tuple[str, str]]
) -> str:
    """Return a .env.example: what is `existing`, ports with their defaults, `known` (name, value to show)."""
    text = "# Copy to .env and change what differs on your machine.\n" if existing is None else existing
    named = set(re.findall(r"^\s*(?:export\s+)?(\w+)\s*=", text, re.MULTILINE))
    pairs = [*variables.items(), *((name, value) for name, value in known if name not in variables)]
    lines = [f"{name}={value}\n" for name, value in pairs if name not in named]
    return (text if text.endswith("\n") or not text else f"{text}\n") + "".join(lines)
