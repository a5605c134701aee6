"""The control socket of a real supervisor: as its document says, and as nobody should use it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from devstack.supervisor.control.server import LONGEST_QUEUE, LONGEST_REQUEST, MOST_REQUESTS
from devstack.supervisor.run.options import MOST_CLIENTS
from tests.stack import Project, child, until

DOCUMENT = Path(__file__).parents[3] / "docs" / "control-protocol.md"
TIMEOUT = 20.0


class Peer:
    """A client that sends whatever bytes it likes."""

    def __init__(self, project: Project) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        # From its folder: a test's path may be longer than a socket's may.
        with contextlib.chdir(project.folder / ".devstack"):
            self.socket.connect("control.sock")
        self.socket.settimeout(TIMEOUT)
        self.rest = b""
        self.events: list[dict[str, Any]] = []

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def line(self) -> dict[str, Any]:
        """Return the next object that comes; EOFError when there comes none."""
        while b"\n" not in self.rest:
            chunk = self.socket.recv(65536)
            if not chunk:
                raise EOFError
            self.rest += chunk
        line, _, self.rest = self.rest.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ask(
        self, method: str, parameters: dict[str, Any] | None = None, identity: object = 1
    ) -> dict[str, Any]:
        """Return the whole response to a request; events that come before it are kept."""
        request: dict[str, Any] = {"jsonrpc": "2.0", "id": identity, "method": method}
        if parameters is not None:
            request["params"] = parameters
        self.send(json.dumps(request).encode() + b"\n")
        while True:
            message = self.line()
            if "id" in message:
                return message
            self.events.append(message)

    def is_closed(self) -> bool:
        """Say whether the other end hangs up, what it sent before passed over."""
        try:
            while self.socket.recv(65536):
                continue
        except ConnectionResetError:
            return True
        return True

    def close(self) -> None:
        self.socket.close()


@contextmanager
def peers(project: Project, count: int = 1) -> Iterator[list[Peer]]:
    with ExitStack() as stack:
        yield [stack.enter_context(closing(Peer(project))) for _ in range(count)]


@pytest.fixture
def stack(project: Project) -> Project:
    """A running stack of two services."""
    project.stack({"one": child("calm"), "two": child("calm")})
    project.up_detached()
    return project


@pytest.fixture
def peer(stack: Project) -> Iterator[Peer]:
    with peers(stack) as (found,):
        yield found


def code_of(answer: dict[str, Any]) -> int:
    code: int = answer["error"]["code"]
    return code


class TestMethods:
    def test_hello_says_who_answers_and_in_which_version(self, stack: Project, peer: Peer) -> None:
        result = peer.ask("hello")["result"]
        assert result["protocol"] == 1
        assert result["project"] == str(stack.folder)
        assert result["mode"] == "dev"
        assert result["pid"] == stack.record().supervisor.pid
        assert re.fullmatch(r"\d+\.\d+\..*", result["devstack"])

    def test_status_tells_every_service(self, peer: Peer) -> None:
        result = peer.ask("status")["result"]
        assert (result["phase"], [one["name"] for one in result["services"]]) == ("running", ["one", "two"])
        assert [one["state"] for one in result["services"]] == ["ready", "ready"]

    def test_the_id_comes_back_as_it_was(self, peer: Peer) -> None:
        for identity in (0, -7, 1.5, "a text", "ü", ""):
            assert peer.ask("hello", identity=identity)["id"] == identity

    def test_stop_and_start_answer_when_they_are_done(self, peer: Peer) -> None:
        before = {one["name"]: one["pid"] for one in peer.ask("status")["result"]["services"]}
        (stopped,) = peer.ask("stop", {"services": ["one"]})["result"]["services"]
        assert (stopped["state"], stopped["pid"]) == ("stopped", None)
        (started,) = peer.ask("start", {"services": ["one"]})["result"]["services"]
        assert started["state"] == "ready"
        assert started["pid"] not in (None, before["one"])
        after = {one["name"]: one["pid"] for one in peer.ask("status")["result"]["services"]}
        assert after["two"] == before["two"]

    def test_restart_answers_when_the_new_process_is_up(self, peer: Peer) -> None:
        before = peer.ask("status")["result"]["services"][0]["pid"]
        result = peer.ask("restart", {"services": ["one"], "timeout": 10})["result"]
        assert result["services"][0]["state"] == "ready"
        assert result["services"][0]["pid"] != before
        assert result["troubles"] == []

    def test_a_start_that_takes_too_long_is_answered_with_the_trouble(self, project: Project) -> None:
        project.stack(
            {"one": child("calm"), "late": "test -e now || exec sleep 1000; echo up; exec sleep 1000"}
        )
        (project.folder / "now").touch()
        project.up_detached()
        (project.folder / "now").unlink()
        with peers(project) as (peer,):
            result = peer.ask("restart", {"services": ["late"], "timeout": 0.3})["result"]
        assert result["services"][0]["state"] == "starting"
        assert result["troubles"][0]["name"] == "late"

    def test_subscribe_sends_every_change_from_then_on(self, peer: Peer) -> None:
        peer.ask("subscribe")
        peer.ask("restart", {"services": ["one"]})
        states = [
            event["params"]["status"]["state"]
            for event in peer.events
            if event["method"] == "event" and event["params"]["type"] == "service"
        ]
        assert states == ["stopping", "starting", "ready"]
        assert all(event["jsonrpc"] == "2.0" and "id" not in event for event in peer.events)

    def test_with_output_it_is_told_which_logs_grow(self, project: Project) -> None:
        project.stack({"one": "echo up; while :; do echo tick; sleep 0.05; done"})
        project.up_detached()
        with peers(project) as (peer,):
            peer.ask("subscribe", {"output": True})
            assert peer.line() == {"jsonrpc": "2.0", "method": "output", "params": {"services": ["one"]}}

    def test_down_is_answered_when_nothing_runs_any_more(self, stack: Project, peer: Peer) -> None:
        pids = [process.pid for process in stack.record().processes]
        result = peer.ask("down", {"grace": 1})["result"]
        assert not set(pids) & set(stack.living())
        assert (result["type"], result["exit_code"], result["left"]) == ("stopped", 0, [])
        assert peer.is_closed()
        stack.until_nothing_is_left()

    def test_a_second_down_with_a_shorter_grace_hurries(self, project: Project) -> None:
        patient = '[services.one]\nports = []\nready = { log = "^up" }\nstop = { grace = 100 }'
        project.stack({"one": child("deaf")}, patient)
        up = project.up()
        with peers(project, 2) as (first, second):
            first.send(b'{"jsonrpc": "2.0", "id": 1, "method": "down"}\n')
            up.until_said("stopping (devstack down)")
            assert second.ask("down", {"grace": 0.2})["result"]["left"] == []
        assert up.wait() == 0

    def test_a_notification_is_done_and_not_answered(self, peer: Peer) -> None:
        peer.send(b'{"jsonrpc": "2.0", "method": "restart", "params": {"services": ["one"]}}\n')
        until(lambda: peer.ask("status")["result"]["services"][0]["restarts"] == 1, "the restart")

    def test_a_notification_that_is_wrong_is_not_answered_either(self, peer: Peer) -> None:
        for request in (b'"method": "explode"', b'"method": "stop"'):
            peer.send(b'{"jsonrpc": "2.0", ' + request + b"}\n")
        assert peer.ask("hello", identity=7)["id"] == 7

    def test_what_waits_is_answered_when_the_stack_is_stopped(self, project: Project) -> None:
        project.stack({"one": "test -e gone || echo up; exec sleep 1000"})
        project.up_detached()
        (project.folder / "gone").touch()
        with peers(project, 2) as (waiting, ending):
            waiting.send(
                b'{"jsonrpc": "2.0", "id": 5, "method": "restart", "params": {"services": ["one"]}}\n'
            )
            until(lambda: ending.ask("status")["result"]["services"][0]["state"] == "starting", "the restart")
            began = time.monotonic()
            ending.ask("down")
            assert code_of(waiting.line()) == -32002
            assert time.monotonic() - began < 30  # it would wait for 60


class TestErrors:
    @pytest.mark.parametrize(
        ("line", "code"),
        [
            (b"nonsense", -32700),
            (b"\x00\xff\xfe", -32700),
            (b"{", -32700),
            (b"[" * 30_000, -32700),
            (b"[]", -32600),
            (b"1", -32600),
            (b"null", -32600),
            (b'"text"', -32600),
            (b"{}", -32600),
            (b'{"jsonrpc": "2.0", "id": 1}', -32600),
            (b'{"jsonrpc": "1.0", "id": 1, "method": "hello"}', -32600),
            (b'{"jsonrpc": "2.0", "id": 1, "method": 7}', -32600),
            (b'{"jsonrpc": "2.0", "id": [1], "method": "hello"}', -32600),
            (b'{"jsonrpc": "2.0", "id": true, "method": "hello"}', -32600),
            (b'{"jsonrpc": "2.0", "id": 1e999, "method": "hello"}', -32600),
            (b'{"jsonrpc": "2.0", "id": 1, "method": "hello", "params": [1]}', -32600),
            (b'[{"jsonrpc": "2.0", "id": 1, "method": "hello"}]', -32600),
            (b'{"jsonrpc": "2.0", "id": 1, "method": "explode"}', -32601),
            (b'{"jsonrpc": "2.0", "id": 1, "method": "__class__"}', -32601),
            (b'{"jsonrpc": "2.0", "id": 1, "method": "stop"}', -32602),
            (b'{"jsonrpc": "2.0", "id": 1, "method": "stop", "params": {"services": []}}', -32602),
            (b'{"jsonrpc": "2.0", "id": 1, "method": "stop", "params": {"services": "one"}}', -32602),
            (b'{"jsonrpc": "2.0", "id": 1, "method": "stop", "params": {"services": [1]}}', -32602),
            (b'{"jsonrpc": "2.0", "id": 1, "method": "stop", "params": {"services": ["x"]}}', -32602),
            (b'{"jsonrpc": "2.0", "id": 1, "method": "down", "params": {"grace": -1}}', -32602),
            (b'{"jsonrpc": "2.0", "id": 1, "method": "down", "params": {"grace": NaN}}', -32602),
            (b'{"jsonrpc": "2.0", "id": 1, "method": "down", "params": {"grace": Infinity}}', -32602),
            (b'{"jsonrpc": "2.0", "id": 1, "method": "down", "params": {"grace": "now"}}', -32602),
            (b'{"jsonrpc": "2.0", "id": 1, "method": "down", "params": {"grace": true}}', -32602),
        ],
    )
    def test_what_is_wrong_is_said_and_the_connection_goes_on(
        self, peer: Peer, line: bytes, code: int
    ) -> None:
        peer.send(line + b"\n")
        answer = peer.line()
        assert (code_of(answer), answer["jsonrpc"]) == (code, "2.0")
        assert answer["error"]["message"]
        assert peer.ask("hello")["result"]["protocol"] == 1

    def test_an_unknown_service_is_answered_with_those_that_there_are(self, peer: Peer) -> None:
        message = peer.ask("stop", {"services": ["three"]})["error"]["message"]
        assert "three" in message
        assert "one, two" in message

    @pytest.mark.parametrize("method", ["start", "stop", "restart"])
    def test_what_is_refused_is_not_done(self, peer: Peer, method: str) -> None:
        before = peer.ask("status")["result"]["services"][0]
        assert code_of(peer.ask(method, {"services": ["one"], "timeout": "soon"})) == -32602
        after = peer.ask("status")["result"]["services"][0]
        assert (after["state"], after["pid"]) == ("ready", before["pid"])

    def test_a_request_that_is_too_long_ends_the_connection(self, stack: Project, peer: Peer) -> None:
        peer.send(b'"' + b"x" * (2 * LONGEST_REQUEST))
        assert code_of(peer.line()) == -32600
        assert peer.is_closed()
        assert stack.status()["one"]["state"] == "ready"

    def test_empty_lines_mean_nothing(self, peer: Peer) -> None:
        peer.send(b"\n\r\n  \n")
        assert peer.ask("hello")["result"]["protocol"] == 1

    def test_during_the_stop_nothing_is_started(self, project: Project) -> None:
        patient = '[services.one]\nports = []\nready = { log = "^up" }\nstop = { grace = 1 }'
        project.stack({"one": child("deaf")}, patient)
        up = project.up()
        with peers(project) as (peer,):
            up.signal(signal.SIGTERM)
            up.until_said("stopping (SIGTERM)")
            assert code_of(peer.ask("start", {"services": ["one"]})) == -32002
        assert up.wait() == 143


class TestEndurance:
    def test_half_a_request_and_a_hang_up_disturb_nobody(self, stack: Project) -> None:
        for cut in (
            b"",
            b"{",
            b'{"jsonrpc": "2.0", "id": 1, "meth',
            b'{"jsonrpc": "2.0", "id": 1, "method": "status"}\n',
        ):
            with peers(stack) as (peer,):
                peer.send(cut)
        assert stack.status()["one"]["state"] == "ready"

    def test_a_request_in_many_pieces_is_understood(self, peer: Peer) -> None:
        for byte in b'{"jsonrpc": "2.0", "id": 1, "method": "hello"}\n':
            peer.send(bytes([byte]))
        assert peer.line()["result"]["protocol"] == 1

    def test_two_hundred_clients_at_once_are_all_answered(self, stack: Project) -> None:
        with peers(stack, 200) as crowd:
            for number, peer in enumerate(crowd):
                peer.send(b'{"jsonrpc": "2.0", "id": %d, "method": "status"}\n' % number)
            answers = [peer.line() for peer in crowd]
        assert [answer["id"] for answer in answers] == list(range(200))
        assert all(answer["result"]["phase"] == "running" for answer in answers)

    def test_more_clients_than_are_served_are_refused_in_words(self, stack: Project) -> None:
        with peers(stack, MOST_CLIENTS) as crowd:
            for peer in crowd:
                assert "result" in peer.ask("hello")
            with peers(stack) as (late,):
                assert code_of(late.line()) == -32001
                assert late.is_closed()
        until(lambda: stack.run("status").returncode == 0, "room again")

    def test_more_requests_than_are_answered_at_once_are_refused(self, project: Project) -> None:
        project.stack({"one": "test -e gone || echo up; exec sleep 1000"})
        project.up_detached()
        (project.folder / "gone").touch()
        with peers(project) as (peer,):
            line = b'{"jsonrpc": "2.0", "id": 1, "method": "restart", "params": {"services": ["one"]}}\n'
            peer.send(line * (MOST_REQUESTS + 5))
            assert [code_of(peer.line()) for _ in range(5)] == [-32001] * 5

    def test_a_reader_that_does_not_read_is_let_go(self, stack: Project) -> None:
        supervisor = stack.record().supervisor.pid
        with peers(stack, 2) as (lazy, busy):
            lazy.ask("subscribe")
            lazy.socket.setblocking(False)
            request = b'{"jsonrpc": "2.0", "id": 1, "method": "status"}\n' * 200
            sent = 0
            end = time.monotonic() + TIMEOUT
            while not has_hung_up(lazy.socket):
                assert time.monotonic() < end, f"still there after {sent} bytes"
                try:
                    sent += lazy.socket.send(request)
                except BlockingIOError:
                    time.sleep(0.01)
                except (BrokenPipeError, ConnectionResetError):
                    break
            assert busy.ask("hello")["result"]["pid"] == supervisor
        assert memory_of(supervisor) < 60 * 1024 * 1024 + 4 * LONGEST_QUEUE

    def test_garbage_in_bulk_changes_nothing(self, stack: Project) -> None:
        supervisor = stack.record().supervisor.pid
        files = psutil.Process(supervisor).num_fds()
        for _ in range(20):
            with peers(stack) as (peer,):
                peer.socket.setblocking(False)
                for _ in range(20):
                    try:
                        peer.socket.send(os.urandom(65536))
                    except (BlockingIOError, BrokenPipeError, ConnectionResetError):
                        break
        assert stack.status()["one"]["state"] == "ready"
        until(lambda: psutil.Process(supervisor).num_fds() <= files, "the connections to be closed")


def has_hung_up(connection: socket.socket) -> bool:
    poll = select.poll()
    poll.register(connection, select.POLLHUP)
    return bool(poll.poll(0))


def memory_of(pid: int) -> int:
    resident: int = psutil.Process(pid).memory_info().rss
    return resident


class TestPrivacy:
    def test_socket_and_folder_are_their_users_alone(self, stack: Project) -> None:
        folder = stack.folder / ".devstack"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "control.sock").stat().st_mode) == 0o600
        assert stat.S_IMODE((folder / "record.json").stat().st_mode) == 0o600
        assert stat.S_IMODE((folder / "logs" / "one.log").stat().st_mode) == 0o600

    def test_a_folder_that_was_open_is_closed(self, project: Project) -> None:
        project.stack({"one": child("calm")})
        (project.folder / ".devstack").mkdir(mode=0o755)
        project.up_detached()
        assert stat.S_IMODE((project.folder / ".devstack").stat().st_mode) == 0o700

    @pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
    def test_another_user_cannot_connect(self, stack: Project) -> None:
        assert "PermissionError" in as_another_user(stack, opened=False)

    @pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
    def test_another_user_is_refused_even_where_the_folder_lets_him_in(self, stack: Project) -> None:
        answer = as_another_user(stack, opened=True)
        assert '"code":-32001' in answer
        assert stack.status()["one"]["state"] == "ready"


AS_ANOTHER = """
import os, socket, sys
os.chdir(sys.argv[1])
os.setgid(65534); os.setuid(65534)
peer = socket.socket(socket.AF_UNIX)
try:
    peer.connect("control.sock")
    try:
        peer.sendall(b'{"jsonrpc": "2.0", "id": 1, "method": "down"}\\n')
    except BrokenPipeError:
        pass  # it has hung up already; what it said before can still be read
    print(peer.recv(65536).decode())
