"""The services of all Procfiles of a project, and the errors for a name that none of them has.

Imported only where a name has to be looked up: a usual start needs none of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from devstack.config.procfile import ProcfileLine, service_names
from devstack.config.project.locate import procfile_names
from devstack.config.project.mode import is_mode_name
from devstack.config.settings.types import Settings
from devstack.core.suggest import did_you_mean, unknown_service
from devstack.errors import ConfigError, UsageError


def check_settings_names(settings: Settings, lines: Iterable[ProcfileLine], project: str) -> None:
    """Raise ConfigError for a service of devstack.toml that no Procfile of the project has."""
    here = {line.name for line in lines}
    for name in settings.services:
        if name not in here:
            everywhere = here.union(*_services_by_procfile(project).values())
            if name not in everywhere:
                raise ConfigError(
                    f"services.{name}: no Procfile here has that service{did_you_mean(name, everywhere)}",
                    source=settings.name,
                    line=settings.lines.get(name),
                    hint=f"services here: {', '.join(sorted(everywhere))}",
                )


def check_dependency(settings: Settings, service: str, name: str, here: Iterable[str], project: str) -> None:
    """Raise ConfigError where `service` depends on `name` and no Procfile of the project has that service."""
    everywhere = set(here).union(*_services_by_procfile(project).values())
    if name not in everywhere:
        raise ConfigError(
            f"services.{service}.depends_on: there is no service “{name}”{did_you_mean(name, everywhere)}",
            source=settings.name,
            line=settings.service(service).lines.get("depends_on"),
            hint=f"services here: {', '.join(sorted(everywhere))}",
        )


def unknown_with_modes(name: str, names: Iterable[str], project: str) -> UsageError:
    """Return the error for a service that this Procfile does not have, with the modes that have it."""
    elsewhere = [
        f"{procfile} has it: --mode {mode}"
        for procfile, services in _services_by_procfile(project).items()
        if name in services and is_mode_name(mode := procfile.partition(".")[2])
    ]
    return unknown_service(name, names, *elsewhere)


def _services_by_procfile(project: str) -> dict[str, frozenset[str]]:
    return {name: service_names(os.path.join(project, name), name) for name in procfile_names(project)}
