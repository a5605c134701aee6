"""`devstack env`: the resolved environment, and where each value comes from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from devstack.cli.options import (
    EnvFileOption,
    JsonOption,
    ModeOption,
    NoColorOption,
    ProcfileOption,
    ProjectOption,
    VersionOption,
    globals_of,
)
from devstack.cli.project import stack_options

if TYPE_CHECKING:
    from devstack.config.stack import LoadedStack
    from devstack.console.environment import EnvironmentRow
    from devstack.core.service import Service


def env(
    ctx: typer.Context,
    mode: ModeOption = None,
    json: JsonOption = False,
    procfile: ProcfileOption = None,
    env_file: EnvFileOption = None,
    project: ProjectOption = None,
    no_color: NoColorOption = False,
    version: VersionOption = False,
) -> None:
    """Show what the files and devstack set for the services, and where each value comes from.

    Secrets are masked. Of the shell's variables those are shown that replace a file's.
    """
    from devstack.config.stack import load_stack
    from devstack.console.environment import show_environment, show_environment_json

    loaded = load_stack(stack_options(ctx, mode=mode, procfile=procfile, env_file=env_file))
    rows = (
        *_shared_rows(loaded),
        *(row for each in loaded.stack.services for row in _own_rows(loaded, each)),
    )
    if json:
        stack = loaded.stack
        facts = {"mode": stack.mode, "mode_reason": loaded.mode_reason, "project": stack.project}
        show_environment_json({**facts, "procfile": stack.procfile}, rows)
    else:
        show_environment(_summary(loaded), rows, no_color=globals_of(ctx).no_color)


def _summary(loaded: LoadedStack) -> str:
    return (
        f"mode {loaded.stack.mode} ({loaded.mode_reason}), {loaded.stack.procfile} in {loaded.stack.project}"
    )


def _shared_rows(loaded: LoadedStack) -> Iterator[EnvironmentRow]:
    """Yield what every service gets from a file, from devstack, or from the shell instead of a file."""
    from devstack.config.environment import DEVSTACK, SHELL

    for variable in loaded.environment.variables.values():
        if variable.name not in loaded.shared and (variable.source != SHELL or variable.hides):
            yield _row(variable.name, variable.value, variable.source, variable.line, hides=variable.hides)
    for name, value in loaded.shared.items():
        replaced = loaded.environment.get(name)
        hides = (replaced.location, *replaced.hides) if replaced else ()
        yield _row(name, value, DEVSTACK, hides=hides)


def _own_rows(loaded: LoadedStack, service: Service) -> Iterator[EnvironmentRow]:
    """Yield what `service` gets beside that: its own settings, its own ports, its name."""
    from devstack.config.environment import DEVSTACK

    settings = loaded.settings.service(service.base)
    for name, value in service.env.items():
        if loaded.shared.get(name) == value:
            continue
        if settings.env.get(name) == value:
            yield _row(name, value, loaded.settings.name, settings.lines[f"env.{name}"], service=service.name)
        else:
            yield _row(name, value, DEVSTACK, service=service.name)


def _row(
    name: str,
    value: str,
    source: str,
    line: int | None = None,
    *,
    service: str | None = None,
    hides: tuple[str, ...] = (),
) -> EnvironmentRow:
    from devstack.config.secrets import is_secret, masked
    from devstack.console.environment import EnvironmentRow

    secret = is_secret(name, value)
    return EnvironmentRow(name, masked(value) if secret else value, source, line, secret, service, hides)
