"""Which project a command takes, and how its paths are meant: relative to where the search begins."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "a project"
    (folder / "src/deep").mkdir(parents=True)
    (folder / "Procfile.dev").write_text("web: run\n")
    (folder / "src/Procfile.x").write_text("other: run\n")
    (folder / "src/ci.env").write_text("FROM=src\n")
    return folder


def devstack(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    shell = {name: value for name, value in os.environ.items() if "DEVSTACK" not in name and name != "PORT"}
    return subprocess.run(
        [sys.executable, "-m", "devstack", *arguments],
        cwd=folder,
        env=shell | {"HOME": "/no/such/home"} | variables,
        check=False,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


def facts(folder: Path, *arguments: str) -> dict[str, str]:
    answer = devstack(folder, "env", "--json", *arguments)
    assert answer.returncode == 0, answer.stderr
    found: dict[str, str] = json.loads(answer.stdout)
    return found


def test_a_command_finds_the_project_from_any_folder_inside(project: Path) -> None:
    assert facts(project / "src/deep", "-f", "../Procfile.x")["project"] == str(project / "src")
    (project / "src/Procfile.x").unlink()
    assert facts(project / "src/deep")["project"] == str(project)


def test_the_project_option_is_where_the_search_begins_and_paths_count_from(
    project: Path, tmp_path: Path
) -> None:
    (project / "src/Procfile.x").rename(project / "src/other.procfile")
    found = facts(tmp_path, "-C", "a project/src", "-f", "other.procfile", "--env-file", "ci.env")
    assert (found["project"], found["procfile"]) == (str(project), "src/other.procfile")
    assert any(row["source"] == "src/ci.env" for row in found["variables"] if isinstance(row, dict))


def test_a_named_procfile_needs_no_project_round_it(tmp_path: Path) -> None:
    (tmp_path / "stack.txt").write_text("web: run\n")
    found = facts(tmp_path, "-f", "stack.txt")
    assert (found["project"], found["procfile"]) == (str(tmp_path), "stack.txt")


def test_no_project_ends_with_4_and_says_what_was_looked_for(tmp_path: Path) -> None:
    answer = devstack(tmp_path, "env")
    assert answer.returncode == 4
    assert "looked for a Procfile" in answer.stderr
    assert "devstack init" in answer.stderr


def test_a_project_folder_that_is_not_there_ends_with_2(tmp_path: Path) -> None:
    answer = devstack(tmp_path, "-C", "missing", "env")
    assert (answer.returncode, "no such folder" in answer.stderr) == (2, True)


@pytest.mark.parametrize("scale", ["web", "web=", "=2", "web=x", "web=1.5", "nope=2", "web=-1"])
def test_a_scale_that_says_nothing_ends_with_2(project: Path, scale: str) -> None:
    answer = devstack(project, "up", "--scale", scale)
    assert (answer.returncode, "--scale" in answer.stderr or "nope" in answer.stderr) == (2, True)
