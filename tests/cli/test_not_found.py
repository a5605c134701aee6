"""Starts that fail, and what is said of them; and one where nothing is left to be ready."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack import Project, project_in


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with project_in(tmp_path) as found:
        yield found


@pytest.mark.parametrize("folder", [".venv/bin", "venv/bin", "node_modules/.bin"])
@pytest.mark.parametrize("way", ["up", "up -d"])
def test_it_is_named_with_its_path_and_what_to_do(project: Project, folder: str, way: str) -> None:
    program = project.folder / folder / "gunicorn-of-test"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (project.folder / "Procfile.dev").write_text("web: exec gunicorn-of-test app:app\n")
    done = project.run(*way.split())
    said = f"gunicorn-of-test is in {folder}: use {folder}/gunicorn-of-test in the Procfile"
    assert done.returncode == 1
    assert said in done.stdout + done.stderr


def test_a_command_that_is_nowhere_is_only_not_found(project: Project) -> None:
    (project.folder / "Procfile.dev").write_text("web: exec no-such-program\n")
    done = project.run("up")
    assert "command not found (exit code 127)" in done.stdout + done.stderr
    assert " is in " not in done.stdout + done.stderr


def test_a_variable_too_long_for_the_system_is_named(project: Project) -> None:
    (project.folder / "Procfile.dev").write_text("web: exec sleep 600\n")
    (project.folder / ".env").write_text(f"BIG={'x' * 200_000}\n")
    done = project.run("up")
    assert done.returncode == 1
    assert "BIG is 200,004 bytes long" in done.stdout + done.stderr
    assert "more than the system takes" in done.stdout + done.stderr


@pytest.mark.parametrize("way", ["up", "up -d"])
def test_a_stack_that_has_ended_is_not_called_ready(project: Project, way: str) -> None:
    (project.folder / "Procfile.dev").write_text("one: exec true\ntwo: exec true\n")
    done = project.run(*way.split())
    assert done.returncode == 0, done.stdout + done.stderr
    assert "two ended with exit code 0" in done.stdout
    assert "ready in" not in done.stdout
