"""Which mode, and which Procfile, and why."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from devstack.config.environment.env_file import EnvFile
from devstack.config.environment.resolve import resolve
from devstack.config.files import shown_path
from devstack.config.project.locate import procfile_names
from devstack.errors import ConfigError, UsageError

DEV, PROD = "dev", "prod"
_MARKS = str.maketrans("-_.", "aaa")
NODE_WORDS = {DEV: "development", PROD: "production"}
"""What NODE_ENV calls a mode."""


class ModeChoice(NamedTuple):
    mode: str
    reason: str


class ProcfileChoice(NamedTuple):
    """The Procfile to read: its absolute path, the name to show, and why this one."""

    path: str
    name: str
    reason: str


def choose_mode(option: str | None, shell: Mapping[str, str], plain: Sequence[EnvFile]) -> ModeChoice:
    """Return the mode: `option` (--mode), else DEVSTACK_MODE, else NODE_ENV, else dev.

    `plain` is `.env` alone, where there is one: the mode decides which other layers there are, so none of
    them can decide the mode.
    """
    if option is not None:
        if not is_mode_name(option):
            raise UsageError(
                f"--mode {option!r} is no name for a mode", hint="dev, prod, or the X of a Procfile.X"
            )
        return ModeChoice(option, "--mode")
    environment = resolve(shell, plain)
    variable = environment.get("DEVSTACK_MODE")
    if variable is not None and variable.value:
        if not is_mode_name(variable.value):
            raise ConfigError(
                f"DEVSTACK_MODE={variable.value!r} is no name for a mode",
                source=variable.source,
                line=variable.line,
                hint="dev, prod, or the X of a Procfile.X",
            )
        return ModeChoice(variable.value, f"DEVSTACK_MODE from {variable.location}")
    node = environment.get("NODE_ENV")
    for mode, word in NODE_WORDS.items():
        if node is not None and node.value == word:
            return ModeChoice(mode, f"NODE_ENV={word} from {node.location}")
    return ModeChoice(DEV, "the default")


def is_mode_name(mode: str) -> bool:
    """Say whether `mode` can be one: letters, digits, `-`, `_`, and dots but for the first."""
    return mode.isascii() and not mode.startswith(".") and mode.translate(_MARKS).isalnum()


def choose_procfile(project: str, mode: str, explicit: str | None) -> ProcfileChoice:
    """Return the Procfile of `mode`: `explicit` (-f), else `Procfile.<mode>`, else `Procfile`.

    ConfigError that names both and every other `Procfile.*` with its mode where there is none.
    """
    if explicit is not None:
        path = os.path.normpath(os.path.join(project, explicit))
        name = shown_path(path, project)
        if not os.path.exists(path) or os.path.isdir(path):
            missing = "this is a folder" if os.path.isdir(path) else "there is no such file"
            raise ConfigError(missing, source=name, hint="-f names a Procfile to read")
        return ProcfileChoice(path, name, "-f")
    wanted = f"Procfile.{mode}"
    if os.path.isfile(os.path.join(project, wanted)):
        return ProcfileChoice(os.path.join(project, wanted), wanted, f"for mode {mode}")
    if os.path.isfile(os.path.join(project, "Procfile")):
        plain = os.path.join(project, "Procfile")
        return ProcfileChoice(plain, "Procfile", f"no {wanted} here, so Procfile")
    raise _no_procfile(project, mode)


def _no_procfile(project: str, mode: str) -> ConfigError:
    modes = [name.partition(".")[2] for name in procfile_names(project)]
    others = "\n".join(
        f"Procfile.{mode} is here: --mode {mode} reads it" for mode in modes if is_mode_name(mode)
    )
    example = (
        f"write Procfile.{mode} with a line such as `web: npm run dev`, or let `devstack init` propose one"
    )
    return ConfigError(
        f"no Procfile.{mode} and no Procfile in {project}", hint=f"{others}\n{example}" if others else example
    )


def node_environment(mode: str, environment: Mapping[str, str]) -> str | None:
    """Return the NODE_ENV that services get for `mode`; None where it is set already or Node has no word."""
    return None if "NODE_ENV" in environment else NODE_WORDS.get(mode)
