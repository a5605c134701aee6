"""Which services run: the names in devstack.toml and on the command line, and who depends on whom."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from devstack.config.claims import Wish
from devstack.config.locate import procfile_names
from devstack.config.mode import is_mode_name
from devstack.config.procfile import ProcfileLine, service_names
from devstack.config.settings import Settings
from devstack.core.graph import CircleError, start_order, with_dependencies
from devstack.core.suggest import did_you_mean, unknown_service
from devstack.errors import ConfigError, UsageError


def check_settings_names(settings: Settings, lines: Iterable[ProcfileLine], project: str) -> None:
    """Raise ConfigError for a service of devstack.toml that no Procfile of the project has."""
    here = {line.name for line in lines}
    for name in settings.services:
        if name not in here:
            everywhere = here.union(*_by_procfile(project).values())
            if name not in everywhere:
                raise ConfigError(
                    f"services.{name}: no Procfile here has that service{did_you_mean(name, everywhere)}",
                    source=settings.name,
                    line=settings.lines.get(name),
                    hint=f"services here: {', '.join(sorted(everywhere))}",
                )


def _by_procfile(project: str) -> dict[str, frozenset[str]]:
    return {name: service_names(os.path.join(project, name), name) for name in procfile_names(project)}


def checked_scale(scale: Mapping[str, int], lines: Iterable[ProcfileLine], project: str) -> Mapping[str, int]:
    """Return `scale`; UsageError for an unknown service and for a number below 0."""
    names = [line.name for line in lines]
    for name, count in scale.items():
        if name not in names:
            raise _unknown(name, names, project)
        if count < 0:
            raise UsageError(f"--scale {name}={count}: a service cannot run {count} times")
    return scale


def dependencies_of(wish: Wish, project: str) -> dict[str, tuple[str, ...]]:
    """Return service → the services that it waits for, for every service of the Procfile.

    A dependency that only another mode's Procfile has does not count in this mode. ConfigError, with the
    line, for one that no Procfile has, and for a circle.
    """
    names = {line.name for line in wish.lines}
    found = {}
    for line in wish.lines:
        wanted = wish.settings.service(line.name).depends_on
        for name in wanted:
            if name not in names:
                _check_elsewhere(wish, line.name, name, project)
        found[line.name] = tuple(dict.fromkeys(name for name in wanted if name in names))
    try:
        start_order(found)
    except CircleError as error:
        raise ConfigError(
            f"services.{error.names[0]}.depends_on: the services wait for each other in a circle: {error}",
            source=wish.settings.name,
            line=wish.settings.service(error.names[0]).lines.get("depends_on"),
        ) from None
    return found


def _check_elsewhere(wish: Wish, service: str, name: str, project: str) -> None:
    everywhere = {line.name for line in wish.lines}.union(*_by_procfile(project).values())
    if name not in everywhere:
        raise ConfigError(
            f"services.{service}.depends_on: there is no service “{name}”{did_you_mean(name, everywhere)}",
            source=wish.settings.name,
            line=wish.settings.service(service).lines.get("depends_on"),
            hint=f"services here: {', '.join(sorted(everywhere))}",
        )


def chosen_services(
    wanted: Iterable[str], wish: Wish, dependencies: Mapping[str, tuple[str, ...]], project: str
) -> tuple[str, ...]:
    """Return the services to run in the Procfile's order: `wanted` (none: all) and what they depend on.

    UsageError for an unknown one, and where nothing is left to start.
    """
    names = [line.name for line in wish.lines]
    chosen = tuple(wanted) or tuple(names)
    for name in chosen:
        if name not in names:
            raise _unknown(name, names, project)
    needed = with_dependencies(chosen, dependencies)
    if not any(wish.instances(name) for name in needed):
        raise UsageError("--scale leaves nothing to start", hint="start at least one service")
    return tuple(name for name in names if name in needed)


def check_exit_code_from(name: str | None, chosen: Iterable[str], wish: Wish, project: str) -> None:
    """Raise UsageError where the stack is to end with service `name` and that is not started."""
    names = [instance for service in chosen for instance in wish.instances(service)]
    if name is None or name in names:
        return
    everywhere = [line.name for line in wish.lines]
    if name not in everywhere:
        raise _unknown(name, everywhere, project)
    raise UsageError(f"--exit-code-from {name}: it is not started", hint=f"started are {', '.join(names)}")


def _unknown(name: str, names: list[str], project: str) -> UsageError:
    elsewhere = [
        f"{procfile} has it: --mode {mode}"
        for procfile, services in _by_procfile(project).items()
        if name in services and is_mode_name(mode := procfile.partition(".")[2])
    ]
    return unknown_service(name, names, *elsewhere)
