"""Loads what `devstack init` proposes as `up` would, before anything is written."""

from __future__ import annotations

import os

from devstack.config.environment.env_file import EnvFile, parse_env_file, read_env_file
from devstack.config.environment.resolve import ResolvedEnvironment, resolve
from devstack.config.options import StackOptions
from devstack.config.procfile import parse_procfile
from devstack.config.project.mode import ModeChoice, ProcfileChoice
from devstack.config.project.read import ProjectFiles, mode_and_layers
from devstack.config.proposal.proposed import Proposal
from devstack.config.settings.rules import parse_settings
from devstack.config.settings.types import FILE_NAME, NO_SETTINGS
from devstack.config.stack import LoadedStack, load_stack
from devstack.errors import ConfigError

MODES = ("dev", "prod")
_EXAMPLES = (".env.example", ".env.sample", ".env.template")


def known_environment(options: StackOptions) -> dict[str, str]:
    """Return what the shell and the `.env` files set; without a `.env`, what the documented one would."""
    _, layers = mode_and_layers(options)
    return _resolved(options, layers).values()


def _resolved(options: StackOptions, layers: tuple[EnvFile, ...]) -> ResolvedEnvironment:
    documented = _documented(options.project, layers)
    return resolve(options.environ, (*layers, *documented))


def _documented(project: str, layers: tuple[EnvFile, ...]) -> tuple[EnvFile, ...]:
    if any(file.name == ".env" for file in layers):
        return ()
    found = (read_env_file(os.path.join(project, name), name) for name in _EXAMPLES)
    return tuple(file for file in found if file is not None)[:1]


def load_proposed(options: StackOptions, proposal: Proposal) -> LoadedStack:
    """Return the stack that the proposed files and the project's `.env` describe in the mode of `options`.

    ConfigError for what `up` would refuse.
    """
    choice, layers = mode_and_layers(options)
    return load_stack(options, _project_files(options.project, choice, layers, proposal))


def _project_files(
    project: str, choice: ModeChoice, layers: tuple[EnvFile, ...], proposal: Proposal
) -> ProjectFiles:
    name = f"Procfile.{choice.mode}"
    path = os.path.join(project, name)
    text = proposal.text(FILE_NAME)
    settings = parse_settings(text, os.path.join(project, FILE_NAME)) if text is not None else NO_SETTINGS
    lines = parse_procfile(proposal.text(name) or "", name)
    return ProjectFiles(choice, layers, ProcfileChoice(path, name, "proposed"), lines, settings, ())


def check_proposal(options: StackOptions, proposal: Proposal) -> tuple[str, ...]:
    """Return a note for each mode that `up` would refuse, with what it would say.

    Without a `.env` the proposed example is tried as one too: it is there to be copied.
    """
    notes: list[str] = []
    for mode in MODES:
        if proposal.text(f"Procfile.{mode}") is None:
            continue
        wanted = options._replace(mode=mode)
        choice, layers = mode_and_layers(wanted)
        trials = [("", layers)]
        example = proposal.text(".env.example")
        if example is not None and not any(file.name == ".env" for file in layers):
            copied = parse_env_file(example, os.path.join(options.project, ".env"), ".env.example")
            trials.append((" with .env.example as .env", (*layers, copied)))
        for words, tried in trials:
            try:
                load_stack(wanted, _project_files(options.project, choice, tried, proposal))
            except ConfigError as error:
                place = f"{error.location}: " if error.location else ""
                notes.append(f"`devstack up --mode {mode}` refuses this{words}: {place}{error.message}")
                break
    return tuple(notes)
