"""What a command line costs before it does anything: what it imports."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import clean_environment

UPS = (
    ("up",),
    ("up", "-f", "Procfile.dev"),
    ("up", "--mode", "dev", "--timeout=20", "--no-color", "web"),
    ("-C", ".", "up", "--scale", "web=2"),
)
OTHERS = (
    ("status", "--json"),
    ("logs", "-n", "5", "-f", "web"),
    ("check-ports", "--mode=dev", "--json"),
    ("down", "--timeout", "1"),
    ("--no-color", "env"),
)
IMPORT = re.compile(r"^import time:.*\| +(\S+)$", re.MULTILINE)


def imported(folder: Path, *arguments: str) -> set[str]:
    """Run a command line in `folder`; return the top packages that its process has imported."""
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "devstack", *arguments],
        cwd=folder,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode in (0, 5), ended.stdout + ended.stderr
    packages = {name.partition(".")[0] for name in IMPORT.findall(ended.stderr)}
    assert "devstack" in packages
    return packages


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "Procfile.dev").write_text("web: true\n")
    return tmp_path


@pytest.mark.parametrize("line", UPS, ids=" ".join)
def test_an_up_imports_neither_typer_nor_rich(project: Path, line: tuple[str, ...]) -> None:
    assert not imported(project, *line) & {"typer", "click", "rich"}


@pytest.mark.parametrize("line", OTHERS, ids=" ".join)
def test_a_well_formed_line_does_not_import_typer(project: Path, line: tuple[str, ...]) -> None:
    assert not imported(project, *line) & {"typer", "click"}


def test_help_is_typers(project: Path) -> None:
    assert "typer" in imported(project, "up", "--help")
