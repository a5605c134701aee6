"""load_stack(): files and options in, a complete and resolved Stack out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from devstack.config.choice import check_exit_code_from, checked_scale, chosen_services, dependencies_of
from devstack.config.claims import Wish, port_settings
from devstack.config.environment import EnvFile, ResolvedEnvironment, resolve
from devstack.config.mode import NODE_WORDS
from devstack.config.options import StackOptions
from devstack.config.port_plan import plan_ports, refuse_conflicts
from devstack.config.project_files import ProjectFiles, read_project_files
from devstack.config.service_build import ServiceBuilder, shared_environment
from devstack.config.settings import Settings
from devstack.core.stack import Stack


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
    files = files or read_project_files(options)
    wish = _wish(options, files)
    before = resolve(options.environ, files.layers)
    environment = _with_moved_ports(options, wish, files.layers, before)
    plan = plan_ports(wish, environment, before)
    dependencies = dependencies_of(wish, options.project)
    chosen = chosen_services(options.services, wish, dependencies, options.project)
    check_exit_code_from(options.exit_code_from, chosen, wish, options.project)
    refuse_conflicts(plan, [instance for name in chosen for instance in wish.instances(name)])
    shared = shared_environment(options, wish, environment, plan)
    builder = ServiceBuilder(options.project, wish, plan, environment.values() | shared, shared, dependencies)
    stack = Stack(
        project=options.project,
        mode=wish.mode,
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
        _node_notes(wish.mode, environment),
    )


def _wish(options: StackOptions, files: ProjectFiles) -> Wish:
    """Return which services are wanted, how often, and with which settings."""
    return Wish(
        files.procfile.name,
        files.lines,
        files.choice.mode,
        files.settings,
        checked_scale(options.scale, files.lines, options.project),
        options.port_overrides,
    )


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
