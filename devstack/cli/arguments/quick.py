"""Reads a well-formed command line without typer, whose import takes longer than a start of four services.

What is not understood beyond doubt is declined; typer then reads the line, and says what is wrong with it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from devstack.cli.arguments.declared import (
    COMMANDS,
    COUNT,
    FLAG,
    NO_COLOR,
    PROJECT,
    SECONDS,
    TEXTS,
    Command,
    Option,
    read_count,
    read_seconds,
)
from devstack.cli.streams import is_color_unwanted


class Call:
    """A command that was read, and what it is asked."""

    __slots__ = ("command", "request")

    def __init__(self, command: Command, request: Any) -> None:
        self.command, self.request = command, request


class _DeclinedError(Exception):
    """The line is typer's to read."""


def read_quickly(arguments: Sequence[str]) -> Call | None:
    """Return the command and request that `arguments` mean, None where typer has to read them."""
    try:
        return _read(list(arguments))
    except _DeclinedError:
        return None


def _read(arguments: list[str]) -> Call:
    arguments.reverse()  # taken from the end
    shared: dict[str, Any] = {}
    _take_options(arguments, {}, shared, [])
    if not arguments:
        raise _DeclinedError
    command = COMMANDS.get(arguments.pop())
    if command is None:
        raise _DeclinedError
    options = {flag: option for option in command.options for flag in option.flags}
    values: dict[str, Any] = {}
    services: list[str] = []
    while arguments:
        _take_options(arguments, options, shared, [values])
        if arguments:
            services.append(_plain(arguments.pop()))
    if command.services is not None:
        values["services"] = tuple(services)
    elif services:
        raise _DeclinedError
    project = shared.get(PROJECT.name)
    start = None if project is None else os.path.abspath(project)
    no_color = shared.get(NO_COLOR.name, False) or is_color_unwanted()
    return Call(command, command.make_request(start=start, no_color=no_color, **values))


_SHARED = {flag: option for option in (PROJECT, NO_COLOR) for flag in option.flags}


def _take_options(
    arguments: list[str], own: dict[str, Option], shared: dict[str, Any], values: list[dict[str, Any]]
) -> None:
    """Take the options at the end of `arguments` into `shared` and `values`, up to a word without a dash."""
    while arguments and arguments[-1].startswith("-"):
        flag, equals, text = arguments.pop().partition("=")
        option = own.get(flag) or _SHARED.get(flag)
        if option is None or (equals and not flag.startswith("--")):
            raise _DeclinedError
        target = shared if flag in _SHARED else values[0]
        if option.kind == FLAG:
            if equals:
                raise _DeclinedError
            target[option.name] = True
            continue
        if not equals:
            text = arguments.pop() if arguments else ""
        _put(target, option, _plain(text))


def _put(target: dict[str, Any], option: Option, text: str) -> None:
    if option.kind == TEXTS:
        target[option.name] = (*target.get(option.name, ()), text)
        return
    value: Any = text
    if option.kind == SECONDS:
        value = read_seconds(text)
    elif option.kind == COUNT:
        value = read_count(text)
    if value is None:
        raise _DeclinedError
    target[option.name] = value


def _plain(text: str) -> str:
    """Return a value or a name as it is. One that is empty or looks like an option is typer's to judge."""
    if not text or text.startswith("-"):
        raise _DeclinedError
    return text
