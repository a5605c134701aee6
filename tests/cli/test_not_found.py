"""A command that is not found, and stands in the project's own folder of programs."""

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
