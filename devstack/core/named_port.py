"""The port that a Procfile's command names beyond doubt, or the default of a server that it starts.

What is in doubt names nothing: a wrong port would refuse a start or wait in vain.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from devstack.core.ports import Protocol, is_port
from devstack.core.servers import SERVERS, Server

_DOUBTFUL = re.compile(r"[$`|<>*?(){}#\n\\]|(?<!&)&(?!&)")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_PORT = re.compile(r"(?:.*:)?(\d{1,5})$")
_PYTHON = re.compile(r"(?:.*/)?python(?:3(?:\.\d+)?)?$")

_IPV4 = re.compile(r"(?<![\d.])\d+\.\d+\.\d+\.\d+(?![\d.])")

OWN_ADDRESSES = ("127.0.0.1", "0.0.0.0")  # noqa: S104 - it is compared, nothing binds it
"""Addresses at which a claim is asked for; a server that listens on another one would never be ready."""

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

SETS_VARIABLES = ("export", "source", ".", "eval", "set")
"""Commands before the last one that may set the variables from which a server takes its port."""

CHANGES_FOLDER = ("cd", "pushd")

LISTENS_NOWHERE = frozenset(
    {"sidekiq", "celery", "resque", "rq", "rake", "sleep", "tsc", "sass", "esbuild", "tailwindcss", "rollup"}
)
"""Programs that listen on no port, whatever PORT says."""

Scripts = Callable[[str], str | None]
"""A script's name → its command, None where package.json has none of that name."""


class NamedPort(NamedTuple):
    """A port and where it comes from.

    `is_default`: it is the server's default; `reads_port`: which PORT replaces. In `files` and `variables`
    may be another.
    """

    port: int
    evidence: str
    protocol: Protocol
    reads_port: bool = False
    files: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    is_default: bool = False


def named_port(command: str, scripts: Scripts = lambda _: None) -> NamedPort | None:
    """Return the port that `command` names, None where that is in doubt.

    `scripts` finds package.json's scripts, which are followed one level down.
    """
    words = _last_command(command)
    if words is None:
        return None
    before = _first_words(command)
    is_ruby = ("bundle", "exec") in pairwise(words)
    given, words = _without_assignments(words)
    if is_ruby and words[:1] == ["vite"]:
        words[0] = "bin/vite"
    script = _script_of(words)
    if script is not None:
        text = None if _is_any(before, CHANGES_FOLDER) else scripts(script)
        inner = _last_command(text) if text is not None else None
        if text is None or inner is None:
            return _given(given, words)
        before += _first_words(text)
        more, words = _without_assignments(inner)
        given = {**given, **more}
    found = _of_server(words)
    if found is None or (found.reads_port and "PORT" in given):
        return _given(given, words)
    return None if found.is_default and _is_set_before(found, before, given) else found


def _first_words(command: str) -> list[str]:
    """Return the first word of each command before the last one."""
    return [part.split()[0] for part in re.split(r"&&|;", command)[:-1] if part.split()]


def _is_any(words: Sequence[str], names: Sequence[str]) -> bool:
    return any(word.lstrip("(") in names for word in words)


def _is_set_before(found: NamedPort, before: Sequence[str], given: Mapping[str, str]) -> bool:
    """Return True where the command itself may give the server another port than its default."""
    if any(name in given for name in found.variables) or (found.files and _is_any(before, CHANGES_FOLDER)):
        return True
    return _is_any(before, SETS_VARIABLES) or any(map(_ASSIGNMENT.match, before))


def _given(variables: Mapping[str, str], words: Sequence[str]) -> NamedPort | None:
    """Return what `PORT=3000` in front of a command says."""
    if any(_listens_nowhere(word) for word in words):
        return None
    number = _number(variables.get("PORT", ""))
    return NamedPort(number, f"PORT={number}", Protocol.HTTP) if number else None


def _listens_nowhere(word: str) -> bool:
    program = word.rpartition("/")[2]
    return program in LISTENS_NOWHERE or program.startswith(("build", "watch"))


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
    if any(_is_elsewhere(server, word) for word in rest):
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
        server.default, evidence, server.protocol, server.reads_port, server.files, server.variables, True
    )


def _server_of(words: Sequence[str]) -> tuple[Server, list[str]] | None:
    """Return the server that `words` start, and its arguments; the longest command that fits."""
    if not words:
        return None
    folder, _, program = words[0].rpartition("/")
    if folder.rpartition("/")[2] == "bin" and program == "vite":
        program = "bin/vite"  # vite_ruby's, with a port of its own
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
        elif short is not None:
            found.append((word, word[2:]))
        elif option in server.takes:
            if not equals and rest:
                rest.pop(0)
        elif server.argument and not word.startswith("-"):
            found.append((word, word))
    return found


def _may_be_file(word: str) -> bool:
    """Return True for an argument that may be a configuration file, which says another port."""
    option = word.partition("=")[0]
    return word.endswith((".conf", ".toml", ".ini", ".cfg", ".rb")) or option in ("-c", "-C", "--config")


def _is_elsewhere(server: Server, word: str) -> bool:
    """Return True where `word` makes the server listen on something else than a port of this host's own."""
    if any(address not in OWN_ADDRESSES for address in _IPV4.findall(word)):
        return True
    option = word.partition("=")[0]
    return option in server.elsewhere or (len(word) > 2 and word[1] != "-" and word[:2] in server.elsewhere)


def _number(text: str) -> int | None:
    """Return the port of `3000` or `127.0.0.1:3000`, None for anything else."""
    match = _PORT.match(text)
    number = int(match[1]) if match and "/" not in text else 0
    return number if is_port(number) else None
