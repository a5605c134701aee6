"""Reads what a project has and proposes the files that devstack needs. Writes nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace

from devstack.config.environment.env_file import read_env_file
from devstack.config.environment.secrets import is_secret
from devstack.config.files import read_text
from devstack.config.procfile import read_procfile
from devstack.config.proposal.compose_file import read_compose_file
from devstack.config.proposal.from_node import propose_from_node
from devstack.config.proposal.from_python import propose_from_python
from devstack.config.proposal.proposed import (
    Findings,
    Proposal,
    ProposedFile,
    ProposedPort,
    ProposedService,
    default_variables,
    env_example_text,
    procfile_text,
    toml_text,
    unique_names,
)
from devstack.config.proposal.settle_ports import settle
from devstack.errors import ConfigError

RELEASE = frozenset({"release", "postdeploy"})
"""Procfile lines that are no services: the platform runs them once."""
_RUNS_PYTHON = re.compile(r"(^|[\s/])(python3?|uvicorn|gunicorn|flask|fastapi|poetry|uv|pipenv)\s")


def propose(project: str, environment: Mapping[str, str] | None = None) -> Proposal:
    """Return the files to propose for the project in this folder.

    Read are package.json, the sources of servers, vite.config, pyproject.toml, requirements.txt, Procfile, a
    docker-compose file and `.env`. `environment` is what `.env` sets. ConfigError where one of them is
    wrong, or where nothing is there to run.
    """
    environment = environment or {}
    found = propose_from_node(project)
    if not any(_RUNS_PYTHON.search(one.command) for one in found.dev):  # a script starts it already
        found += propose_from_python(project)
    found = _beside_a_procfile(project, found) + _from_compose(project)
    if not found.dev and not found.prod:
        raise ConfigError(
            f"nothing in {project} says what to run: looked for package.json with scripts, vite.config, "
            "pyproject.toml, requirements.txt, Procfile, docker-compose.yml",
            hint="write a Procfile.dev with a line such as `web: npm run dev`",
        )
    dev, dev_notes = settle(found.dev, environment)
    prod, prod_notes = settle(_with_the_ports_of(dev, found.prod), environment)
    return _proposal(project, dev, prod, (*found.notes, *dev_notes, *prod_notes))


def proposal_with_dev(
    project: str, before: Proposal, dev: tuple[ProposedService, ...], notes: tuple[str, ...]
) -> Proposal:
    """Return the proposal with other services of dev."""
    return _proposal(project, dev, before.prod, notes)


def _proposal(
    project: str, dev: tuple[ProposedService, ...], prod: tuple[ProposedService, ...], notes: tuple[str, ...]
) -> Proposal:
    """Return the proposal that says these services."""
    prod = _with_names_of_their_own(prod, dev)
    variables = default_variables(prod) | default_variables(dev)
    files = [
        ProposedFile("Procfile.dev", procfile_text(dev)) if dev else None,
        ProposedFile("Procfile.prod", procfile_text(prod)) if prod else None,
        _env_example(project, variables),
        ProposedFile("devstack.toml", text) if (text := toml_text((*dev, *prod))) else None,
    ]
    return Proposal(tuple(file for file in files if file is not None), tuple(dict.fromkeys(notes)), dev, prod)


def _with_the_ports_of(
    dev: tuple[ProposedService, ...], prod: tuple[ProposedService, ...]
) -> tuple[ProposedService, ...]:
    """Return the services of prod; one that takes any `$PORT` has the claim of dev's service of that name."""
    claims = {one.name: one for one in dev}
    return tuple(
        replace(one, ports=claims[one.name].ports)
        if one.ports is None
        and one.name in claims
        and claims[one.name].cwd == one.cwd
        and [port.env for port in claims[one.name].ports or ()] == ["PORT"]
        and "$PORT" in one.command
        else one
        for one in prod
    )


def _with_names_of_their_own(
    prod: tuple[ProposedService, ...], dev: tuple[ProposedService, ...]
) -> tuple[ProposedService, ...]:
    """Return the services of prod; one that needs another table of devstack.toml than dev's is renamed."""
    tables = {one.name: one.toml() for one in dev}
    return unique_names(
        replace(one, name=f"{one.name}-prod") if tables.get(one.name, one.toml()) != one.toml() else one
        for one in prod
    )


def _beside_a_procfile(project: str, found: Findings) -> Findings:
    """Let an existing Procfile, which is a platform's and so production's, have the last word about prod.

    Where nothing else is there, its services are those of dev too.
    """
    path = os.path.join(project, "Procfile")
    if not os.path.isfile(path):
        return found
    services = tuple(
        ProposedService(line.name, line.command, f"Procfile:{line.line}")
        for line in read_procfile(path, "Procfile")
        if line.name not in RELEASE
    )
    notes = (*found.notes, "the Procfile stays as it is: devstack reads Procfile.dev and Procfile.prod first")
    return Findings(found.dev or services, services, notes)


def _from_compose(project: str) -> Findings:
    """Return the services of a compose file that run from an image: databases, queues and the like."""
    file = read_env_file(os.path.join(project, ".env"), ".env")
    variables = {entry.name: entry.value or "" for entry in file.entries} if file else {}
    name, services = read_compose_file(project, variables)
    dev = tuple(
        ProposedService(
            re.sub(r"[^A-Za-z0-9_-]", "-", service.name),
            f"docker compose up --no-log-prefix --no-deps {service.name}",
            f"{name}: {service.name}, {service.image}",
            tuple(ProposedPort(port, "", "tcp") for port in service.ports),
            is_image=True,
        )
        for service in services
        if service.image and not service.is_built
    )
    built = [service.name for service in services if service.is_built]
    notes = (f"{name} builds {', '.join(built)}: not proposed, devstack runs those without a container",)
    return Findings(dev, (), notes if built else ())


def _env_example(project: str, variables: dict[str, str]) -> ProposedFile | None:
    """Return the .env.example, with the names that `.env` has and the values that may be shown."""
    file = read_env_file(os.path.join(project, ".env"), ".env")
    entries = [(entry.name, entry.value or "") for entry in file.entries] if file else []
    known = [(name, _shown(name, value)) for name, value in entries]
    existing = read_text(os.path.join(project, ".env.example"), ".env.example")
    if not variables and not known:
        return None
    return ProposedFile(".env.example", env_example_text(existing, variables, known))


def _shown(name: str, value: str) -> str:
    """Return a value for everybody to see, written as every reader understands it; nothing for a secret."""
    if is_secret(name, value) or "\n" in value:
        return ""
    return value if re.fullmatch(r"[\w./:@%+,~-]*", value) else "'" + value.replace("'", "") + "'"
