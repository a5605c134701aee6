"""What a newcomer meets: a wrong folder, a wrong word, a narrow window, a pipe. Never a traceback."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
import typer

from devstack.cli.arguments.app import build_app
from devstack.cli.arguments.words import COMMANDS
from devstack.errors import ConfigError, NotRunningError, UsageError
from tests.cli import forked_calls
from tests.cli.running import clean_environment, devstack, free_port

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COLOR = re.compile(r"\x1b\[[0-9;]*[1-9][0-9;]*m")  # a reset is no colour
READ_FILES = ("up", "check-ports", "run", "check-ws", "smoke", "doctor", "env")
ASK_WHAT_RUNS = ("status", "logs", "restart", "stop", "start")
NEEDED = {"restart": ("web",), "stop": ("web",), "start": ("web",), "run": ("true",), "serve": ("nothing",)}
"""What a command cannot do without, so that only its options are in question."""


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """Return a folder without a project, in which the search for one ends."""
    (tmp_path / ".git").mkdir()
    return tmp_path


@pytest.fixture
def hello(empty: Path) -> Path:
    """Return a project whose only service ends at once."""
    (empty / "Procfile").write_text("hello: echo hello\n")
    return empty


def on_terminal(folder: Path, *arguments: str, columns: int = 80, **variables: str) -> tuple[int, str]:
    """Run a command on a terminal of so many columns; return its exit code and all that it printed."""
    sizes = ("COLUMNS", "LINES")  # they would go before what the terminal says
    environment = {name: value for name, value in clean_environment().items() if name not in sizes}
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "devstack", *arguments],
        cwd=folder,
        env=environment | {"TERM": "xterm-256color"} | variables,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    output = b""
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # the other end has closed (pty(7))
            break
        if not chunk:
            break
        output += chunk
    os.close(ours)
    return process.wait(60), output.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("command", READ_FILES)
def test_without_a_project_a_command_says_what_to_write(command: str, empty: Path) -> None:
    answer = devstack(empty, command, *NEEDED.get(command, ()))
    assert (answer.returncode, answer.stdout) == (ConfigError.exit_code, "")
    assert str(empty) in answer.stderr
    for word in ("Procfile", "web: ", "devstack init", "-C"):
        assert word in answer.stderr


@pytest.mark.parametrize("command", ASK_WHAT_RUNS)
def test_without_a_running_stack_a_command_says_how_one_is_started(command: str, empty: Path) -> None:
    answer = devstack(empty, command, *NEEDED.get(command, ()))
    assert (answer.returncode, answer.stdout) == (NotRunningError.exit_code, "")
    assert str(empty) in answer.stderr
    assert "devstack up" in answer.stderr


def test_down_where_nothing_runs_is_no_error(empty: Path) -> None:
    answer = devstack(empty, "down")
    assert (answer.returncode, answer.stdout) == (0, f"nothing is running in {empty}\n")


def test_a_procfile_of_another_mode_is_named_with_its_option(empty: Path) -> None:
    (empty / "Procfile.staging").write_text("web: true\n")
    answer = devstack(empty, "up")
    assert answer.returncode == ConfigError.exit_code
    assert "--mode staging" in answer.stderr


@pytest.mark.parametrize("command", [*READ_FILES, *ASK_WHAT_RUNS, "down", "init"])
def test_a_current_folder_that_was_removed_is_said(command: str, empty: Path) -> None:
    answer = from_a_removed_folder(empty, command, *NEEDED.get(command, ()))
    assert answer.returncode == UsageError.exit_code
    assert "no longer exists" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_current_folder_that_was_removed_matters_not_to_a_whole_path(hello: Path) -> None:
    answer = from_a_removed_folder(hello, "-C", str(hello), "run", "pwd")
    assert (answer.returncode, answer.stdout) == (0, f"{hello}\n")


def from_a_removed_folder(above: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    line = f"mkdir gone; cd gone; rmdir ../gone; exec {sys.executable} -P -m devstack "
    return subprocess.run(
        ["/bin/sh", "-c", line + " ".join(arguments)],
        cwd=above,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def test_devstack_alone_shows_every_command_with_a_whole_sentence(empty: Path) -> None:
    alone = devstack(empty)
    assert devstack(empty, "--help").stdout == devstack(empty, "-h").stdout == alone.stdout + alone.stderr
    listed = re.findall(
        r"^  ([\w-]+) +(\S.*)$", (alone.stdout + alone.stderr).partition("Commands:")[2], re.M
    )
    assert [name for name, _ in listed] == list(COMMANDS)
    assert [sentence for _, sentence in listed if not sentence.endswith(".")] == []
    assert "..." not in alone.stdout + alone.stderr.partition("Commands:")[2]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("stauts", "status"), ("chek-ports", "check-ports"), ("dwon", "down"), ("log", "logs")],
)
def test_a_mistyped_command_is_answered_with_the_one_that_was_meant(
    typed: str, meant: str, empty: Path
) -> None:
    answer = devstack(empty, typed)
    assert answer.returncode == UsageError.exit_code
    assert f"'{meant}'" in answer.stderr


def test_a_mistyped_option_is_answered_with_the_one_that_was_meant(hello: Path) -> None:
    answer = devstack(hello, "up", "--detatch")
    assert answer.returncode == UsageError.exit_code
    assert "--detach" in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("up", "--timeout", "soon"), "expected seconds, 0 or more"),
        (("up", "--timeout", "nan"), "expected seconds, 0 or more"),
        (("down", "--timeout", "-1"), "expected seconds, 0 or more"),
        (("check-ws", "--timeout", "0"), "expected 0.1 seconds or more"),
        (("logs", "-n", "many"), "expected a whole number, 0 or more"),
        (("up", "--scale", "web"), "expected NAME=N"),
        (("up", "--ports", "some"), "expected plan or auto"),
        (("-C", "missing", "up"), "no such folder"),
        (("serve", "nothing"), "frontend, hmr, api, trading, combined"),
    ],
)
def test_a_wrong_value_is_answered_with_what_was_expected(
    arguments: tuple[str, ...], words: str, hello: Path
) -> None:
    answer = devstack(hello, *arguments)
    assert answer.returncode == UsageError.exit_code
    assert words in answer.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_the_version_and_the_help_are_told_before_and_after_every_command(command: str, empty: Path) -> None:
    version = devstack(empty, "--version").stdout
    assert re.fullmatch(r"devstack \d+\.\d+\.\d+\n", version)
    assert devstack(empty, "--version", command).stdout == version
    assert devstack(empty, command, "--version").stdout == version
    help_text = devstack(empty, command, "--help").stdout
    assert help_text.startswith(f"Usage: devstack {command}")
    assert devstack(empty, "-C", "up", "--help", command).stdout == help_text


def test_the_project_may_be_named_before_and_after_the_command(hello: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / ".git").mkdir(parents=True)
    for arguments in (("-C", str(hello), "env", "--json"), ("env", "--json", "--project", str(hello))):
        assert json.loads(devstack(elsewhere, *arguments).stdout)["project"] == str(hello)


@pytest.mark.parametrize(
    "arguments", [("check-ports",), ("env",), ("doctor",), ("up",), ("smoke",), ("status",), ("--help",)]
)
def test_a_pipe_gets_no_escape_codes(arguments: tuple[str, ...], hello: Path) -> None:
    answer = devstack(hello, *arguments)
    assert not ESCAPE.search(answer.stdout + answer.stderr)


@pytest.mark.parametrize("arguments", [("env",), ("doctor",), ("up",), ("status",)])
def test_on_a_terminal_there_is_colour_unless_it_is_not_wanted(
    arguments: tuple[str, ...], hello: Path
) -> None:
    assert COLOR.search(on_terminal(hello, *arguments)[1])
    assert not COLOR.search(on_terminal(hello, *arguments, "--no-color")[1])
    assert not COLOR.search(on_terminal(hello, "--no-color", *arguments)[1])
    assert not COLOR.search(on_terminal(hello, *arguments, NO_COLOR="1")[1])


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_fits_a_narrow_terminal(command: str, empty: Path) -> None:
    code, text = on_terminal(empty, command, "--help", columns=40)
    assert code == 0
    assert max(map(len, text.splitlines())) <= 40


@pytest.mark.parametrize("columns", [40, 100])
def test_an_error_fits_its_terminal_and_tears_no_word(columns: int, empty: Path) -> None:
    code, text = on_terminal(empty, "logs", columns=columns)
    plain = ESCAPE.sub("", text)
    assert code == NotRunningError.exit_code
    assert [line for line in plain.splitlines() if len(line) > columns and str(empty) not in line] == []
    assert "`devstack up -d` starts it" in " ".join(plain.split())


@pytest.mark.parametrize("columns", [40, 80])
def test_the_addresses_of_a_ready_stack_are_not_torn(columns: int, empty: Path) -> None:
    port = free_port()
    (empty / "Procfile").write_text("page: exec python3 -m http.server $PORT --bind 127.0.0.1\n")
    code, text = on_terminal(empty, "up", "-d", columns=columns, PORT=str(port))
    try:
        assert code == 0, text
        assert any(
            f"localhost:{port}" in line and len(line) <= columns for line in ESCAPE.sub("", text).split("\n")
        )
        assert "devstack down" in text
        code, text = on_terminal(empty, "status", columns=columns)
        assert max(map(len, ESCAPE.sub("", text).splitlines()[1:])) <= columns
    finally:
        assert devstack(empty, "down").returncode == 0


def test_what_does_not_fit_the_disk_is_said(hello: Path) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    for arguments in (["--version"], ["--help"], ["env"], ["check-ports"]):
        with open("/dev/full", "wb") as full:
            answer = subprocess.run(
                [sys.executable, "-m", "devstack", *arguments],
                cwd=hello,
                env=clean_environment(),
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
        assert answer.returncode == 1
        assert answer.stderr.startswith("error: the output cannot be written: ")
        assert "Traceback" not in answer.stderr
        assert "Exception ignored" not in answer.stderr


@pytest.mark.parametrize("arguments", ["env", "--help", "--version", "init", "up", "up -d", "down", "status"])
def test_closed_standard_streams_are_no_accident(arguments: str, hello: Path) -> None:
    line = f"{sys.executable} -m devstack {arguments} <&- >&- 2>&-"
    answer = subprocess.run(["/bin/sh", "-c", line], cwd=hello, env=clean_environment(), check=False)
    assert answer.returncode == (NotRunningError.exit_code if arguments == "status" else 0)


@pytest.mark.parametrize("stderr", ["2>/dev/full", "2>&1 | true"])
def test_an_error_that_nobody_can_be_told_of_keeps_its_exit_code(stderr: str, empty: Path) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    line = f"({sys.executable} -m devstack status; echo $? >code) {stderr}"
    subprocess.run(["/bin/sh", "-c", line], cwd=empty, env=clean_environment(), check=True)
    assert int((empty / "code").read_text()) == NotRunningError.exit_code


def test_a_reader_that_has_seen_enough_ends_a_command_in_silence(hello: Path) -> None:
    for arguments in ("env", "--help", "doctor", "--version"):
        line = f"{sys.executable} -m devstack {arguments} | true"
        answer = subprocess.run(
            ["/bin/sh", "-c", line], cwd=hello, env=clean_environment(), capture_output=True, check=False
        )
        assert answer.stderr == b""


def test_a_start_in_the_background_goes_on_without_a_reader(empty: Path) -> None:
    (empty / "Procfile").write_text("idle: sleep 1000\n")
    line = f"{sys.executable} -m devstack up -d | true"
    subprocess.run(["/bin/sh", "-c", line], cwd=empty, env=clean_environment(), check=True)
    try:
        deadline = time.monotonic() + 20
        while devstack(empty, "status").returncode != 0:
            assert time.monotonic() < deadline
    finally:
        assert devstack(empty, "down").returncode == 0


VALUES = (
    b"",
    b"-1",
    b"nan",
    "é".encode(),
    b"\xff\xfe",
    b"x" * 3000,
    b"[bold]x[/bold]",
    b"%s{0}$(exit)",
    b"/dev/null",
    b"hello=1=2",
    b"hello=99999999999999999999",
    b"\x1b[31mred",
)
SHARED = ("--project", "--mode", "--procfile", "--env-file")
ENOUGH = ("up", "env", "status", "serve")
"""One of each kind of command: for these the options that they share are tried, too."""


def options_of(command: str) -> list[str]:
    """Return the options of `command` that take a value."""
    app = typer.main.get_command(build_app(command))
    parameters = app.commands[command].params  # type: ignore[attr-defined]
    found = [one.opts[0] for one in parameters if one.param_type_name == "option" and not one.is_flag]
    return [name for name in found if name not in SHARED or command in ENOUGH]


@pytest.mark.parametrize("command", COMMANDS)
def test_no_value_of_any_option_brings_a_traceback(command: str, hello: Path) -> None:
    needed = [one.encode() for one in NEEDED.get(command, ())]
    lines = [
        [command.encode(), option.encode(), value, *needed]
        for option in options_of(command)
        for value in VALUES
    ]
    if command in ("up", "logs", "restart", "check-ws", "serve"):
        lines += [[command.encode(), value] for value in VALUES]
    answer = subprocess.run(
        [sys.executable, "-m", forked_calls.__name__],
        cwd=hello,
        env=clean_environment() | {"PYTHONPATH": str(Path(__file__).parents[2])},
        input=json.dumps([[one.hex() for one in line] for line in lines]),
        capture_output=True,
        text=True,
        check=True,
    )
    for line, (code, output) in zip(lines, json.loads(answer.stdout), strict=True):
        assert code in range(7), (line, code, output)
        assert "Traceback" not in output, (line, output)
        assert "\x1b" not in output, (line, output)
        assert code == 0 or output, line


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("kill", "devstack down --timeout 0"),
        ("connect", "devstack logs -f"),
        ("exec", "devstack run"),
        ("list", "devstack status"),
        ("check", "devstack check-ports"),
        ("config", "devstack env"),
        ("start", "devstack up"),
    ],
)
def test_a_word_of_another_tool_is_answered_with_ours(tmp_path: Path, word: str, said: str) -> None:
    done = devstack(tmp_path, word)
    assert done.returncode == 2
    assert said in done.stderr


@pytest.mark.parametrize("line", [("ps", "--help"), ("--help", "ps")], ids=" ".join)
def test_help_of_an_alias_is_that_of_the_command(tmp_path: Path, line: tuple[str, ...]) -> None:
    assert devstack(tmp_path, *line).stdout == devstack(tmp_path, "status", "--help").stdout


def test_help_of_a_word_of_another_tool_names_ours(tmp_path: Path) -> None:
    done = devstack(tmp_path, "kill", "--help")
    assert done.returncode == 2
    assert "devstack down --timeout 0" in done.stderr


def test_ps_is_status(tmp_path: Path) -> None:
    assert devstack(tmp_path, "ps").returncode == devstack(tmp_path, "status").returncode == 5
