"""`devstack init`: shows, asks, and overwrites nothing without a yes."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

DEVSTACK = str(Path(sys.executable).parent / "devstack")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "package.json").write_text('{"scripts": {"dev": "vite"}, "dependencies": {"vite": "^8"}}')
    return tmp_path


def init(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [DEVSTACK, "init", *options],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def init_on_a_terminal(folder: Path, answers: str) -> str:
    """Run init on a terminal, type `answers`, and return what it showed."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execv(DEVSTACK, [DEVSTACK, "init"])
    os.write(terminal, answers.encode())
    shown = b""
    try:
        while data := os.read(terminal, 4096):
            shown += data
    except OSError:  # Linux says EIO when the other end of a terminal is gone
        pass
    finally:
        os.close(terminal)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, shown
    return shown.decode()


def test_without_a_terminal_it_shows_and_writes_nothing(project: Path) -> None:
    done = init(project)
    assert done.returncode == 0
    assert "--- Procfile.dev (new)" in done.stdout
    assert "nothing written: devstack init --yes writes what is new" in done.stdout
    assert os.listdir(project) == ["package.json"]


def test_yes_writes_what_is_new_and_overwrites_nothing(project: Path) -> None:
    (project / "Procfile.dev").write_text("mine: true\n")
    done = init(project, "--yes")
    assert done.returncode == 0
    assert "left as it is: Procfile.dev" in done.stdout
    assert (project / "Procfile.dev").read_text() == "mine: true\n"
    assert (project / "Procfile.prod").exists()


def test_a_second_time_there_is_nothing_to_write(project: Path) -> None:
    init(project, "--yes")
    done = init(project, "--yes")
    assert "wrote" not in done.stdout
    assert "Procfile.dev (as it is here)" in done.stdout


def test_on_a_terminal_it_asks_for_every_file_that_is_there(project: Path) -> None:
    (project / "Procfile.dev").write_text("mine: true\n")
    (project / "Procfile.prod").write_text("mine: true\n")
    shown = init_on_a_terminal(project, "n\ny\nn\n")
    assert "Procfile.dev is here already. Overwrite it?" in shown
    assert "frontend: " in (project / "Procfile.dev").read_text()
    assert (project / "Procfile.prod").read_text() == "mine: true\n"
    assert not (project / ".env.example").exists()


def test_what_was_written_starts_from(project: Path) -> None:
    init(project, "--yes")
    done = subprocess.run(
        [DEVSTACK, "check-ports", "--json"], cwd=project, capture_output=True, text=True, check=False
    )
    assert '"port": 5173' in done.stdout


def test_an_empty_folder_is_exit_code_4(tmp_path: Path) -> None:
    done = init(tmp_path)
    assert done.returncode == 4
    assert "looked for package.json" in done.stderr
