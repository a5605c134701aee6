"""A project for each test, and a way to start it on a screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.stack import Project, project_in
from tests.supervisor.output.screens import Start, Up, start_up


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with project_in(tmp_path / "project") as made:
        yield made


@pytest.fixture
def up(project: Project) -> Iterator[Start]:
    """Start the project's stack: `up({name: command}, …)` as start_up does it."""
    started: list[Up] = []

    def _start(*arguments: Any, **options: Any) -> Up:
        started.append(start_up(project, *arguments, **options))
        return started[-1]

    yield _start
    for each in started:
        each.close()
