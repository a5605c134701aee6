"""The services of a docker-compose file, as far as devstack needs them: names, images and published ports.

Not a YAML parser: compose files are written in one way, mappings by indentation, and that way is read. What
is written otherwise is passed over.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field

from devstack.config.files import read_text

NAMES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
_KEY = re.compile(r"^(?P<indent> *)(?P<key>[\w.-]+|\"[^\"]+\"|'[^']+'):(?:\s+(?P<value>.*))?$")
_ITEM = re.compile(r"^ *- +(?P<value>.+)$")
_PORT = re.compile(r"^(?:[\d.]+:|\$\{[^}]*\}:)?(?P<host>\d+|\$\{\w+:-(?P<default>\d+)\}):\d+(?:/tcp)?$")


@dataclass(slots=True)
class ComposeService:
    """`image` is empty where it is built from a folder; `ports` are those of this machine."""

    name: str
    image: str = ""
    is_built: bool = False
    ports: list[int] = field(default_factory=list)


def read_compose_file(project: str) -> tuple[str, tuple[ComposeService, ...]]:
    """Return the file's name and its services; an empty name where there is no compose file."""
    for name in NAMES:
        text = read_text(os.path.join(project, name), name)
        if text is not None:
            return name, _services(text)
    return "", ()


def _services(text: str) -> tuple[ComposeService, ...]:
    services: list[ComposeService] = []
    path: list[tuple[int, str]] = []
    for line in text.splitlines():
        plain = re.sub(r"(^|\s)#.*$", "", line).rstrip()
        key, item = _KEY.match(plain), _ITEM.match(plain)
        if key is not None:
            indent = len(key["indent"])
            path = [one for one in path if one[0] < indent] + [(indent, key["key"].strip("\"'"))]
            _take(services, [name for _, name in path], (key["value"] or "").strip("\"' "))
        elif item is not None and len(path) >= 3 and path[0][1] == "services" and path[2][1] == "ports":
            match = _PORT.match(item["value"].strip("\"' "))
            if match and services:
                services[-1].ports.append(int(match["default"] or match["host"]))
    return tuple(services)


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
