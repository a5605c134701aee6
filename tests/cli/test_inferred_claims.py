"""A Procfile without a devstack.toml: real servers, ready by the port that their commands name."""

from __future__ import annotations

import json
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.raw_servers import free_port
from tests.stack import Project, is_free, project_in


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with project_in(tmp_path) as found:
        yield found


def server(kind: str, port: int) -> str:
    python = f'"{sys.executable}" -m' if " " in sys.executable else f"{sys.executable} -m"
    return {
        "http.server": f"{python} http.server {port} --bind 127.0.0.1",
        "uvicorn": f"cd . && {python} uvicorn app:app --port={port}",
        "redis-server": f"redis-server --port {port} --bind 127.0.0.1 --save ''",
    }[kind]


@pytest.mark.parametrize("kind", ["http.server", "uvicorn", "redis-server"])
def test_a_real_server_is_ready_when_it_listens(project: Project, kind: str) -> None:
    if kind == "redis-server" and shutil.which(kind) is None:
        pytest.skip("there is no redis-server here")
    port = free_port()
    (project.folder / "app.py").write_text("async def app(scope, receive, send): pass\n")
    (project.folder / "Procfile.dev").write_text(f"js: sleep 600\nweb: {server(kind, port)}\n")
    project.up_detached()
    assert not is_free(port)
    assert project.status()["web"]["ports"] == [port]
    answer = json.loads(project.run("check-ports", "--json").stdout)
    (claim,) = answer["ports"]
    assert (claim["port"], claim["state"], claim["expected"]) == (port, "ours", False)
    assert claim["source"].startswith("Procfile.dev:2 ")
    assert project.run("down").returncode == 0
    project.assert_nothing_is_left(port)


def test_a_taken_port_is_exit_3_with_the_procfiles_line(project: Project) -> None:
    port = free_port()
    (project.folder / "Procfile.dev").write_text(f"web: {server('http.server', port)}\n")
    with socket.create_server(("127.0.0.1", port)):
        done = project.run("up")
    assert done.returncode == 3
    assert f"Procfile.dev:1 {port}" in done.stderr
    project.assert_nothing_is_left()
