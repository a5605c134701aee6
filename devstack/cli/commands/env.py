"""`devstack env`: the resolved environment, and where each value comes from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from devstack.cli.arguments.requests import StackRequest
from devstack.cli.arguments.stack_options import options_of

if TYPE_CHECKING:
    from devstack.config.stack import LoadedStack
    from devstack.console.environment import EnvironmentRow
    from devstack.core.service import Service


def run(request: StackRequest) -> None:
    """Show every variable that is set, and where it comes from."""
    from devstack.config.stack import load_stack
    from devstack.console.environment import show_environment, show_environment_json

    loaded = load_stack(options_of(request))
    stack = loaded.stack
    rows = [*_shared_rows(loaded), *(row for service in stack.services for row in _own_rows(loaded, service))]
    masked = _without_secrets(rows)
    if request.json:
        facts = {"mode": stack.mode, "mode_reason": loaded.mode_reason, "project": stack.project}
        show_environment_json({**facts, "procfile": stack.procfile}, masked)
    else:
        summary = f"mode {stack.mode} ({loaded.mode_reason}), {stack.procfile} in {stack.project}"
        show_environment(summary, masked, no_color=request.no_color)


def _shared_rows(loaded: LoadedStack) -> Iterator[EnvironmentRow]:
    """Yield what every service gets from a file, from devstack, or from the shell instead of a file."""
    from devstack.config.environment.resolve import DEVSTACK, SHELL
    from devstack.console.environment import EnvironmentRow

    for name, value, source, line, hides in loaded.environment.variables.values():
        if name not in loaded.shared and (source != SHELL or hides):
            yield EnvironmentRow(name, value, source, line, hides=hides)
    for name, value in loaded.shared.items():
        replaced = loaded.environment.get(name)
        hides = (replaced.location, *replaced.hides) if replaced else ()
        yield EnvironmentRow(name, value, DEVSTACK, hides=hides)


def _own_rows(loaded: LoadedStack, service: Service) -> Iterator[EnvironmentRow]:
    """Yield what `service` gets beside that: its own settings, its own ports, its name."""
    from devstack.config.environment.resolve import DEVSTACK
    from devstack.console.environment import EnvironmentRow

    settings = loaded.settings.service(service.base)
    for name, value in service.env.items():
        if loaded.shared.get(name) == value:
            continue
        if settings.env.get(name) == value:
            source, line = loaded.settings.name, settings.lines[f"env.{name}"]
        else:
            source, line = DEVSTACK, None
        yield EnvironmentRow(name, value, source, line, service=service.name)


def _without_secrets(rows: Sequence[EnvironmentRow]) -> list[EnvironmentRow]:
    """Return `rows` with every secret masked, also where another variable repeats it."""
    from devstack.config.environment.resolve import DEVSTACK
    from devstack.config.environment.secrets import holds_secret, is_secret, masked

    secrets = {row.value for row in rows if is_secret(row.name, row.value)}
    return [
        row._replace(value=masked(row.value), secret=True)
        if is_secret(row.name, row.value) or (row.source != DEVSTACK and holds_secret(row.value, secrets))
        else row
        for row in rows
    ]
