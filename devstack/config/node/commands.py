"""What a package.json's script really runs: several commands at once, another script, another folder."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

SEVERAL_AT_ONCE = ("concurrently", "conc", "npm-run-all", "npm-run-all2", "run-p", "npm-run-all-p")
NAMES_OPTIONS = ("-n", "--names")
OPTIONS_WITH_VALUE = (
    *NAMES_OPTIONS,
    *("-c", "--prefix-colors", "-p", "--prefix", "-l", "--prefix-length", "-t", "--timestamp-format"),
    *("-m", "--max-processes", "-s", "--success", "--restart-tries", "--restart-after", "--kill-signal"),
    *("--default-input-target", "--hide", "--name-separator", "--max-parallel"),
)
RUNNERS = ("npm", "yarn", "pnpm", "bun")
FOLDER_OPTIONS = ("--prefix", "-C", "--cwd", "--dir")
WORKSPACE_OPTIONS = ("--workspace", "-w", "--filter", "-F")
RUNNERS_OWN = frozenset(
    {"install", "i", "ci", "exec", "x", "dlx", "build", "test", "add", "workspace", "workspaces"}
)
_CHANGED_FOLDER = re.compile(r"^cd\s+(?P<folder>[^\s&;|]+)\s*&&\s*(?P<rest>.+)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Called:
    """A call of a package.json script; `folder` "" is the same package's, `is_workspace` names a package."""

    script: str
    folder: str = ""
    is_workspace: bool = False


def several_commands(text: str) -> list[tuple[str, str]] | None:
    """Return (name, command) of each command that `text` starts at once; None where it is a single one.

    The name is empty where none is given. Understood are concurrently and npm-run-all.
    """
    words = words_of(text)
    while words and (words[0] in ("npx", "cross-env") or "=" in words[0]):
        words = words[1:]
    if not words or words[0] not in SEVERAL_AT_ONCE:
        return None
    is_npm_run_all = not words[0].startswith("conc")
    names: list[str] = []
    commands: list[str] = []
    rest = iter(words[1:])
    for word in rest:
        option, equals, value = word.partition("=")
        if option in NAMES_OPTIONS and not is_npm_run_all:
            names = (value if equals else next(rest, "")).split(",")
        elif word in OPTIONS_WITH_VALUE and not is_npm_run_all:
            next(rest, None)
        elif not word.startswith("-"):
            commands.append(f"npm:{word}" if is_npm_run_all else word)
    names += [""] * (len(commands) - len(names))
    return list(zip(names, commands, strict=False)) if commands else None


def called_script(text: str) -> Called | None:
    """Return the script that `text` does nothing but call; None where it runs a program itself."""
    if text.startswith("npm:"):
        return Called(text.removeprefix("npm:").partition(" ")[0])
    words = words_of(text)
    if not words or words[0] not in RUNNERS:
        return None
    plain, folder, is_workspace = _without_folder(words[1:])
    if plain[:1] == ["run"] or plain[:1] == ["run-script"]:
        plain = plain[1:]
    if len(plain) != 1 or plain[0] in RUNNERS_OWN or plain[0].startswith("-"):
        return None
    return Called(plain[0], folder, is_workspace)


def changed_folder(text: str) -> tuple[str, str] | None:
    """Return (folder, command) of `cd folder && command`; None for anything else."""
    match = _CHANGED_FOLDER.match(text.strip())
    return (match["folder"].strip("'\""), match["rest"].strip()) if match else None


def _without_folder(words: list[str]) -> tuple[list[str], str, bool]:
    """Return a runner's words without the option that names a folder or a workspace, and that."""
    plain: list[str] = []
    folder, is_workspace = "", False
    rest = iter(words)
    for word in rest:
        option, equals, value = word.partition("=")
        if option in FOLDER_OPTIONS or option in WORKSPACE_OPTIONS:
            folder = value if equals else next(rest, "")
            is_workspace = option in WORKSPACE_OPTIONS
        elif word not in ("-s", "--silent", "--"):
            plain.append(word)
    return plain, folder, is_workspace


def words_of(text: str) -> list[str]:
    """Return the words of a command line."""
    try:
        return shlex.split(text)
    except ValueError:  # written for another shell
        return text.split()