except OSError as error:
    print(type(error).__name__)
"""


def as_another_user(project: Project, *, opened: bool) -> str:
    """Try to stop the stack as nobody; return what came of it. `opened` takes the files' rights away."""
    folder = project.folder / ".devstack"
    if opened:
        folder.chmod(0o777)
        (folder / "control.sock").chmod(0o666)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", AS_ANOTHER, folder], capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


class TestDocument:
    """docs/control-protocol.md says what is; its examples are run as they stand there."""

    def test_every_method_and_event_is_described(self) -> None:
        from devstack.supervisor.control.messages import _NAMES
        from devstack.supervisor.control.methods import METHODS

        text = DOCUMENT.read_text()
        assert [name for name in METHODS if f"| `{name}` |" not in text] == []
        assert [name for name in _NAMES.values() if f"| `{name}` |" not in text] == []

    def test_its_limits_are_the_servers(self) -> None:
        text = DOCUMENT.read_text()
        for figure in (LONGEST_REQUEST // 1024, MOST_CLIENTS, MOST_REQUESTS, LONGEST_QUEUE // 1024 // 1024):
            assert re.search(rf"\b{figure}\b", text), figure

    def test_its_requests_are_answered_with_the_fields_that_it_shows(self, stack: Project) -> None:
        lines = re.findall(r"^[→←] (\{.*\})$", DOCUMENT.read_text(), re.MULTILINE)
        assert len(lines) >= 8
        with peers(stack) as (peer,):
            for number, line in enumerate(lines):
                if '"method":"event"' in line or '"method":"output"' in line:
                    continue
                if '"method"' not in line:
                    continue
                shown = json.loads(lines[number + 1])
                peer.send(line.replace("web", "one").encode() + b"\n")
                answer = peer.line()
                while "id" not in answer:
                    answer = peer.line()
                assert shape(answer) == shape(shown), line

    def test_its_example_with_nc_works(self, stack: Project) -> None:
        if subprocess.run(["sh", "-c", "nc -h 2>&1 | grep -q -- -U"], check=False).returncode:
            pytest.skip("no nc with Unix sockets here")
        (command,) = re.findall(r"^\$ (printf .*nc -U.*)$", DOCUMENT.read_text(), re.MULTILINE)
        done = subprocess.run(
            ["timeout", "10", "sh", "-c", command],
            cwd=stack.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert json.loads(done.stdout.splitlines()[0])["result"]["protocol"] == 1


def shape(value: object) -> object:
    """Return the names of all fields of a JSON value; lists by their first element."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items() if name not in ("answer", "message")}
    if isinstance(value, list):
        return [shape(value[0])] if value and isinstance(value[0], dict) else "list"
    return "value"
