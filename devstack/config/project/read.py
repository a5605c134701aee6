"""Reads every file of a project once: the `.env` layers, the Procfile of the chosen mode, devstack.toml."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NamedTuple

from devstack.config.environment.env_file import EnvFile, layer_names, read_env_file
from devstack.config.files import shown_path
from devstack.config.options import StackOptions
from devstack.config.procfile import ProcfileLine, read_procfile
from devstack.config.project.mode import ModeChoice, ProcfileChoice, choose_mode, choose_procfile
from devstack.config.settings.read import read_settings
from devstack.config.settings.types import Settings
from devstack.errors import ConfigError


class ProjectFiles(NamedTuple):
    """What the files say, read once: mode, `.env` layers (the one that wins first), Procfile, settings.

    `paths` are the absolute paths of all files that were read.
    """

    choice: ModeChoice
    layers: tuple[EnvFile, ...]
    procfile: ProcfileChoice
    lines: tuple[ProcfileLine, ...]
    settings: Settings
    paths: tuple[str, ...]


def read_project_files(options: StackOptions) -> ProjectFiles:
    """Read the files of the project, once each, and choose mode and Procfile on the way.

    Raises ConfigError for what is wrong in a file, UsageError for a mode that is not one.
    """
    choice, layers = mode_and_layers(options)
    procfile = choose_procfile(options.project, choice.mode, options.procfile)
    lines = read_procfile(procfile.path, procfile.name)
    settings = read_settings(options.project)
    if settings.services:
        from devstack.config.project.known_services import check_settings_names

        check_settings_names(settings, lines, options.project)
    read = (*(file.path for file in layers), procfile.path, settings.path)
    return ProjectFiles(choice, layers, procfile, lines, settings, tuple(path for path in read if path))


def mode_and_layers(options: StackOptions) -> tuple[ModeChoice, tuple[EnvFile, ...]]:
    """Return the mode, and the `.env` layers that are there, the one that wins first.

    `.env` is read first: the mode may stand in it, and decides which other layers there are.
    """
    if options.env_file is not None:
        given = (_explicit_env_file(options.env_file, options.project),)
        return choose_mode(options.mode, options.environ, given), given
    plain = _layers(options.project, (".env",))
    choice = choose_mode(options.mode, options.environ, plain)
    above = _layers(options.project, layer_names(choice.mode)[:-1])
    return choice, (*above, *plain)


def _layers(project: str, names: Iterable[str]) -> tuple[EnvFile, ...]:
    found = (read_env_file(os.path.join(project, name), name) for name in names)
    return tuple(file for file in found if file is not None)


def _explicit_env_file(env_file: str, project: str) -> EnvFile:
    path = os.path.normpath(os.path.join(project, env_file))
    name = shown_path(path, project)
    file = read_env_file(path, name)
    if file is None:
        raise ConfigError("there is no such file", source=name, hint="--env-file names a file to read")
    return file
