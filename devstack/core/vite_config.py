"""What a `vite.config` says, as far as it says it literally."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from devstack.core.javascript import SPREAD, Setting, read_settings

_CONFIG_OPTION = re.compile(r"(?:^|\s)(?:--config|-c)[\s=]+([^\s'\"]+)")
_ROOT = re.compile(
    r"(?:^|[\s/])vite(?:\.js)?(?:\s+(?:dev|serve))?\s+(?!build\b|preview\b|optimize\b)([\w./@][^\s;&|<>]*)"
)
NAMES = tuple(f"vite.config.{ending}" for ending in ("js", "mjs", "ts", "cjs", "mts", "cts"))
"""The files that Vite looks for, in its order: a compiled .js that was left beside the .ts wins."""


@dataclass(frozen=True, slots=True)
class ViteConfig:
    """The literal settings of one file; `name` is the file's name, for people."""

    name: str
    settings: tuple[Setting, ...]

    def get(self, *path: str) -> Setting | None:
        """Return the setting at `path`; an unknown one where something else decides between several."""
        found = [one for one in self.settings if one.path == path]
        hidden = {one.path for one in self.settings if one.is_opaque}
        is_one_of_several = any(path[:length] in hidden for length in range(len(path)))
        if found and (is_one_of_several or len({(one.value, one.is_known) for one in found}) > 1):
            return replace(found[0], value=None, is_known=False, is_object=False)
        return next(iter(found), None)

    def may_set(self, *path: str) -> bool:
        """Say whether the file sets `path`, or might: by a spread, a computed object, another file."""
        hidden = {one.path for one in self.settings if one.is_opaque}
        above = [path[:length] for length in range(len(path))]
        return self.has(*path) or any(place in hidden or (*place, SPREAD) in hidden for place in above)

    def has(self, *path: str) -> bool:
        """Say whether the file sets `path`, or anything below it."""
        return any(one.path[: len(path)] == path for one in self.settings)

    def prefixes(self) -> tuple[str, ...]:
        """Return the prefixes of the variables that reach the page."""
        prefix = self.get("envPrefix")
        listed = tuple(str(one.value) for one in self.settings if one.path == ("envPrefix", "[]"))
        if listed:
            return listed
        return (prefix.value,) if prefix is not None and isinstance(prefix.value, str) else ("VITE_",)


def config_option(command: str) -> str:
    """Return the file that a Vite command names with `--config` or `-c`, or nothing."""
    match = _CONFIG_OPTION.search(command)
    return match[1] if match else ""


def root_argument(command: str) -> str:
    """Return the folder that a Vite command names as its root (`vite client`), or nothing."""
    match = _ROOT.search(command)
    return match[1] if match else ""


def parse_vite_config(name: str, source: str) -> ViteConfig:
    """Return the literal settings of the file `name`, whose text is `source`."""
    return ViteConfig(name, read_settings(source))
