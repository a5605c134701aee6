"""Reads devstack.toml, where there is one."""

from __future__ import annotations

import os

from devstack.config.files import read_text
from devstack.config.settings import FILE_NAME, Settings


def read_settings(project: str) -> Settings | None:
    """Read `devstack.toml` in the folder `project`; None where there is none.

    ConfigError with the line for what is no TOML, no known key, or no value that fits.
    """
    path = os.path.join(project, FILE_NAME)
    text = read_text(path, FILE_NAME)
    if text is None:
        return None
    from devstack.config.settings_rules import parse_settings

    return parse_settings(text, path)
