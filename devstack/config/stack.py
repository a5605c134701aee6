"""load_stack(): files and options in, a complete and resolved Stack out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from devstack.config.choice import (
    check_exit_code_from,
    check_settings_names,
    checked_scale,
    chosen_services,
    dependencies_of,
)
from devstack.config.claims import Wish, port_settings
from devstack.config.environment import (
    EnvFile,
    ResolvedEnvironment,
    layer_names,
    read_env_file,
    resolve,
)
from devstack.config.files import shown_path
from devstack.config.mode import NODE_WORDS, ModeChoice, ProcfileChoice, choose_mode, choose_procfile
from devstack.config.port_plan import plan_ports, refuse_conflicts
from devstack.config.procfile import ProcfileLine, read_procfile
from devstack.config.service_build import ServiceBuilder, shared_environment
from devstack.config.settings import Settings
from devstack.config.settings_file import read_settings
from devstack.core.stack import Stack
from devstack.errors import ConfigError


class StackOptions(NamedTuple):
    """What the command line and the shell say. Paths are absolute or relative to the project's folder.

    `environ` is the shell's environment. `services` empty: all. `scale` is service → instances.
    `port_overrides` is (instance, variable) → port, for claims that devstack has moved. `tool_folder` is
    appended to PATH. `exit_code_from` is the service with which the stack is to end.
    """

    project: str
    environ: Mapping[str, str]
    mode: str | None = None
    procfile: str | None = None
    env_file: str | None = None
    services: tuple[str, ...] = ()
    scale: Mapping[str, int] = MappingProxyType({})
    port_overrides: Mapping[tuple[str, str], int] = MappingProxyType({})
    tool_folder: str | None = None
    exit_code_from: str | None = None


class ProjectFiles(NamedTuple):
    """What the files say, read once: mode, `.env` layers (the one that wins first), Procfile, settings.

    `paths` are the absolute paths of all files that were read.
    """

    choice: ModeChoice
    layers: tuple[EnvFile, ...]
    procfile: ProcfileChoice
    lines: tuple[ProcfileLine, ...]
    settings: Settings
    paths: tuple[str, ...]


class LoadedStack(NamedTuple):
    """A stack, and what a person may want to know about how it came about.

    `environment` is the shell and the files, with the source of every value. `shared` is what devstack adds
    for every service and for `devstack run`; each `Service.env` holds it already. `settings` is what
    devstack.toml says. `notes` are sentences for `up` to say.
    """

    stack: Stack
    mode_reason: str
    procfile_reason: str
    environment: ResolvedEnvironment
    shared: Mapping[str, str]
    files: ProjectFiles
    notes: tuple[str, ...] = ()

    @property
    def settings(self) -> Settings:
        return self.files.settings


def load_stack(options: StackOptions, files: ProjectFiles | None = None) -> LoadedStack:
    """Read the project's files and return the stack that they and `options` describe.

    `files` are those of an earlier call for this project, and are then not read again: a pipe can be read
    only once. Raises ConfigError for what is wrong in a file or a variable, UsageError for what is wrong in
    `options`.
    """
    files = files or _read_files(options)
    mode, layers, lines = files.choice.mode, files.layers, files.lines
    wish = Wish(
        files.procfile.name,
        lines,
        mode,
        files.settings,
        checked_scale(options.scale, lines, options.project),
        options.port_overrides,
    )
    before = resolve(options.environ, layers)
    environment = _with_moved_ports(options, wish, layers, before)
    plan = plan_ports(wish, environment, before)
    dependencies = dependencies_of(wish, options.project)
    chosen = chosen_services(options.services, wish, dependencies, options.project)
    check_exit_code_from(options.exit_code_from, chosen, wish, options.project)
    refuse_conflicts(plan, [instance for name in chosen for instance in wish.instances(name)])
    shared = shared_environment(options, wish, environment, plan)
    builder = ServiceBuilder(options.project, wish, plan, environment.values() | shared, shared, dependencies)
    stack = Stack(
        project=options.project,
        mode=mode,
        procfile=files.procfile.name,
        services=tuple(builder.build(name, i) for name in chosen for i in wish.instances(name)),
        environment=environment.values(),
        files=files.paths,
    )
    return LoadedStack(
        stack,
        files.choice.reason,
        files.procfile.reason,
        environment,
        shared,
        files,
        _node_notes(mode, environment),
    )


def _read_files(options: StackOptions) -> ProjectFiles:
    choice, layers, read = mode_and_layers(options)
    procfile = choose_procfile(options.project, choice.mode, options.procfile)
    lines = read_procfile(procfile.path, procfile.name)
    settings = read_settings(options.project)
    if settings is not None:
        check_settings_names(settings, lines, options.project)
    paths = (*read, procfile.path, *((settings.path,) if settings else ()))
    return ProjectFiles(choice, layers, procfile, lines, settings or Settings(), paths)


def mode_and_layers(options: StackOptions) -> tuple[ModeChoice, tuple[EnvFile, ...], tuple[str, ...]]:
    """Return the mode, the `.env` layers that are there (the one that wins first), and their paths."""
    if options.env_file is not None:
        plain = _explicit_env_file(options)
        choice = choose_mode(options.mode, resolve(options.environ, (plain,)))
        return choice, (plain,), (plain.path,)
    found = _layer(options.project, ".env")
    choice = choose_mode(options.mode, resolve(options.environ, (found,) if found else ()))
    names = [name for name in layer_names(choice.mode) if name != ".env"]
    layers = tuple(file for file in (*(_layer(options.project, name) for name in names), found) if file)
    return choice, layers, tuple(file.path for file in layers)


def _layer(project: str, name: str) -> EnvFile | None:
    return read_env_file(os.path.join(project, name), name)


def _explicit_env_file(options: StackOptions) -> EnvFile:
    path = os.path.normpath(os.path.join(options.project, options.env_file or ""))
    name = shown_path(path, options.project)
    file = read_env_file(path, name)
    if file is None:
        raise ConfigError("there is no such file", source=name, hint="--env-file names a file to read")
    return file


def _with_moved_ports(
    options: StackOptions, wish: Wish, layers: tuple[EnvFile, ...], before: ResolvedEnvironment
) -> ResolvedEnvironment:
    """Resolve again with the moved ports, so that a `${PORT}` in a file follows.

    Foreman's PORT is each service's own: no `${PORT}` in a file can mean it.
    """
    explicit = port_settings(wish)
    moved: dict[str, str] = {}
    for (instance, variable), number in options.port_overrides.items():
        if instance in explicit or (before.get(variable) and "." not in instance):
            moved.setdefault(variable, str(number))
    return resolve(options.environ, layers, moved) if moved else before


def _node_notes(mode: str, environment: ResolvedEnvironment) -> tuple[str, ...]:
    """Return a word about a NODE_ENV that says another mode than the one that runs."""
    node = environment.get("NODE_ENV")
    words = NODE_WORDS.values()
    if node is None or mode not in NODE_WORDS or node.value not in words or node.value == NODE_WORDS[mode]:
        return ()
    return (f"services get NODE_ENV={node.value} from {node.location}, though the mode is {mode}",)
