"""The control socket: JSON-RPC 2.0, one object a line. docs/control-protocol.md describes it.

It holds out against garbage, half a request, readers that do not read, and more clients than it serves:
a client can at most end its own connection.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from devstack.core.events import Event, Notice
from devstack.machine import system
from devstack.supervisor.control.messages import encode
from devstack.supervisor.control.methods import METHODS, RpcError
from devstack.supervisor.run.options import MOST_CLIENTS
from devstack.supervisor.run_folder.paths import run_folder, socket_path

if TYPE_CHECKING:
    from devstack.supervisor.run.running_stack import RunningStack

GrowthListeners = set[Callable[[str], None]]
"""Called with a service's name whenever its log grows."""

LONGEST_REQUEST = 64 * 1024
LONGEST_QUEUE = 1024 * 1024
GROWTH_EVERY = 0.02

MOST_REQUESTS = 64
"""Requests of one client that are being answered at the same time."""

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INTERNAL_ERROR = -32700, -32600, -32601, -32603
REFUSED = -32001
REQUEST = 'a request is {"jsonrpc": "2.0", "id": a number or a text, "method": "…", "params": {…}}'


class ControlServer:
    """Serves every client of one running stack."""

    def __init__(self, running: RunningStack, growth_listeners: GrowthListeners) -> None:
        self._running = running
        self._growth_listeners = growth_listeners
        self._token = ""
        self._server: asyncio.Server | None = None
        self._clients: set[Client] = set()

    async def start(self) -> tuple[int | None, str]:
        """Listen; return the TCP port and the token where there are no Unix sockets. Raises OSError."""
        if system.has_unix_sockets():
            listening = bind_control_socket(self._running.stack.project)
            self._server = await asyncio.start_unix_server(
                self._serve, sock=listening, limit=LONGEST_REQUEST, backlog=MOST_CLIENTS
            )
            return None, ""
        self._token = os.urandom(16).hex()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=LONGEST_REQUEST)
        return int(self._server.sockets[0].getsockname()[1]), self._token

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Client(self._running, self._growth_listeners, writer, self._token)
        if not _is_own_user(writer) or len(self._clients) >= MOST_CLIENTS:
            client.fail(None, REFUSED, "refused: another user's, or too many connections")
            writer.close()
            return
        self._clients.add(client)
        try:
            await client.serve(reader)
        except (OSError, asyncio.IncompleteReadError):
            return  # it went away, in the middle of a request or not
        finally:
            self._clients.discard(client)
            client.close()

    async def close(self) -> None:
        """Let the last answers go out, then close everything."""
        if self._server is None:
            return
        self._server.close()
        await asyncio.gather(*(client.finish() for client in tuple(self._clients)))


def bind_control_socket(project: str) -> socket.socket:
    """Return the listening control socket, which its user alone may connect to. Raises OSError.

    A socket's path may have 107 bytes at most (unix(7)), a project's may be longer: bound by its short name
    from within its folder.
    """
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before, mask = os.getcwd(), os.umask(0o177)
    try:
        os.chdir(run_folder(project))
        name = os.path.basename(socket_path(project))
        if os.path.lexists(name):
            os.unlink(name)
        listening.bind(name)
        listening.listen(MOST_CLIENTS)
    except OSError:
        listening.close()
        raise
    finally:
        os.umask(mask)
        os.chdir(before)
    return listening


def _is_own_user(writer: asyncio.StreamWriter) -> bool:
    connection = writer.get_extra_info("socket")
    if not system.has_unix_sockets():
        return True  # the token decides
    peer = system.peer_user(connection)
    return peer in (None, 0, system.user_id())


def _is_request(request: object) -> bool:
    """Say whether `request` is a request of JSON-RPC 2.0 (section 4) with its parameters by name."""
    if not isinstance(request, dict) or request.get("jsonrpc") != "2.0":
        return False
    identity = request.get("id")
    is_number = isinstance(identity, int | float) and not isinstance(identity, bool)
    is_identity = identity is None or isinstance(identity, str) or (is_number and math.isfinite(identity))
    return (
        isinstance(request.get("method"), str) and isinstance(request.get("params", {}), dict) and is_identity
    )


