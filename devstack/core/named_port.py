"""The port that a Procfile's command names beyond doubt, or the default of a server that it starts.

What is in doubt names nothing: a wrong port would refuse a start or wait in vain.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from typing import NamedTuple

from devstack.core.ports import Protocol, is_port
from devstack.core.servers import SERVERS, Server

_DOUBTFUL = re.compile(r"[$`|<>*?(){}#\n\\]|(?<!&)&(?!&)")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_PORT = re.compile(r"(?:.*:)?(\d{1,5})$")
_PYTHON = re.compile(r"(?:.*/)?python(?:3(?:\.\d+)?)?$")

BEFORE_PROGRAM = (
    "exec",
    "env",
    "nohup",
    "time",
    "nice",
    "npx",
    "bunx",
    "cross-env",
    "dotenv",
    "nodemon",
    "--",
)
"""Words before a program that change nothing about its port."""

RUNS = (
    ("bundle", "exec"), ("uv", "run"), ("poetry", "run"), ("pipenv", "run"), ("pdm", "run"), ("rye", "run"),
    ("hatch", "run"), ("pnpm", "exec"), ("pnpm", "dlx"), ("yarn", "exec"), ("npm", "exec"), ("bun", "x"),
    ("tsx", "watch"),
)  # fmt: skip
"""Pairs of words before a program."""

RUNNERS = ("npm", "yarn", "pnpm", "bun")
"""What runs a script of package.json."""

Scripts = Callable[[str], str | None]
"""A script's name → its command, None where package.json has none of that name."""


class NamedPort(NamedTuple):
    """A port and where it comes from.

    `reads_port`: it is the server's default, which PORT replaces. In `files` and `variables` may be another.
    """

    port: int
    evidence: str
    protocol: Protocol
    reads_port: bool = False
    files: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()


def named_port(command: str, scripts: Scripts = lambda _: None) -> NamedPort | None:
    """Return the port that `command` names, None where that is in doubt.

    `scripts` finds package.json's scripts, which are followed one level down.
    """
    words = _last_command(command)
    if words is None:
        return None
    given, words = _without_assignments(words)
    script = _script_of(words)
    if script is not None:
        text = scripts(script)
        inner = _last_command(text) if text is not None else None
        if inner is None:
            return _given(given)
        more, words = _without_assignments(inner)
        given = {**given, **more}
    found = _of_server(words)
    if found is not None and (not found.reads_port or "PORT" not in given):
        return found
    return _given(given)


def _given(variables: dict[str, str]) -> NamedPort | None:
    """Return what `PORT=3000` in front of a command says."""
    number = _number(variables.get("PORT", ""))
    return NamedPort(number, f"PORT={number}", Protocol.HTTP) if number else None


def _last_command(command: str) -> list[str] | None:
    """Return the words of the last of several commands; None where only a shell could tell."""
    last = re.split(r"&&|;", command)[-1].strip()
    if not last or _DOUBTFUL.search(last):
        return None
    try:
        return shlex.split(last)
    except ValueError:
        return None


def _without_assignments(words: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Return the variables that are set in front of a command, and the command without what only runs it."""
    given: dict[str, str] = {}
    rest = list(words)
    while rest:
        if _ASSIGNMENT.match(rest[0]):
            name, _, value = rest.pop(0).partition("=")
            given[name] = value
        elif (count := _leading(rest)) > 0:
            del rest[:count]
        else:
            break
    return given, rest


def _leading(words: Sequence[str]) -> int:
    """Return how many of the first words only run the program behind them."""
    first, second = words[0], words[1] if len(words) > 1 else ""
    if first in BEFORE_PROGRAM:
        return 1
    if (first, second) in RUNS:
        return 2
    if first == "yarn" and _server_of(words[1:]) is not None:
        return 1  # yarn runs a program of node_modules/.bin like a script
    is_script = bool(second) and not second.startswith("-")
    if _PYTHON.match(first):
        return 2 if second == "-m" and len(words) > 2 else int(is_script)
    return int(is_script and first in ("ruby", "php", "node"))


def _script_of(words: Sequence[str]) -> str | None:
    """Return the package.json script that `words` do nothing but run, with no arguments of their own."""
    if len(words) == 3 and words[0] in RUNNERS and words[1] in ("run", "run-script"):
        return words[2]
    if len(words) == 2 and words[0] in RUNNERS and not words[1].startswith("-"):
        return words[1] if words[0] != "npm" or words[1] in ("start", "test") else None
    return None


def _of_server(words: Sequence[str]) -> NamedPort | None:
    found = _server_of(words)
    if found is None:
        return None
    server, rest = found
    if server.is_alone and rest and not rest[0].startswith("-"):
        return None
    values = _port_words(server, rest)
    if len(values) == 1:
        evidence, value = values[0]
        number = _number(value)
        return NamedPort(number, evidence, server.protocol) if number else None
    if values or server.default is None or any(map(_may_be_file, rest)):
        return None
    evidence = f"default of {' '.join(server.command)}"
    return NamedPort(
        server.default, evidence, server.protocol, server.reads_port, server.files, server.variables
    )


def _server_of(words: Sequence[str]) -> tuple[Server, list[str]] | None:
    """Return the server that `words` start, and its arguments; the longest command that fits."""
    if not words:
        return None
    program = words[0].rpartition("/")[2]
    named = [program, *words[1:]]
    fitting = [server for server in SERVERS if tuple(named[: len(server.command)]) == server.command]
    if not fitting:
        return None
    server = max(fitting, key=lambda one: len(one.command))
    used = len(server.command) - (1 if server.command[-1] in server.options else 0)
    return server, list(named[used:])


def _port_words(server: Server, words: Sequence[str]) -> list[tuple[str, str]]:
    """Return (words, value) of everything that is to name a port, whether it does or not."""
    found = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        option, equals, value = word.partition("=")
        short = next((one for one in server.options if len(one) == 2 and word.startswith(one)), None)
        if option in server.options:
            value = value if equals else (rest.pop(0) if rest else "")
            found.append((f"{option} {value}", value))
        elif short is not None and word[2:].isdecimal():
            found.append((word, word[2:]))
        elif option in server.takes:
            if not equals and rest:
                rest.pop(0)
        elif server.argument and not word.startswith("-"):
            found.append((word, word))
    return found


def _may_be_file(word: str) -> bool:
    """Return True for an argument that may be a configuration file, which says another port."""
    return word.endswith((".conf", ".toml", ".ini", ".cfg", ".rb")) or word in ("-c", "--config")


def _number(text: str) -> int | None:
    """Return the port of `3000` or `127.0.0.1:3000`, None for anything else."""
    match = _PORT.match(text)
    number = int(match[1]) if match and "/" not in text else 0
    return number if is_port(number) else None
