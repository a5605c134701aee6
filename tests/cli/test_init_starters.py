"""Projects with real servers are proposed, tried, and then up with every claim right.

`make try-starters` does the same with the starters themselves.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.node_project import free_run, install_once

DEVSTACK = str(Path(sys.executable).parent / "devstack")
EXPRESS = """
import express from 'express'
import { config } from './config'

const app = express()
app.get('/', (_, response) => { response.send('hi') })
app.listen(config.port, '127.0.0.1')
"""
FASTAPI = """
from fastapi import FastAPI

from app.routes import router

app = FastAPI()
app.include_router(router)
"""


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    own = tmp_path_factory.getbasetemp()
    return install_once(own if worker_id == "master" else own.parent) / "node_modules"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    devstack(tmp_path, "down")


def devstack(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in ("PORT", "FRONTEND_PORT")}
    return subprocess.run(
        [DEVSTACK, *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def claims(folder: Path) -> dict[str, list[int]]:
    """Return the ports that the written files claim, by service."""
    found: dict[str, list[int]] = {}
    for port in json.loads(devstack(folder, "check-ports", "--json").stdout)["ports"]:
        found.setdefault(port["service"], []).append(port["port"])
    return found


def is_up_with(folder: Path, expected: dict[str, list[int]]) -> None:
    """Hold the proposal, the trial and the run to `expected`."""
    proposed = devstack(folder, "init", "--yes")
    assert claims(folder) == expected, proposed.stdout
    for name in ("Procfile.dev", "devstack.toml", ".env.example"):
        (folder / name).unlink(missing_ok=True)
    tried = devstack(folder, "init", "--try", "--yes")
    assert tried.returncode == 0, tried.stdout
    assert claims(folder) == expected, tried.stdout
    up = devstack(folder, "up", "-d")
    assert up.returncode == 0, up.stdout
    for name, ports in expected.items():
        assert f"{name} ready on {' '.join(f':{port}' for port in ports)}" in up.stdout


@pytest.mark.node
def test_a_workspace_of_vite_and_express(project: Path, node_modules: Path) -> None:
    page, api = free_run(1), free_run(1)
    (project / "node_modules").symlink_to(node_modules)
    write(
        project / "package.json",
        json.dumps(
            {
                "workspaces": ["web", "server"],
                "scripts": {
                    "dev": "run-p dev:*",
                    "dev:web": "npm run dev -w web",
                    "dev:api": "npm run dev -w server",
                },
            }
        ),
    )
    write(project / "web" / "package.json", '{"type": "module", "scripts": {"dev": "vite"}}')
    write(project / "web" / "vite.config.ts", f"export default {{ server: {{ port: {page} }} }}")
    write(project / "web" / "index.html", "<h1>hi</h1>")
    write(
        project / "server" / "package.json",
        '{"type": "module", "scripts": {"dev": "tsx watch src/index.ts"}}',
    )
    write(
        project / "server" / "src" / "config.ts",
        f"export const config = {{ port: Number(process.env.API_PORT ?? {api}) }}",
    )
    write(project / "server" / "src" / "index.ts", EXPRESS)
    is_up_with(project, {"frontend": [page], "api": [api]})


@pytest.mark.node
def test_an_express_server_with_the_port_in_its_source(project: Path, node_modules: Path) -> None:
    port = free_run(1)
    (project / "node_modules").symlink_to(node_modules)
    write(project / "package.json", '{"type": "module", "scripts": {"dev": "tsx src/server/main.ts"}}')
    write(
        project / "src" / "server" / "main.ts",
        f"import express from 'express'\n\nexpress().listen({port}, () => console.log('ready'))\n",
    )
    is_up_with(project, {"web": [port]})


def test_fastapi_in_a_folder_with_its_own_pyproject(project: Path) -> None:
    port = free_run(1)
    (project / ".venv").symlink_to(sys.prefix)
    write(project / "pyproject.toml", '[project]\nname = "x"\nversion = "0"\ndependencies = ["fastapi"]\n')
    write(project / "backend" / "pyproject.toml", '[project]\nname = "app"\nversion = "0"\n')
    write(project / "backend" / "app" / "__init__.py", "")
    write(
        project / "backend" / "app" / "routes.py", "from fastapi import APIRouter\n\nrouter = APIRouter()\n"
    )
    write(project / "backend" / "app" / "main.py", FASTAPI)
    write(project / ".env", f"PORT={port}\n")
    is_up_with(project, {"web": [port]})
