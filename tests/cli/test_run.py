"""`devstack run`: whatever the command is, its exit code or one message, never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.running import devstack


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "Procfile").write_text("web: run\n")
    return tmp_path


def script(project: Path, name: str, content: str) -> None:
    (project / name).write_text(content)
    (project / name).chmod(0o755)


def test_a_script_without_its_first_line_is_run_by_the_shell_as_everywhere(project: Path) -> None:
    script(project, "task", 'echo "$DEVSTACK_MODE $1"\nexit 5\n')
    answer = devstack(project, "run", "./task", "now")
    assert (answer.returncode, answer.stdout, answer.stderr) == (5, "dev now\n", "")


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        ("", 127, "no such command"),
        ("./Procfile/x", 126, "Not a directory"),
        (".", 126, "not executable"),
        ("x" * 5000, 126, "File name too long"),
    ],
)
def test_what_cannot_be_run_is_said_in_one_line(project: Path, command: str, code: int, words: str) -> None:
    answer = devstack(project, "run", command)
    assert (answer.returncode, answer.stdout, answer.stderr.count("\n")) == (code, "", 1), answer.stderr
    assert words in answer.stderr


def test_a_variable_too_long_for_any_process_is_said_in_one_line(project: Path) -> None:
    (project / ".env").write_text(f"CERTIFICATE={'x' * 200_000}\n")
    answer = devstack(project, "run", "true")
    assert (answer.returncode, answer.stderr) == (126, "error: cannot run true: Argument list too long\n")


def test_a_misspelt_option_is_not_taken_for_the_command(project: Path) -> None:
    answer = devstack(project, "run", "--mod", "prod", "true")
    assert (answer.returncode, "--mod" in answer.stderr) == (2, True)
    assert devstack(project, "run", "printf", "%s", "--mod").stdout == "--mod"
