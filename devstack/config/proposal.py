"""What `devstack init` proposes: services out of what is there, and the files that say them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from devstack.core.ports import SEED_TABLE

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
    """A Procfile line, and what it came from. `ports` None: what the port table or PORT gives is right."""

    name: str
    command: str
    source: str
    ports: tuple[ProposedPort, ...] | None = None
    cwd: str = ""  # inside the project; empty: the project's folder

    def toml(self) -> str:
        """Return the service's table of devstack.toml; empty where there is nothing to say."""
        lines = [f"cwd = {json.dumps(self.cwd)}"] if self.cwd else []
        if self.ports is not None:
            claims = "".join(f"  {port.toml()},\n" for port in self.ports)
            lines.append(f"ports = [\n{claims}]" if claims else "ports = []")
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
    files: tuple[ProposedFile, ...]
    notes: tuple[str, ...] = field(default_factory=tuple)


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

    PORT is left out where several share it: set in `.env`, it would be one number for all of them.
    """
    several = [_variables_of(service) for service in services]
    variables = {name: value for own in several for name, value in own.items()}
    if sum("PORT" in own for own in several) > 1:
        variables.pop("PORT")
    return variables


def _variables_of(service: ProposedService) -> dict[str, str]:
    if service.ports is not None:
        return {port.env: str(port.default) for port in service.ports if port.env}
    rows = [row for row in SEED_TABLE if row.name == service.name]
    if service.name == "frontend":
        rows += [row for row in SEED_TABLE if row.name == "hmr"]
    if not rows and "$PORT" in service.command:
        return {"PORT": "5000"}
    return {row.variable: str(row.default) for row in rows}


def env_example_text(variables: dict[str, str], known: Iterable[tuple[str, str]]) -> str:
    """Return a .env.example: the ports with their defaults, then `known` (name, value to show)."""
    lines = [f"{name}={value}" for name, value in variables.items()]
    lines += [f"{name}={value}" for name, value in known if name not in variables]
    return "# Copy to .env and change what differs on your machine.\n" + "".join(
        f"{line}\n" for line in lines
    )
