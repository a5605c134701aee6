"""`devstack check-ws`, run as a person runs it, against real servers."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
from websockets.asyncio.server import ServerConnection, serve

from devstack.machine.system import identify
from devstack.supervisor.run_folder.paths import prepare_run_folder
from devstack.supervisor.run_folder.record import Record, RecordedService, write_record
from tests.raw_servers import free_port


async def greet(connection: ServerConnection) -> None:
    await connection.send('{"type":"connected"}')
    await connection.wait_closed()


@contextmanager
def websocket_server(**settings: object) -> Iterator[int]:
    """Serve WebSockets in a thread, and yield the port."""
    loop = asyncio.new_event_loop()
    ports: list[int] = []

    async def run() -> None:
        async with serve(greet, "127.0.0.1", 0, **settings) as server:  # type: ignore[arg-type]
            ports.append(next(iter(server.sockets)).getsockname()[1])
            started.set_result(None)
            await stopped

    started, stopped = loop.create_future(), loop.create_future()
    running = loop.create_task(run())
    loop.run_until_complete(started)
    thread = Thread(target=loop.run_until_complete, args=(running,))
    thread.start()
    try:
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(stopped.set_result, None)
        thread.join()
        loop.close()


def check_ws(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    names = ("PORT", "WS_PORT", "HMR_PORT", "FRONTEND_PORT", "NODE_ENV", "DEVSTACK_MODE")
    env = {name: value for name, value in os.environ.items() if name not in names}
    command = [sys.executable, "-m", "devstack", "check-ws", *arguments]
    return subprocess.run(
        command,
        check=False,
        cwd=cwd,
        env={**env, **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )


def project(folder: Path, procfile: str = "trading: true\nhmr: true\n", env: str = "") -> Path:
    (folder / "Procfile.dev").write_text(procfile)
    (folder / ".env").write_text(env)
    return folder


class TestWithAnAddress:
    def test_a_good_server_is_all_ticks_and_exit_0(self, tmp_path: Path) -> None:
        with websocket_server() as port:
            done = check_ws(f"ws://localhost:{port}/api/ws", cwd=tmp_path)
        assert done.returncode == 0
        lines = done.stdout.splitlines()
        assert lines[0] == f"ws://localhost:{port}/api/ws"
        assert [line.split()[0] for line in lines[1:]] == ["✓"] * 5
        assert '{"type":"connected"}' in done.stdout
        assert "\x1b" not in done.stdout

    def test_a_script_gets_json_on_stdout_alone(self, tmp_path: Path) -> None:
        with websocket_server(subprotocols=["vite-hmr"]) as port:
            done = check_ws("--json", "--subprotocol", "vite-hmr", f"ws://localhost:{port}", cwd=tmp_path)
        content = json.loads(done.stdout)
        assert (done.returncode, done.stderr) == (0, "")
        assert content["ok"] is True
        assert content["url"] == f"ws://localhost:{port}/"
        assert (content["subprotocol"], content["close_code"]) == ("vite-hmr", 1000)
        assert content["ping_ms"] >= 0

    def test_nobody_there_is_exit_1_with_what_to_do(self, tmp_path: Path) -> None:
        port = free_port()
        done = check_ws(f"ws://localhost:{port}/", cwd=tmp_path)
        assert done.returncode == 1
        assert "✗ tcp" in done.stdout
        assert f"Nobody listens on port {port}" in done.stdout

    def test_with_json_what_to_do_goes_to_stderr(self, tmp_path: Path) -> None:
        done = check_ws(f"ws://localhost:{free_port()}/", "--json", cwd=tmp_path)
        assert done.returncode == 1
        assert json.loads(done.stdout)["ok"] is False
        assert "Nobody listens" in done.stderr

    def test_an_origin_is_sent(self, tmp_path: Path) -> None:
        with websocket_server(origins=["http://localhost:3000"]) as port:
            url = f"ws://localhost:{port}/"
            assert check_ws(url, "--origin", "http://localhost:3000", cwd=tmp_path).returncode == 0
            refused = check_ws(url, "--origin", "http://evil.example", cwd=tmp_path)
        assert refused.returncode == 1
        assert "403 instead of 101" in refused.stdout

    @pytest.mark.parametrize(
        "arguments",
        [
            ("http://localhost:3001/",),
            ("localhost:3001",),
            ("ws://localhost:70000/",),
            ("ws://localhost/", "--timeout", "0"),
            ("ws://localhost/", "--origin", "http://x\r\nEvil: 1"),
        ],
    )
    def test_what_is_no_address_or_option_is_exit_2(self, arguments: tuple[str, ...], tmp_path: Path) -> None:
        done = check_ws(*arguments, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr

    def test_a_terminal_of_few_characters_gets_what_it_can_show(self, tmp_path: Path) -> None:
        done = check_ws(f"ws://localhost:{free_port()}/", cwd=tmp_path, PYTHONIOENCODING="ascii")
        assert done.returncode == 1
        assert "Nobody listens" in done.stdout


class TestWithAProject:
    def test_the_trading_socket_is_the_one_to_ask_and_the_others_are_named(self, tmp_path: Path) -> None:
        with websocket_server() as port:
            folder = project(tmp_path, env=f"WS_PORT={port}\nHMR_PORT=3999\n")
            done = check_ws(cwd=folder)
        assert done.returncode == 0
        assert done.stdout.startswith(f"ws://localhost:{port}/api/ws\n")
        assert "see also: devstack check-ws ws://localhost:3999/ --subprotocol vite-hmr" in done.stdout

    def test_a_lone_socket_with_a_subprotocol_is_asked_for_it(self, tmp_path: Path) -> None:
        with websocket_server(subprotocols=["vite-hmr"]) as port:
            done = check_ws("--json", cwd=project(tmp_path, "hmr: true\n", f"HMR_PORT={port}\n"))
        assert done.returncode == 0
        assert json.loads(done.stdout)["subprotocol"] == "vite-hmr"

    def test_one_port_for_all_in_prod_is_asked_at_its_path(self, tmp_path: Path) -> None:
        (tmp_path / "Procfile.prod").write_text("server: true\n")
        with websocket_server() as port:
            done = check_ws("--mode", "prod", cwd=tmp_path, PORT=str(port))
        assert done.returncode == 0
        assert done.stdout.startswith(f"ws://localhost:{port}/api/ws\n")

    def test_a_stack_without_a_socket_is_exit_2(self, tmp_path: Path) -> None:
        done = check_ws(cwd=project(tmp_path, "api: true\n"))
        assert done.returncode == 2
        assert "claims a WebSocket" in done.stderr

    def test_a_wrong_file_is_exit_4(self, tmp_path: Path) -> None:
        done = check_ws(cwd=project(tmp_path, env="WS_PORT=abc\n"))
        assert done.returncode == 4
        assert ".env:1" in done.stderr

    def test_a_running_stack_is_asked_where_it_runs(self, tmp_path: Path) -> None:
        """`up --ports auto` has moved the port, and this process stands in for the supervisor."""
        folder = project(tmp_path)
        prepare_run_folder(str(folder))
        me = identify(os.getpid())
        assert me is not None
        with websocket_server() as port:
            services = (
                RecordedService("trading", None, (port,)),
                RecordedService("hmr", None, (3998,)),
            )
            write_record(Record(str(folder), "dev", "run", 0.0, me, None, services))
            done = check_ws(cwd=folder)
        assert done.returncode == 0
        assert done.stdout.startswith(f"ws://localhost:{port}/api/ws\n")
        assert "ws://localhost:3998/" in done.stdout
