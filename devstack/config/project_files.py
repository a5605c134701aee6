"""Reads every file of a project once: the `.env` layers, the Procfile of the chosen mode, devstack.toml."""

from __future__ import annotations

import os
from typing import NamedTuple

from devstack.config.choice import check_settings_names
from devstack.config.environment import EnvFile, layer_names, read_env_file, resolve
from devstack.config.files import shown_path
from devstack.config.mode import ModeChoice, ProcfileChoice, choose_mode, choose_procfile
from devstack.config.options import StackOptions
from devstack.config.procfile import ProcfileLine, read_procfile
from devstack.config.settings import Settings
from devstack.config.settings_file import read_settings
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
    """Read the files of the project, once each, and choose mode and Procfile.

    Raises ConfigError for what is wrong in a file, UsageError for a mode that is not one.
    """
    choice, layers, read = mode_and_layers(options)
    procfile = choose_procfile(options.project, choice.mode, options.procfile)
    lines = read_procfile(procfile.path, procfile.name)
    settings = read_settings(options.project)
    if settings is not None:
        check_settings_names(settings, lines, options.project)
    paths = (*read, procfile.path, *((settings.path,) if settings else ()))
    return ProjectFiles(choice, layers, procfile, lines, settings or Settings(), paths)


def mode_and_layers(options: StackOptions) -> tuple[ModeChoice, tuple[EnvFile, ...], tuple[str, ...]]:
    """Return the mode, the `.env` layers that are there (the one that wins first), and their paths."""
    if options.env_file is not None:
        plain = _explicit_env_file(options)
        choice = choose_mode(options.mode, resolve(options.environ, (plain,)))
        return choice, (plain,), (plain.path,)
    found = _layer(options.project, ".env")
    choice = choose_mode(options.mode, resolve(options.environ, (found,) if found else ()))
    names = [name for name in layer_names(choice.mode) if name != ".env"]
    layers = tuple(file for file in (*(_layer(options.project, name) for name in names), found) if file)
    return choice, layers, tuple(file.path for file in layers)


def _layer(project: str, name: str) -> EnvFile | None:
    return read_env_file(os.path.join(project, name), name)


def _explicit_env_file(options: StackOptions) -> EnvFile:
    path = os.path.normpath(os.path.join(options.project, options.env_file or ""))
    name = shown_path(path, options.project)
    file = read_env_file(path, name)
    if file is None:
        raise ConfigError("there is no such file", source=name, hint="--env-file names a file to read")
    return file
