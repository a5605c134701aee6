from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack import Project, project_in


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project of this test's own; nothing of it outlives the test."""
    with project_in(tmp_path) as found:
        yield found
