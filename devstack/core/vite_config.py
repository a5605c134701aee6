"""What a `vite.config` says, as far as it says it literally."""

from __future__ import annotations

import re
from dataclasses import dataclass

from devstack.core.javascript import Setting, read_settings

_CONFIG_OPTION = re.compile(r"(?:^|\s)(?:--config|-c)[\s=]+([^\s'\"]+)")
NAMES = tuple(f"vite.config.{ending}" for ending in ("ts", "mts", "cts", "js", "mjs", "cjs"))
"""The files that Vite looks for; one folder has one of them."""


@dataclass(frozen=True, slots=True)
class ViteConfig:
    """The literal settings of one file; `name` is the file's name, for people."""

    name: str
    settings: tuple[Setting, ...]

    def get(self, *path: str) -> Setting | None:
        return next((one for one in self.settings if one.path == path), None)

    def has(self, *path: str) -> bool:
        """Say whether the file sets `path`, or anything below it."""
        return any(one.path[: len(path)] == path for one in self.settings)

    def prefixes(self) -> tuple[str, ...]:
        """Return the prefixes of the variables that reach the page."""
        prefix = self.get("envPrefix")
        return (prefix.value,) if prefix is not None and isinstance(prefix.value, str) else ("VITE_",)


def config_option(command: str) -> str:
    """Return the file that a Vite command names with `--config` or `-c`, or nothing."""
    match = _CONFIG_OPTION.search(command)
    return match[1] if match else ""


def parse_vite_config(name: str, source: str) -> ViteConfig:
    """Return the literal settings of the file `name`, whose text is `source`."""
    return ViteConfig(name, read_settings(source))
