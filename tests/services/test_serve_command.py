from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.processes import ask, services


def serve(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "devstack", "serve", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_an_unknown_service_is_exit_2_and_names_the_five() -> None:
    ran = serve("vite")
    assert ran.returncode == 2
    assert "frontend, hmr, api, trading, combined" in ran.stderr
    assert "did you mean" not in ran.stderr
    assert "no service is called 'fronend' (did you mean “frontend”?)" in serve("fronend").stderr


def test_a_root_that_is_not_there_or_not_wanted_is_exit_2(tmp_path: Path) -> None:
    assert serve("frontend", "--root", str(tmp_path / "gone")).returncode == 2
    assert serve("api", "--root", str(tmp_path)).returncode == 2


def test_a_relative_root_counts_from_the_folder_that_c_names(tmp_path: Path) -> None:
    ran = serve("api", "-C", str(tmp_path / "gone"))
    assert (ran.returncode, "there is no such folder" in ran.stderr) == (2, True)
    (tmp_path / "web").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as holder:  # so far it comes only when the root is there
        port = str(holder.getsockname()[1])
        assert serve("frontend", "-C", str(tmp_path), "--root", "web", FRONTEND_PORT=port).returncode == 3


@pytest.mark.parametrize(("name", "variable"), [("frontend", "FRONTEND_PORT"), ("hmr", "HMR_PORT")])
def test_a_port_that_is_none_is_exit_4_and_named(name: str, variable: str) -> None:
    ran = serve(name, **{variable: "abc"})
    assert ran.returncode == 4
    assert f"{variable}='abc'" in ran.stderr


def test_an_origin_that_is_none_is_exit_4_and_shows_one() -> None:
    ran = serve("hmr", DEVSTACK_ALLOWED_ORIGINS="example.org")
    assert ran.returncode == 4
    assert "https://example.org" in ran.stderr


def test_a_port_that_is_taken_is_exit_3() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        ran = serve("frontend", FRONTEND_PORT=str(holder.getsockname()[1]))
    assert ran.returncode == 3
    assert "taken" in ran.stderr


def test_without_the_extra_it_is_exit_1_and_says_what_to_install() -> None:
    hide = "import sys; sys.modules['uvicorn'] = None; from devstack.cli.main import main; main()"
    ran = subprocess.run(
        [sys.executable, "-c", hide, "serve", "frontend"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 1
    assert 'pip install "devstack[services]"' in ran.stderr


@pytest.mark.parametrize("name", ["frontend", "hmr"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_service_ends_at_a_signal_with_exit_0(tmp_path: Path, name: str, number: int) -> None:
    with services(tmp_path) as found:
        found.start(name)
        assert found.end(name, number) == 0
        assert found.running[name].lines[0] == f"{name} listening on {_address(name)}:{found.port(name)}/"


def _address(name: str) -> str:
    return "ws://127.0.0.1" if name == "hmr" else "http://127.0.0.1"


def test_services_listen_on_loopback_alone_unless_host_says_otherwise(tmp_path: Path) -> None:
    with services(tmp_path) as found:
        found.start("frontend")
        with socket.socket() as client:
            client.settimeout(5)
            assert client.connect_ex((_own_address(), found.port("frontend"))) != 0


def _own_address() -> str:
    """Return an address of this machine that is not 127.0.0.1."""
    return "127.0.0.2" if sys.platform == "linux" else socket.gethostbyname(socket.gethostname())


def test_the_frontend_logs_pages_and_failures_and_nothing_else(tmp_path: Path) -> None:
    with services(tmp_path) as found:
        found.start("frontend")
        for path in ("/", "/style.css", "/gone.js"):
            ask(found.port("frontend"), path)
        found.end("frontend")
        assert found.running["frontend"].lines[1:] == ["GET / 200", "GET /gone.js 404"]


@pytest.mark.parametrize("name", ["frontend", "hmr"])
def test_what_starts_often_does_not_import_what_is_slow(name: str) -> None:
    watch = (
        "import sys; from importlib import import_module; import_module('devstack.services.serving.server');"
        f"import_module('devstack.services.apps.{name}');"
        "print([m for m in ('fastapi', 'pydantic', 'httpx', 'anyio') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", watch], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
