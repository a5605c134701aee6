"""What the command line and the shell say about a stack."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class StackOptions(NamedTuple):
    """What the command line and the shell say. Paths are absolute or relative to the project's folder.

    `environ` is the shell's environment. `services` empty: all. `scale` is service → instances.
    `port_overrides` is (instance, variable) → port, for claims that devstack has moved. `tool_folder` is
    appended to PATH. `exit_code_from` is the service with which the stack is to end.
    """

    project: str
    environ: Mapping[str, str]
    mode: str | None = None
    procfile: str | None = None
    env_file: str | None = None
    services: tuple[str, ...] = ()
    scale: Mapping[str, int] = MappingProxyType({})
    port_overrides: Mapping[tuple[str, str], int] = MappingProxyType({})
    tool_folder: str | None = None
    exit_code_from: str | None = None
