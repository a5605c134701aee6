"""load_stack(): files and options in, a complete and resolved Stack out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from devstack.config.environment.resolve import ResolvedEnvironment, resolve
from devstack.config.options import StackOptions
from devstack.config.ports.plan import plan_ports
from devstack.config.project.mode import NODE_WORDS
from devstack.config.project.read import ProjectFiles, read_project_files
from devstack.config.selection import Selection, select_services
from devstack.config.services.build import build_services, shared_environment
from devstack.config.settings.types import Settings
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
    selection = select_services(options, files)
    planned = resolve(options.environ, files.layers)
    environment = _with_moved_ports(options, files, selection, planned)
    plan = plan_ports(selection, environment, planned, options.port_overrides)
    shared = shared_environment(options, selection, environment, plan)
    services = build_services(options, selection, environment, plan, shared)
    stack = Stack(
        project=options.project,
        mode=selection.mode,
        procfile=selection.procfile,
        services=services,
        environment=environment.values(),
        files=files.paths,
    )
    notes = (
        *_node_notes(selection.mode, environment),
        *(ports.note for ports in plan.values() if ports.note),
    )
    return LoadedStack(stack, files.choice.reason, files.procfile.reason, environment, shared, files, notes)


def _with_moved_ports(
    options: StackOptions, files: ProjectFiles, selection: Selection, planned: ResolvedEnvironment
) -> ResolvedEnvironment:
    """Resolve again with the moved ports, so that a `${PORT}` in a file follows."""
    if not options.port_overrides:
        return planned
    from devstack.config.ports.moved import moved_variables

    moved = moved_variables(options.port_overrides, selection, planned)
    return resolve(options.environ, files.layers, moved) if moved else planned


def _node_notes(mode: str, environment: ResolvedEnvironment) -> tuple[str, ...]:
    """Return a word about a NODE_ENV that says another mode than the one that runs."""
    node = environment.get("NODE_ENV")
    words = NODE_WORDS.values()
    if node is None or mode not in NODE_WORDS or node.value not in words or node.value == NODE_WORDS[mode]:
        return ()
    return (f"services get NODE_ENV={node.value} from {node.location}, though the mode is {mode}",)
