"""Reads devstack.toml, where there is one."""

from __future__ import annotations

import os

from devstack.config.files import read_text
from devstack.config.settings.types import FILE_NAME, NO_SETTINGS, Settings


def read_settings(project: str) -> Settings:
    """Read `devstack.toml` in the folder `project`; without one, the settings that say nothing.

    ConfigError with the line for what is no TOML, no known key, or no value that fits.
    """
    path = os.path.join(project, FILE_NAME)
    text = read_text(path, FILE_NAME)
    if text is None:
        return NO_SETTINGS
    from devstack.config.settings.rules import parse_settings

    return parse_settings(text, path)
