"""Which services run, and how often: the command line's names and counts, and who depends on whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from devstack.config.options import StackOptions
from devstack.config.procfile import ProcfileLine
from devstack.config.project.read import ProjectFiles
from devstack.config.settings.types import Settings
from devstack.core.graph import CircleError, start_order, with_dependencies
from devstack.errors import ConfigError, UsageError


class Selection(NamedTuple):
    """All services of the Procfile `procfile`, one for each of its `lines`, and which of them run.

    `chosen` are the names of those that run, in the Procfile's order. `dependencies` is service → the
    services that it waits for. `scale` is service → instances, for those that do not run exactly once.
    """

    procfile: str
    lines: tuple[ProcfileLine, ...]
    mode: str
    settings: Settings
    scale: Mapping[str, int]
    dependencies: Mapping[str, tuple[str, ...]]
    chosen: tuple[str, ...]
    project: str = ""

    def instances(self, name: str) -> tuple[str, ...]:
        """Return the names of the instances of a service: `worker`, `worker.2`, …"""
        return _instances(name, self.scale)

    @property
    def started(self) -> tuple[tuple[str, str], ...]:
        """Return (service, instance) of everything that runs, in the Procfile's order."""
        return tuple((name, instance) for name in self.chosen for instance in self.instances(name))


def select_services(options: StackOptions, files: ProjectFiles) -> Selection:
    """Return the services that `options` name (none named: all), and those that they depend on.

    UsageError for an unknown service in `options`; ConfigError for an unknown or circular dependency.
    """
    names = [line.name for line in files.lines]
    _check_scale(options, names)
    dependencies = _dependencies(options.project, files, names)
    chosen = _chosen(options, names, dependencies)
    selection = Selection(
        files.procfile.name,
        files.lines,
        files.choice.mode,
        files.settings,
        options.scale,
        dependencies,
        chosen,
        options.project,
    )
    _check_exit_code_from(options, selection, names)
    return selection


def _instances(name: str, scale: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(name if i == 1 else f"{name}.{i}" for i in range(1, scale.get(name, 1) + 1))


def _check_scale(options: StackOptions, names: list[str]) -> None:
    for name, count in options.scale.items():
        if name not in names:
            raise _unknown(name, names, options.project)
        if count < 0:
            raise UsageError(f"--scale {name}={count}: a service cannot run {count} times")


def _dependencies(project: str, files: ProjectFiles, names: list[str]) -> dict[str, tuple[str, ...]]:
    """Return service → the services that it waits for, for every service of the Procfile.

    A dependency that only another mode's Procfile has does not count in this mode. ConfigError, with the
    line, for one that no Procfile has, and for a cycle.
    """
    settings = files.settings
    found = {}
    for name in names:
        wanted = settings.service(name).depends_on
        for unknown in (one for one in wanted if one not in names):
            from devstack.config.project.known_services import check_dependency

            check_dependency(settings, name, unknown, names, project)
        found[name] = tuple(dict.fromkeys(one for one in wanted if one in names))
    try:
        start_order(found)
    except CircleError as error:
        raise ConfigError(
            f"services.{error.names[0]}.depends_on: the services wait for each other in a circle: {error}",
            source=settings.name,
            line=settings.service(error.names[0]).lines.get("depends_on"),
        ) from None
    return found


def _chosen(
    options: StackOptions, names: list[str], dependencies: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    wanted = options.services or tuple(names)
    for name in wanted:
        if name not in names:
            raise _unknown(name, names, options.project)
    needed = with_dependencies(wanted, dependencies)
    if not any(_instances(name, options.scale) for name in needed):
        raise UsageError("--scale leaves nothing to start", hint="start at least one service")
    return tuple(name for name in names if name in needed)


def _check_exit_code_from(options: StackOptions, selection: Selection, names: list[str]) -> None:
    """Raise UsageError where the stack is to end with a service that is not started."""
    name = options.exit_code_from
    started = [instance for _, instance in selection.started]
    if name is None or name in started:
        return
    if name not in names:
        raise _unknown(name, names, options.project)
    raise UsageError(f"--exit-code-from {name}: it is not started", hint=f"started are {', '.join(started)}")


def _unknown(name: str, names: Iterable[str], project: str) -> UsageError:
    from devstack.config.project.known_services import unknown_with_modes

    return unknown_with_modes(name, names, project)
