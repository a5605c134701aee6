"""Puts one Service together: command, folder, claims, probes, and the environment that devstack adds."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from devstack.config.environment.resolve import ResolvedEnvironment
from devstack.config.options import StackOptions
from devstack.config.ports.claims import Ports
from devstack.config.ports.rule import PORT
from devstack.config.project.mode import node_environment
from devstack.config.selection import Selection
from devstack.config.services.readiness import readiness_probes
from devstack.config.settings.types import ServiceSettings
from devstack.core.ports import OWN_CLAIMS
from devstack.core.service import Service
from devstack.errors import ConfigError


def shared_environment(
    options: StackOptions, selection: Selection, environment: ResolvedEnvironment, plan: Mapping[str, Ports]
) -> dict[str, str]:
    """Return what devstack adds for every service, beside the shell and the files.

    The variable of every claim is there where it is set nowhere else; foreman's PORT is not, for it is each
    service's own.
    """
    known = environment.values()
    added = {"DEVSTACK": "1", "DEVSTACK_MODE": selection.mode, "DEVSTACK_PROJECT": options.project}
    node = node_environment(selection.mode, known)
    if node is not None:
        added["NODE_ENV"] = node
    if "PYTHONUNBUFFERED" not in known:
        added["PYTHONUNBUFFERED"] = "1"
    for ports in plan.values():
        for claim in ports.claims if ports.foreman is None else ():
            if claim.variable is not None and claim.variable not in known:
                added.setdefault(claim.variable, str(claim.port))
    path = _search_path(known.get("PATH"), options.tool_folder)
    if path is not None:
        added["PATH"] = path
    return added


def _search_path(path: str | None, folder: str | None) -> str | None:
    """Return PATH with `folder` at its end, or None where nothing changes."""
    folders = (path or os.defpath).split(os.pathsep)
    if folder is None or folder in folders:
        return None
    return os.pathsep.join((*folders, folder))


def build_services(
    options: StackOptions,
    selection: Selection,
    environment: ResolvedEnvironment,
    plan: Mapping[str, Ports],
    shared: Mapping[str, str],
) -> tuple[Service, ...]:
    """Return the services that run, in the Procfile's order. ConfigError for a setting that cannot hold."""
    base = {**environment.values(), **shared}
    builder = _Builder(options.project, selection, plan, base, shared)
    return tuple(builder.build(name, instance) for name, instance in selection.started)


class _Builder(NamedTuple):
    """Builds the services of one stack.

    `base` is the environment that a service has before its own settings, `shared` the part of it that
    devstack added.
    """

    project: str
    selection: Selection
    plan: Mapping[str, Ports]
    base: Mapping[str, str]
    shared: Mapping[str, str]

    def build(self, name: str, instance: str) -> Service:
        """Return the instance `instance` of the service `name`."""
        settings = self.selection.settings.service(name)
        ports = self.plan[instance]
        cwd = self._folder(name, settings)
        self._check(name, settings, ports)
        command = next(line.command for line in self.selection.lines if line.name == name)
        return Service(
            name=instance,
            command=command,
            cwd=cwd,
            base=name,
            claims=ports.claims,
            probes=readiness_probes(name, settings, ports.claims, self.selection.settings.name),
            depends_on=self._depends_on(name),
            restart=settings.restart,
            stop=settings.stop,
            env=self._environment(instance, settings, ports),
            tty=settings.tty,
            stdin=settings.stdin,
            watch=tuple(os.path.join(cwd, path) for path in settings.watch),
            socket=settings.socket,
        )

    def _depends_on(self, name: str) -> tuple[str, ...]:
        selection = self.selection
        return tuple(one for need in selection.dependencies[name] for one in selection.instances(need))

    def _environment(self, instance: str, settings: ServiceSettings, ports: Ports) -> dict[str, str]:
        env = {**self.shared, **settings.env}
        numbers = {claim.variable: claim.port for claim in ports.claims if claim.variable is not None}
        own = ",".join(numbers)
        if ports.foreman is not None:
            numbers[PORT] = ports.foreman
        for variable, number in numbers.items():
            written = env.get(variable, self.base.get(variable, ""))
            if not _says(written, number):  # a value that says it already reaches the service untouched
                env[variable] = str(number)
        env["DEVSTACK_SERVICE"] = instance
        if "," in own or OWN_CLAIMS in self.base or OWN_CLAIMS in env:  # whoever started us may have had it
            env[OWN_CLAIMS] = own
        for name in ("DEVSTACK", "DEVSTACK_MODE", "DEVSTACK_PROJECT"):
            env[name] = self.shared[name]
        return env

    def _folder(self, name: str, settings: ServiceSettings) -> str:
        if settings.cwd is None:
            return self.project
        folder = os.path.normpath(os.path.join(self.project, settings.cwd))
        if not os.path.isdir(folder):
            raise self._error(name, settings, "cwd", f"there is no folder {folder}")
        return folder

    def _check(self, name: str, settings: ServiceSettings, ports: Ports) -> None:
        if settings.socket and not ports.claims:
            raise self._error(name, settings, "socket", "needs a port claim, and there is none")
        if settings.watch and not _is_installed("watchfiles"):
            error = self._error(name, settings, "watch", "needs the extra `watch`, which is not installed")
            error.hint = "pip install 'devstack[watch]'"
            raise error

    def _error(self, name: str, settings: ServiceSettings, key: str, message: str) -> ConfigError:
        return ConfigError(
            f"services.{name}.{key}: {message}",
            source=self.selection.settings.name,
            line=settings.lines.get(key),
        )


def _says(text: str, number: int) -> bool:
    stripped = text.strip()
    return stripped.isdecimal() and stripped.isascii() and int(stripped) == number


def _is_installed(module: str) -> bool:
    from importlib.util import find_spec

    return find_spec(module) is not None
