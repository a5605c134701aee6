"""The event loop of a supervisor: asyncio without what a supervisor never needs of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.stack import Project, child

RUN = """
import sys
from devstack.supervisor.run.event_loop import import_asyncio
import_asyncio()
import ssl
from asyncio import sslproto
assert ssl.create_default_context() and sslproto.ssl is None
sys.exit(3)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what is loaded comes from /proc")
@pytest.mark.parametrize("way", ["detached", "foreground"])
def test_a_supervisor_has_no_tls_in_its_memory(project: Project, way: str) -> None:
    project.stack({"one": child("calm")})
    if way == "detached":
        project.up_detached()
    else:
        project.up()
    pid = project.record().supervisor.pid
    loaded = Path(f"/proc/{pid}/maps").read_text()
    assert "_asyncio" in loaded  # or the libraries have other names here, and this proves nothing
    assert "_ssl" not in loaded
    assert "libcrypto" not in loaded


def test_whoever_asks_for_tls_later_gets_it() -> None:
    assert subprocess.run([sys.executable, "-c", RUN], check=False).returncode == 3
