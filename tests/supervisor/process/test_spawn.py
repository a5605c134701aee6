"""How a service's command line becomes a process: by itself where it is plain, else through the shell."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from devstack.core.service import Service
from devstack.supervisor.process.spawn import spawn

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX shells")

WHO = "#!/bin/sh\necho $$ $0 $*\n"


def program(path: Path, text: str = WHO, mode: int = 0o755) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def run(
    command: str, folder: Path, environment: Mapping[str, str], tty: bool = False
) -> tuple[int, int, str]:
    """Run a service to its end; return its pid, its exit code and all that it said."""
    spawned = spawn(Service(name="one", command=command, cwd=str(folder), tty=tty), environment)
    said = bytearray()
    with open(spawned.output, "rb", buffering=0) as output, contextlib.suppress(OSError):  # a terminal's end
        while some := output.read(4096):
            said += some
    return spawned.id.pid, os.waitstatus_to_exitcode(os.waitpid(spawned.id.pid, 0)[1]), said.decode()


def test_a_plain_command_is_the_process_itself(tmp_path: Path) -> None:
    program(tmp_path / "who")
    pid, code, said = run("exec ./who --port=1 a", tmp_path, {})
    assert (code, said) == (0, f"{pid} ./who --port=1 a\n")


def test_its_program_is_looked_for_as_a_shell_does(tmp_path: Path) -> None:
    (tmp_path / "first" / "who").mkdir(parents=True)
    program(tmp_path / "second" / "who", mode=0o644)
    program(tmp_path / "who", "#!/bin/sh\necho $$ in the working folder\n")
    program(tmp_path / "last" / "who")
    path = f"{tmp_path}/first:{tmp_path}/second::{tmp_path}/last"
    pid, _, said = run("who", tmp_path, {"PATH": path})
    assert said == f"{pid} in the working folder\n"


def test_a_script_that_names_no_interpreter_is_the_shells(tmp_path: Path) -> None:
    program(tmp_path / "script", "echo run by a shell; exit 7\n")
    assert run("./script", tmp_path, {})[1:] == (7, "run by a shell\n")


def test_its_terminal_is_as_good_at_the_second_attempt(tmp_path: Path) -> None:
    program(tmp_path / "script", "test -t 1 || echo none; stty -a < /dev/tty\n")
    environment = {"PATH": os.defpath}
    _, code, said = run("./script", tmp_path, environment, tty=True)
    assert (code, said) == run("'./script'", tmp_path, environment, tty=True)[1:]
    assert "-opost" in said


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        ("nosuchcommand --flag", 127, "not found"),
        ("./nosuchfile", 127, "not found|No such file"),
        ("./folder", 126, "ermission|directory"),
        ("./lost", 127, "not found|No such file|bad interpreter"),
    ],
)
def test_what_cannot_be_run_ends_and_is_explained_as_by_the_shell(
    tmp_path: Path, command: str, code: int, words: str
) -> None:
    (tmp_path / "folder").mkdir()
    program(tmp_path / "lost", "#!/nosuch/interpreter\n")
    _, ended, said = run(command, tmp_path, {"PATH": os.defpath})
    assert ended == code
    assert any(word in said for word in words.split("|")), said


@pytest.mark.parametrize("told", [None, "link", "folder", "elsewhere", "relative"])
def test_it_is_told_the_working_folder_that_a_shell_would_tell(tmp_path: Path, told: str | None) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    environment = {"PATH": os.defpath}
    if told:
        environment["PWD"] = "folder" if told == "relative" else str(tmp_path / told)
    plain = run("printenv PWD", folder, environment)[2]
    assert plain == run("exec 'printenv' PWD", folder, environment)[2]
    assert plain.strip() == str(tmp_path / "link" if told == "link" else folder)


@pytest.mark.skipif(sys.platform == "darwin", reason="its bash spells exported functions in another way")
def test_a_function_that_bash_has_exported_is_a_shells_to_call(tmp_path: Path) -> None:
    program(tmp_path / "who", "#!/bin/sh\necho $PPID\n")
    # The shell stays for what comes after the function: only then is somebody between us and the program.
    environment = {"PATH": f"{tmp_path}:{os.defpath}", "BASH_FUNC_who%%": '() { command who "$@"; true; }'}
    pid, _, said = run("who", tmp_path, environment)
    assert said == f"{pid}\n"