def _error(code: int, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


class Client:
    """One connection: its requests, and the events that it asked for."""

    def __init__(
        self,
        running: RunningStack,
        growth_listeners: GrowthListeners,
        writer: asyncio.StreamWriter,
        token: str,
    ) -> None:
        self.running = running
        self._growth_listeners = growth_listeners
        self._writer = writer
        self._token = token
        self._tasks: set[asyncio.Task[None]] = set()
        self._grown: set[str] = set()

    async def serve(self, reader: asyncio.StreamReader) -> None:
        """Answer requests until the client has no more."""
        while True:
            try:
                line = await reader.readuntil(b"\n")
            except asyncio.LimitOverrunError:
                self.fail(None, INVALID_REQUEST, f"a request may have {LONGEST_REQUEST} bytes")
                return
            if line.strip():
                self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            self.fail(None, PARSE_ERROR, "this line is no JSON")
            return
        if not _is_request(request):
            self.fail(None, INVALID_REQUEST, REQUEST)
            return
        parameters = request.get("params", {})
        if self._token and not self._has_token(parameters):
            self.fail(request.get("id"), REFUSED, "the token is missing or wrong")
            return
        if len(self._tasks) >= MOST_REQUESTS:
            self.fail(request.get("id"), REFUSED, f"{MOST_REQUESTS} requests are waiting for their answers")
            return
        task = asyncio.get_running_loop().create_task(self._answer(request, parameters))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _has_token(self, parameters: dict[str, Any]) -> bool:
        given = parameters.get("token")
        from hmac import compare_digest  # libcrypto: only where there are no Unix sockets

        return isinstance(given, str) and compare_digest(given.encode(), self._token.encode())

    async def _answer(self, request: dict[str, Any], parameters: dict[str, Any]) -> None:
        outcome = await self._outcome(request["method"], parameters)
        if "id" in request:
            self.send({"jsonrpc": "2.0", "id": request["id"], **outcome})

    async def _outcome(self, name: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Do what is asked; return the response's `result` or `error`."""
        method = METHODS.get(name)
        if method is None:
            return _error(METHOD_NOT_FOUND, f"no method {name}; there are {', '.join(METHODS)}")
        try:
            return {"result": await method(self, parameters)}
        except RpcError as error:
            return _error(error.code, error.message)
        except Exception as error:  # noqa: BLE001 - an error of ours in an answer must not end the stack
            self.running.tell(Notice(f"the control method {name} has failed: {error!r}"))
            return _error(INTERNAL_ERROR, f"devstack itself has failed: {error!r}")

    def fail(self, identity: object, code: int, message: str) -> None:
        self.send({"jsonrpc": "2.0", "id": identity, **_error(code, message)})

    def send(self, message: dict[str, Any]) -> None:
        """Send `message`. A client that does not read is let go rather than remembered for."""
        if self._writer.is_closing():
            return
        if self._writer.transport.get_write_buffer_size() > LONGEST_QUEUE:
            self._writer.transport.abort()
            return
        self._writer.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")

    def heard(self, event: Event) -> None:
        """Pass on an event of the stack."""
        self.send({"jsonrpc": "2.0", "method": "event", "params": encode(event)})

    def tell_growth(self) -> None:
        """Tell this client from now on which logs have grown."""
        self._growth_listeners.add(self.grew)

    def grew(self, name: str) -> None:
        """Tell that the log of `name` has grown; many times in a row is told once."""
        if not self._grown:
            asyncio.get_running_loop().call_later(GROWTH_EVERY, self._tell_growth)
        self._grown.add(name)

    def _tell_growth(self) -> None:
        names, self._grown = sorted(self._grown), set()
        if self._writer.transport.get_write_buffer_size():
            return  # it has not read what it was told before, and will look then
        self.send({"jsonrpc": "2.0", "method": "output", "params": {"services": names}})

    async def finish(self) -> None:
        """Send what is still to be answered, then close."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1.0)
        self.close()

    def close(self) -> None:
        self.running.audience.remove(self)
        self._growth_listeners.discard(self.grew)
        for task in self._tasks:
            task.cancel()
        self._writer.close()
