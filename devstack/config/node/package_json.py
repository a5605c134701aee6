"""What a package.json says of a project: its scripts, what it depends on, and the Node that it wants."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from devstack.config.files import read_text, shown_path
from devstack.errors import ConfigError

NAME = "package.json"


@dataclass(frozen=True, slots=True)
class PackageJson:
    """`dependencies` are all kinds together, name → range. What has the wrong type is left out."""

    folder: str
    scripts: Mapping[str, str] = field(default_factory=dict)
    dependencies: Mapping[str, str] = field(default_factory=dict)
    node_range: str = ""
    main: str = ""
    has_workspaces: bool = False


def read_package_json(folder: str, project: str = "") -> PackageJson | None:
    """Return what package.json in `folder` says, or None without one. ConfigError: it is no JSON object."""
    path = os.path.join(folder, NAME)
    name = shown_path(path, project or folder)
    text = read_text(path, name)
    if text is None:
        return None
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"is not JSON: {error.msg}", source=name, line=error.lineno) from None
    except (ValueError, RecursionError):  # numbers beyond what int() takes, values nested beyond any use
        raise ConfigError("holds too long a number, or nests its values too deep", source=name) from None
    if not isinstance(data, dict):
        raise ConfigError("is not a JSON object", source=name, line=1)
    kinds = ("optionalDependencies", "devDependencies", "dependencies")
    dependencies = {key: value for kind in kinds for key, value in _texts(data.get(kind)).items()}
    engines, main = _texts(data.get("engines")), data.get("main")
    return PackageJson(
        folder,
        _texts(data.get("scripts")),
        dependencies,
        engines.get("node", ""),
        main if isinstance(main, str) else "",
        bool(data.get("workspaces")),
    )


def _texts(value: Any) -> dict[str, str]:
    """Return the entries of a JSON object whose values are texts, each as one line that can be printed."""
    entries = value.items() if isinstance(value, dict) else ()
    return {_line(key): _line(text) for key, text in entries if isinstance(text, str)}


def _line(text: str) -> str:
    # What JSON may hold and a Procfile may not: line breaks, NUL, halves of surrogate pairs.
    return "".join(one if one.isprintable() else " " for one in text)
