"""The services of a docker-compose file, as far as devstack needs them: names, images and published ports.

Not a YAML parser: compose files are written in one way, mappings by indentation, and that way is read, with
the short and the long syntax of `ports`. What is written otherwise is passed over.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from devstack.config.files import read_text

NAMES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
_KEY = re.compile(r"^(?P<indent> *)(?P<key>[\w.-]+|\"[^\"]+\"|'[^']+'):(?:\s+(?P<value>.*))?$")
_ITEM = re.compile(r"^ *- +(?P<value>.+)$")
_PAIR = re.compile(r"^(?P<key>\w+):\s+(?P<value>.+)$")
# [IP:]HOST:CONTAINER[/PROTOCOL]; HOST and CONTAINER may be ranges.
_SHORT = re.compile(
    r"^(?:[\d.]+:|\[[0-9a-fA-F:]+\]:)?(?P<first>\d+)(?:-(?P<last>\d+))?:[^:/]+(?:/(?P<protocol>\w+))?$"
)
_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::?-(?P<default>[^}]*))?\}|\$(?P<plain>\w+)")
MOST_PORTS = 32  # of one range


@dataclass(slots=True)
class ComposeService:
    """`image` is empty where it is built from a folder; `ports` are those of this machine."""

    name: str
    image: str = ""
    is_built: bool = False
    ports: list[int] = field(default_factory=list)


def read_compose_file(
    project: str, variables: Mapping[str, str] | None = None
) -> tuple[str, tuple[ComposeService, ...]]:
    """Return the file's name and its services; an empty name where there is no compose file.

    `variables` are those of `.env`, which compose reads too.
    """
    for name in NAMES:
        text = read_text(os.path.join(project, name), name)
        if text is not None:
            return name, _services(_VARIABLE.sub(lambda found: _value(found, variables or {}), text))
    return "", ()


def _value(found: re.Match[str], variables: Mapping[str, str]) -> str:
    """Return what compose puts in place of a variable; one that nobody sets stays as it is written."""
    return variables.get(found["name"] or found["plain"]) or found["default"] or found[0]


def _services(text: str) -> tuple[ComposeService, ...]:
    services: list[ComposeService] = []
    long_forms: list[tuple[ComposeService, dict[str, str]]] = []
    path: list[tuple[int, str]] = []
    for line in text.splitlines():
        plain = re.sub(r"(^|\s)#.*$", "", line).rstrip()
        key, item = _KEY.match(plain), _ITEM.match(plain)
        if item is not None and _is_in_ports(path):
            services[-1].ports += _short_ports(item["value"])
            pair = _PAIR.match(item["value"])
            long_forms.append((services[-1], {pair["key"]: _unquoted(pair["value"])} if pair else {}))
        elif key is not None:
            indent, value = len(key["indent"]), _unquoted(key["value"] or "")
            path = [one for one in path if one[0] < indent] + [(indent, _unquoted(key["key"]))]
            if len(path) == 4 and _is_in_ports(path) and long_forms:
                long_forms[-1][1][path[3][1]] = value
            else:
                _take(services, [name for _, name in path], value)
    for service, entry in long_forms:
        service.ports += _long_ports(entry)
    return tuple(services)


def _is_in_ports(path: list[tuple[int, str]]) -> bool:
    names = [name for _, name in path]
    return len(names) >= 3 and (names[0], names[2]) == ("services", "ports")


def _long_ports(entry: Mapping[str, str]) -> list[int]:
    """Return this machine's TCP ports of one entry in long syntax."""
    protocol = entry.get("protocol", "tcp")
    return _short_ports(f"{entry.get('published')}:{entry.get('target')}/{protocol}")


def _unquoted(text: str) -> str:
    return text.strip("\"' ")


def _short_ports(text: str) -> list[int]:
    """Return this machine's TCP ports of one entry in short syntax; none where compose picks the number."""
    match = _SHORT.match(_unquoted(text))
    if match is None or (match["protocol"] or "tcp") != "tcp":
        return []
    first = int(match["first"])
    return list(range(first, int(match["last"] or first) + 1))[:MOST_PORTS]


def _take(services: list[ComposeService], path: list[str], value: str) -> None:
    """Take one `key: value` into the service it belongs to."""
    if path[0] != "services":
        return
    if len(path) == 2:
        services.append(ComposeService(path[1]))
    elif len(path) == 3 and path[2] == "image":
        services[-1].image = value
    elif len(path) == 3 and path[2] == "build":
        services[-1].is_built = True
    elif len(path) == 3 and path[2] == "ports" and value.startswith("["):
        services[-1].ports += [port for one in value.strip("[]").split(",") for port in _short_ports(one)]
