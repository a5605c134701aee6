"""What programs of this machine say when they are asked: versions, and how Node reads a `.env` file."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess

PATIENCE = 5.0
_VERSION = re.compile(r"\d+(?:\.\d+)+\S*")
_PARSE_ENV = (
    "let text = ''; process.stdin.on('data', (data) => (text += data)).on('end', () => "
    "console.log(JSON.stringify(require('node:util').parseEnv(text))))"
)


def tool_version(tool: str) -> str | None:
    """Return what `tool --version` says, its number alone; None where there is no such program."""
    said = _ask([tool, "--version"], "")
    match = _VERSION.search(said) if said is not None else None
    return match[0] if match else None


def read_env_with_node(text: str) -> dict[str, str] | None:
    """Return what Node's own parser (`util.parseEnv`) makes of a file.

    None where there is no Node, where it is older than 20.12, or where its parser fails on the text.
    """
    said = _ask(["node", "-e", _PARSE_ENV], text)
    if not said:
        return None
    values = json.loads(said)
    return {name: value for name, value in values.items() if isinstance(value, str)}


def _ask(command: list[str], text: str) -> str | None:
    """Return what a program prints, or None where it is missing, fails or takes too long."""
    program = shutil.which(command[0])
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, *command[1:]],
            input=text,
            capture_output=True,
            check=True,
            encoding="utf-8",
            errors="replace",
            timeout=PATIENCE,
            cwd=os.path.dirname(program),  # not in a project, whose own settings a tool might follow
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
