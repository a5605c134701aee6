"""How a service listens, announces itself, stops, and takes over a listening socket."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import psutil
import pytest

from devstack.errors import ConfigError, PortTakenError
from devstack.services.serving.listening import open_listeners
from devstack.services.serving.server import stop_accepting
from devstack.services.settings import count_inherited
from tests.services.raw_socket import RawSocket
from tests.services.running import LONG, PROGRAM, free_port, serving, until
from tests.waiting import at_this_load

SLOW_APP = """
import asyncio, sys
from devstack.services.http.asgi import run_lifespan
from devstack.services.serving.server import Place, run_app
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await run_lifespan(receive, send)
        return
    if scope["path"] == "/broken":
        raise RuntimeError("a secret of the server")
    await asyncio.sleep(float(scope["query_string"] or b"0"))
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": b"done"})
run_app(app, Place("slow", "127.0.0.1", int(sys.argv[1])), lambda line: print(line, flush=True))
"""


@contextlib.contextmanager
def slow_service() -> Iterator[tuple[HTTPConnection, subprocess.Popen[str]]]:
    """Run an application whose answers take as many seconds as the query says; yield a connection to it."""
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-c", SLOW_APP, str(port)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == f"slow listening on http://127.0.0.1:{port}/\n"
            with contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=LONG)) as connection:
                yield connection, process
        finally:
            process.kill()


def ask(connection: HTTPConnection, path: str) -> bytes:
    connection.request("GET", path)
    return connection.getresponse().read()


@pytest.mark.parametrize("name", ["api", "trading", "combined"])
def test_sigterm_ends_an_idle_service_within_a_second_and_with_0(name: str) -> None:
    with serving(name) as running:
        code, seconds = running.stop()
        assert code == 0
        assert seconds < at_this_load(1.0)
        assert running.complaints() == ""


def test_the_port_is_free_again_after_the_stop() -> None:
    with serving("trading") as running:
        running.stop()
        with serving("trading", trading_port=running.port) as again:
            assert again.announced == running.announced


def test_what_runs_is_finished_before_the_end() -> None:
    with slow_service() as (connection, process):
        connection.request("GET", "/?0.7")
        until(lambda: _has_connection(process.pid))
        process.terminate()
        response = connection.getresponse()
        assert response.read() == b"done"
        assert response.headers["connection"] == "close"
        assert process.wait(LONG) == 0


def _has_connection(pid: int) -> bool:
    found = psutil.Process(pid).net_connections("tcp")
    return any(connection.status == psutil.CONN_ESTABLISHED for connection in found)


def test_new_connections_are_refused_while_a_service_stops() -> None:
    with slow_service() as (connection, process):
        connection.request("GET", "/?1.0")
        until(lambda: _has_connection(process.pid))
        process.terminate()
        until(lambda: _is_refused(connection.port), 0.9)
        assert connection.getresponse().read() == b"done"


def _is_refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionError:  # a reset is what a connection gets that was not accepted yet
        return True
    return False


def test_a_kept_alive_connection_gets_one_more_answer_during_the_stop() -> None:
    with slow_service() as (connection, process):
        assert ask(connection, "/") == b"done"
        process.terminate()
        until(lambda: _is_refused(connection.port), 0.9)
        connection.request("GET", "/")
        response = connection.getresponse()
        assert response.read() == b"done"
        assert response.headers["connection"] == "close"
        assert process.wait(LONG) == 0


def test_a_stopping_service_lives_and_is_not_ready() -> None:
    with serving("api") as running:
        connections = [HTTPConnection("127.0.0.1", running.port, timeout=LONG) for _ in range(3)]
        for connection in connections:
            assert ask(connection, "/api/health/ready") == b'{"status":"ok"}'
        running.process.terminate()
        until(lambda: _is_refused(running.port), 0.9)
        statuses = []
        for connection, probe in zip(connections, ("ready", "live", ""), strict=True):
            connection.request("GET", f"/api/health/{probe}".rstrip("/"))
            response = connection.getresponse()
            statuses.append((response.status, b'"ready":false' in response.read()))
            connection.close()
        assert statuses == [(503, False), (200, False), (200, True)]


def test_a_second_signal_does_not_wait() -> None:
    with slow_service() as (connection, process):
        connection.request("GET", "/?60")
        until(lambda: _has_connection(process.pid))
        process.terminate()
        until(lambda: _is_refused(connection.port))
        process.terminate()
        assert process.wait(3.0) == 0


def test_an_error_of_the_application_is_told_to_the_log_and_not_to_the_client() -> None:
    with slow_service() as (connection, process):
        assert b"secret" not in ask(connection, "/broken")
        process.terminate()
        assert process.stderr is not None
        assert "a secret of the server" in process.stderr.read()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks into /proc")
def test_an_idle_service_does_not_wake_up() -> None:
    with serving("trading") as running:
        process = psutil.Process(running.process.pid)
        until(lambda: "pydantic_core" in Path(f"/proc/{process.pid}/maps").read_text(encoding="utf-8"))
        time.sleep(0.5)  # let what it does after its start be over
        before = process.num_ctx_switches().voluntary
        time.sleep(1.0)
        assert process.num_ctx_switches().voluntary - before <= 2


def test_a_taken_port_is_one_clear_message() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        with pytest.raises(PortTakenError, match=f"port {holder.getsockname()[1]} on 127.0.0.1 is taken"):
            open_listeners("127.0.0.1", holder.getsockname()[1])


def test_a_host_that_is_not_this_machines_is_a_wrong_variable() -> None:
    for host in ("192.0.2.1", "no such host"):
        with pytest.raises(ConfigError, match="HOST="):
            open_listeners(host, free_port())


def test_localhost_listens_on_every_loopback_address_that_it_means() -> None:
    port = free_port()
    listeners = open_listeners("localhost", port)
    meant = {info[4][0] for info in socket.getaddrinfo("localhost", port, type=socket.SOCK_STREAM)}
    assert {listener.getsockname()[0] for listener in listeners} == meant
    for listener in listeners:
        listener.close()


@pytest.mark.parametrize(
    ("environ", "count"),
    [
        ({}, 0),
        ({"LISTEN_FDS": "1"}, 1),
        ({"LISTEN_FDS": "2", "LISTEN_PID": "77"}, 2),
        ({"LISTEN_FDS": "1", "LISTEN_PID": "78"}, 0),
        ({"LISTEN_FDS": "many"}, 0),
        ({"LISTEN_FDS": "-1"}, 0),
        ({"LISTEN_PID": "77"}, 0),
    ],
)
def test_handed_over_sockets_are_counted_as_sd_listen_fds_does(environ: dict[str, str], count: int) -> None:
    assert count_inherited(environ, 77) == count


class Holder:
    """Holds a listening socket as a supervisor does, and starts services that take it over."""

    def __init__(self) -> None:
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(512)
        self.port = int(self.listener.getsockname()[1])

    def start(self) -> subprocess.Popen[bytes]:
        """Start a service that finds the socket as its file descriptor 3, and wait until it listens."""
        program = f"import os; os.dup2({self.listener.fileno()}, 3)\n{PROGRAM}"
        settings = f'{{"api_port": {self.port}, "listen_fds": 1}}'
        service = subprocess.Popen(
            [sys.executable, "-c", program, "combined", settings, "{}"],
            pass_fds=(self.listener.fileno(),),
            stdout=subprocess.PIPE,
        )
        assert service.stdout is not None
        assert b"listening" in service.stdout.readline()
        return service


class Customer(threading.Thread):
    """Asks again and again, over one connection or a new one each time; counts what went wrong."""

    def __init__(self, port: int, headers: dict[str, str]) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.headers = headers
        self.answers = 0
        self.failures: list[str] = []
        self.enough = threading.Event()

    def run(self) -> None:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=LONG)
        while not self.enough.is_set():
            try:
                connection.request("GET", "/api/quotes", headers=self.headers)
                response = connection.getresponse()
                response.read()
            except (OSError, HTTPException) as error:
                self.failures.append(repr(error))
                connection.close()
                continue
            assert response.status == 200
            self.answers += 1
            if response.will_close:
                connection.close()
        connection.close()


def test_no_request_is_lost_when_the_listening_socket_is_handed_over() -> None:
    holder = Holder()
    service = holder.start()
    customers = [Customer(holder.port, {"Connection": how}) for how in ("keep-alive", "close") * 6]
    try:
        for customer in customers:
            customer.start()
        for _ in range(3):
            before = sum(customer.answers for customer in customers)
            until(lambda before=before: sum(customer.answers for customer in customers) > before + 200)
            service.terminate()
            following = holder.start()
            assert service.wait(LONG) == 0
            assert service.stdout is not None
            service.stdout.close()
            service = following
    finally:
        for customer in customers:
            customer.enough.set()
        for customer in customers:
            customer.join(LONG)
        service.kill()
        service.wait()
        assert service.stdout is not None
        service.stdout.close()
        holder.listener.close()
    assert [customer.failures for customer in customers] == [[]] * 12
    assert sum(customer.answers for customer in customers) > 600


def test_who_was_accepted_in_the_moment_of_the_stop_is_let_in() -> None:
    made: list[asyncio.BaseTransport] = []

    class Protocol(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            made.append(transport)

    async def run() -> None:
        port = free_port()
        [listener] = open_listeners("127.0.0.1", port)
        server = await asyncio.get_running_loop().create_server(Protocol, sock=listener)
        with contextlib.ExitStack() as stack:
            for _ in range(5):
                stack.enter_context(socket.create_connection(("127.0.0.1", port), LONG))
            for _ in range(2):  # now they are accepted, and have no protocol yet
                await asyncio.sleep(0)
            await stop_accepting([server])
            assert len(made) == 5
            for transport in made:
                transport.abort()  # type: ignore[attr-defined] # each is a socket's

    asyncio.run(run())


def test_sockets_of_the_combined_service_close_with_1012_at_a_handover() -> None:
    holder = Holder()
    service = holder.start()
    try:
        with RawSocket(holder.port) as raw:
            raw.shake_hands()
            service.terminate()
            assert raw.close_frame().close_code == 1012
        assert service.wait(LONG) == 0
    finally:
        service.kill()
        service.wait()
        assert service.stdout is not None
        service.stdout.close()
        holder.listener.close()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads the limit of open files from /proc")
def test_a_service_may_open_more_files_than_the_shells_limit() -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 1024), hard))
    try:
        with serving("trading") as running:
            limits = Path(f"/proc/{running.process.pid}/limits").read_text(encoding="utf-8")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    line = next(line for line in limits.splitlines() if line.startswith("Max open files"))
    assert int(line.split()[3]) == min(hard, 65536)
