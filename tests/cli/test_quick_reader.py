"""Two readers of one command line: the quick one returns what typer would, or leaves the line to typer."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from devstack.cli.arguments import typer_commands
from devstack.cli.arguments.app import build_app
from devstack.cli.arguments.declared import COMMANDS
from devstack.cli.arguments.quick import read_quickly
from devstack.cli.arguments.requests import LogsRequest
from devstack.cli.arguments.up_request import UpRequest
from devstack.cli.arguments.words import named_command, with_help_behind

FLAGS = sorted(
    {flag for command in COMMANDS.values() for option in command.options for flag in option.flags}
    | {"-C", "--project", "--no-color", "--version", "--help", "-h", "--unknown", "-x", "--mod", "--"}
)
VALUES = (
    "dev",
    "prod",
    "web",
    "2",
    "5.5",
    "-1",
    "nan",
    "inf",
    "1e3",
    "",
    "a=b",
    "worker=2",
    "up",
    "ü",
    " ",
    "-",
)
words = st.one_of(
    st.sampled_from(FLAGS),
    st.sampled_from(VALUES),
    st.builds("{}={}".format, st.sampled_from(FLAGS), st.sampled_from(VALUES)),
    st.builds("{}{}".format, st.sampled_from(("-f", "-d", "-n", "-C")), st.sampled_from(VALUES)),
)
lines = st.builds(
    lambda before, command, behind: [*before, command, *behind],
    st.lists(words, max_size=2),
    st.sampled_from([*COMMANDS, "run", "nonsense"]),
    st.lists(words, max_size=6),
)


def read_by_typer(arguments: Sequence[str]) -> Any:
    """Return the request that typer makes of `arguments`, None where it refuses them or answers by itself."""
    asked: list[Any] = []

    class Module:
        run = asked.append

    with (
        patch.object(typer_commands, "import_module", lambda _: Module),
        contextlib.redirect_stdout(None),
        contextlib.redirect_stderr(None),
        contextlib.suppress(SystemExit, Exception),
    ):
        command = named_command(arguments)
        if command in COMMANDS:
            build_app(command)(args=with_help_behind(arguments), prog_name="devstack")
    return asked[0] if asked else None


@settings(max_examples=1500)
@given(lines)
@example(["up"])
@example(["-C", "/tmp", "up", "-d", "--mode=dev", "web", "--timeout", "5"])
@example(["up", "--scale", "a=1", "--scale", "b=2"])
@example(["logs", "-n", "5", "--tail=7", "web", "-f"])
@example(["--no-color", "status", "--json"])
def test_the_quick_reader_agrees_with_typer_or_declines(arguments: list[str]) -> None:
    call = read_quickly(arguments)
    if call is not None:
        assert call.request == read_by_typer(arguments)


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        ("up", UpRequest()),
        ("up -d", UpRequest(detach=True)),
        ("up -f Procfile.x web api", UpRequest(procfile="Procfile.x", services=("web", "api"))),
        ("up --mode prod --timeout=3", UpRequest(mode="prod", timeout=3.0)),
        ("up --scale worker=2 --exit-code-from web", UpRequest(scale=("worker=2",), exit_code_from="web")),
        ("logs -f web -n 5", LogsRequest(follow=True, services=("web",), lines=5)),
        ("logs --tail 5", LogsRequest(lines=5)),
    ],
)
def test_what_people_type_is_read_quickly(line: str, request_: Any) -> None:
    call = read_quickly(line.split())
    assert call is not None
    assert call.request == request_


@pytest.mark.parametrize("line", ["up", "up -d", "up -f none --mode dev web", "-C none up --timeout 5"])
def test_an_up_imports_neither_typer_nor_rich(line: str) -> None:
    assert imported_by(line) & {"typer", "rich", "asyncio", "psutil"} == set()


@pytest.mark.parametrize(
    "line", ["down", "down --timeout 3", "status --json", "logs -n 5", "check-ports -f none"]
)
def test_other_quick_lines_import_no_typer(line: str) -> None:
    assert "typer" not in imported_by(line)


def imported_by(line: str) -> set[str]:
    """Return the modules that `devstack LINE` has imported when it ends, in a folder without a project."""
    program = (
        "import sys; from devstack.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *line.split()],
        cwd=os.sep,
        env={**os.environ, "HOME": os.sep, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return set(done.stdout.splitlines()[-1].split())
