"""Reads a Procfile with honcho's line syntax, and makes visible what honcho drops in silence."""

from __future__ import annotations

from typing import NamedTuple

from devstack.config.files import read_bytes, shown_text, whole_lines
from devstack.errors import ConfigError

EXAMPLE = "expected `name: command`, for example `web: npm run dev`"


class ProcfileLine(NamedTuple):
    """One service of a Procfile: its name, its command, and its line, counted from 1."""

    name: str
    command: str
    line: int


def read_procfile(path: str, name: str = "") -> tuple[ProcfileLine, ...]:
    """Return the services of the Procfile at `path` in their order.

    Any bytes are read (those that are not UTF-8 reach the command as they are). ConfigError with the line
    of a duplicate name and of a line that is no service, no comment and not blank; ConfigError too for a
    file that is not there or has no service. `name` is what the messages call the file.
    """
    name = name or path
    data = read_bytes(path, name)
    if data is None:
        raise ConfigError("there is no such file", source=name, hint=EXAMPLE)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ConfigError("is UTF-16", source=name, line=1, hint="save the file as UTF-8")
    return parse_procfile(data.decode("utf-8", "surrogateescape"), name)


def parse_procfile(text: str, name: str) -> tuple[ProcfileLine, ...]:
    """Return the services of a Procfile's text; messages call it `name`. ConfigError as `read_procfile`."""
    found: dict[str, ProcfileLine] = {}
    for service in _services(whole_lines(text).split("\n"), name):
        first = found.setdefault(service.name, service)
        if first is not service:
            raise ConfigError(
                f"a second service “{service.name}”; the first is in line {first.line}",
                source=name,
                line=service.line,
                hint="give one of them another name",
            )
    if not found:
        raise ConfigError("there is no service in this file", source=name, hint=EXAMPLE)
    return tuple(found.values())


def service_names(path: str, name: str) -> frozenset[str]:
    """Return the names of the services in a Procfile, whatever else is wrong with it."""
    from honcho.environ import PROCFILE_LINE

    data = read_bytes(path, name) or b""
    lines = whole_lines(data.decode("utf-8", "surrogateescape")).split("\n")
    return frozenset(match.group(1) for match in map(PROCFILE_LINE.match, lines) if match)


def _services(lines: list[str], name: str) -> list[ProcfileLine]:
    from honcho.environ import PROCFILE_LINE

    services: list[ProcfileLine] = []
    for number, text in enumerate(lines, 1):
        if not text.strip() or text.lstrip().startswith("#"):
            continue
        if services and services[-1].line == number - 1 and _is_continued(services[-1].command):
            raise _continuation(name, number)
        match = PROCFILE_LINE.match(text)
        if match is None or not match.group(2).strip() or "\0" in text:
            raise ConfigError(_reason(text), source=name, line=number, hint=EXAMPLE)
        services.append(ProcfileLine(match.group(1), match.group(2), number))
    return services


def _is_continued(command: str) -> bool:
    stripped = command.rstrip()
    return (len(stripped) - len(stripped.rstrip("\\"))) % 2 == 1


def _continuation(name: str, number: int) -> ConfigError:
    return ConfigError(
        f"line {number - 1} ends with a backslash, and a Procfile has no continuation lines",
        source=name,
        line=number,
        hint="put the whole command on one line, or into a script that the line runs",
    )


def _reason(text: str) -> str:
    """Return in words what keeps `text` from being a service."""
    shown = shown_text(text)
    before, colon, after = text.partition(":")
    if "\0" in text:
        return "there is a NUL byte in this line"
    if not colon:
        return f"this line names no service: {shown}"
    if not after.strip():
        return f"the service “{shown_text(before)}” has no command"
    if before != before.rstrip() and before.strip():
        return f"there is a blank before the colon: {shown}"
    if before != before.lstrip():
        return f"there is a blank before the service's name: {shown}"
    return f"“{shown_text(before)}” is no name for a service (letters, digits, - and _): {shown}"
