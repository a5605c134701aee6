"""`devstack env` as a person and a script meet it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HIDDEN = ("PORT", "FRONTEND_PORT", "HMR_PORT", "WS_PORT", "NODE_ENV", "PYTHONUNBUFFERED", "NO_COLOR")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "Procfile.dev").write_text("api: run\nworker: run\n")
    (tmp_path / "Procfile.prod").write_text("server: run\n")
    (tmp_path / ".env").write_text(
        "PORT=5001\nAPI_KEY=abcdefgh\nDATABASE_URL=postgres://me:geheim@db/x\n"
        f"LINK=http://x/?k=${{API_KEY}}\nMANY='a\nb'\nLONG={'x' * 300}\nSHADOWED=file\n"
    )
    (tmp_path / "devstack.toml").write_text(
        '[services.worker]\nenv = { LOG_LEVEL = "debug", JOB_TOKEN = "t" }\n'
    )
    return tmp_path


def env(project: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    shell = {
        name: value for name, value in os.environ.items() if name not in HIDDEN and "DEVSTACK" not in name
    }
    return subprocess.run(
        [sys.executable, "-m", "devstack", "env", *arguments],
        cwd=project,
        env=shell | variables,
        check=False,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


def rows(project: Path, *arguments: str, **variables: str) -> dict[tuple[str | None, str], dict[str, Any]]:
    answer = env(project, "--json", *arguments, **variables)
    assert (answer.returncode, answer.stderr) == (0, "")
    return {(row["service"], row["name"]): row for row in json.loads(answer.stdout)["variables"]}


def test_every_value_comes_with_its_source_and_line(project: Path) -> None:
    found = rows(project, SHADOWED="shell", UNRELATED="shell")
    assert found[None, "PORT"] == {
        "name": "PORT",
        "value": "5001",
        "source": ".env",
        "line": 1,
        "secret": False,
        "service": None,
        "hides": [],
    }
    shadowed = found[None, "SHADOWED"]
    assert (shadowed["value"], shadowed["source"], shadowed["hides"]) == ("shell", "shell", [".env:8"])
    assert (found[None, "NODE_ENV"]["value"], found[None, "NODE_ENV"]["source"]) == (
        "development",
        "devstack",
    )
    assert found["worker", "LOG_LEVEL"]["source"] == "devstack.toml"
    assert found["worker", "LOG_LEVEL"]["line"] == 2
    assert found["worker", "DEVSTACK_SERVICE"]["value"] == "worker"
    assert (None, "UNRELATED") not in found


def test_the_json_says_mode_project_and_procfile(project: Path) -> None:
    facts = json.loads(env(project, "--json", "--mode", "prod").stdout)
    assert {key: facts[key] for key in facts if key != "variables"} == {
        "mode": "prod",
        "mode_reason": "--mode",
        "project": str(project),
        "procfile": "Procfile.prod",
    }


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_no_secret_is_ever_shown_not_even_where_another_variable_repeats_it(
    project: Path, arguments: tuple[str, ...]
) -> None:
    answer = env(project, *arguments)
    assert answer.returncode == 0
    assert "abcdefgh" not in answer.stdout + answer.stderr
    assert "geheim" not in answer.stdout + answer.stderr
    assert "postgres://me:********@db/x" in answer.stdout


def test_the_table_cuts_and_wraps_nothing_and_keeps_one_line_a_variable(project: Path) -> None:
    lines = env(project, COLUMNS="40").stdout.splitlines()
    assert lines[0] == f"mode dev (the default), Procfile.dev in {project}"
    assert any("x" * 300 in line for line in lines)
    assert any(line.split() == ["MANY", "a\\nb", "all", ".env:5"] for line in lines)
    assert any(line.split() == ["JOB_TOKEN", "********", "worker", "devstack.toml:2"] for line in lines)
    assert any(line.split() == ["SHADOWED", "file", "all", ".env:8"] for line in lines)


def test_another_file_replaces_the_layers(project: Path) -> None:
    (project / "ci.env").write_text("PORT=7000\n")
    found = rows(project, "--env-file", "ci.env")
    assert (found[None, "PORT"]["value"], found[None, "PORT"]["source"]) == ("7000", "ci.env")
    assert (None, "API_KEY") not in found


def test_a_wrong_file_ends_with_4_and_says_where(project: Path) -> None:
    (project / ".env").write_text("PORT=abc\n")
    answer = env(project)
    assert (answer.returncode, answer.stdout) == (4, "")
    assert ".env:1: PORT='abc' is no port number" in answer.stderr
