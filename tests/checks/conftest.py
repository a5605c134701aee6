from __future__ import annotations

from pathlib import Path

import pytest

from tests.node_project import install_once


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The example's packages, installed once for the whole session, however many workers it has."""
    own = tmp_path_factory.getbasetemp()
    return install_once(own if worker_id == "master" else own.parent) / "node_modules"
