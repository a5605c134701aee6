"""Gives the declared commands to typer: a function for each, with the signature that typer reads."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from inspect import Parameter, Signature
from typing import Annotated, Any

import typer

from devstack.cli.arguments.declared import COUNT, FLAG, SECONDS, TEXTS, Command, Option
from devstack.cli.arguments.options import (
    NoColorOption,
    ProjectOption,
    VersionOption,
    globals_of,
    seconds,
    typer_option,
    whole_number,
)

_TYPES: dict[str, Any] = {FLAG: bool, SECONDS: float, COUNT: int, TEXTS: list[str]}
_PARSERS: dict[str, Any] = {SECONDS: seconds, COUNT: whole_number}


def typer_function(command: Command) -> Callable[..., None]:
    """Return the function that typer calls for `command`."""

    def _call(ctx: typer.Context, **values: Any) -> None:
        for shared in ("project", "no_color", "version"):
            del values[shared]
        for name, value in values.items():
            if name == "services" or _is_list(command, name):
                values[name] = tuple(value or ())
        options = globals_of(ctx)
        request = command.make_request(start=options.project, no_color=options.no_color, **values)
        import_module(f"devstack.cli.commands.{command.module}").run(request)

    parameters = [Parameter("ctx", Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)]
    if command.services is not None:
        argument = typer.Argument(metavar="[SERVICE]...", help=command.services)
        parameters.append(_parameter("services", Annotated[list[str] | None, argument], None))
    parameters += [
        _parameter(option.name, Annotated[_type_of(option), _info(option)], option.default)
        for option in command.options
    ]
    parameters += [
        _parameter("project", ProjectOption, None),
        _parameter("no_color", NoColorOption, False),
        _parameter("version", VersionOption, False),
    ]
    _call.__doc__ = command.help
    _call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    _call.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return _call


def _parameter(name: str, annotation: Any, default: Any) -> Parameter:
    return Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, annotation=annotation, default=default)


def _is_list(command: Command, name: str) -> bool:
    return any(option.name == name and option.kind == TEXTS for option in command.options)


def _type_of(option: Option) -> Any:
    kind = _TYPES.get(option.kind, str)
    return kind if option.default is not None else kind | None


def _info(option: Option) -> Any:
    return typer_option(option, parser=_PARSERS.get(option.kind))
