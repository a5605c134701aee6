"""Runs ASGI applications: listens, says so, serves, and on SIGTERM or SIGINT stops gracefully.

uvicorn's protocol and lifespan do the talking; its `Server` is not used: it wakes up ten times a second,
ends by the signal that stopped it, and leaves no room for sockets that are handed over. Why its parser is
httptools, the loop asyncio's own and the WebSocket ours: docs/decisions/0009-serving.md.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from devstack.errors import ServiceError
from devstack.services.http.asgi import App
from devstack.services.serving.listening import allow_many_connections, open_listeners

if TYPE_CHECKING:
    from uvicorn.lifespan.on import LifespanOn

    from devstack.services.serving.http_protocol import State

GRACE = 8.0
"""Seconds for what is in flight when a stop is asked for: less than the supervisor's own ten."""

KEEP_ALIVE = 15
STOPPING = "stopping"
POLL_WHILE_STOPPING = 0.01
TURNS_TO_CONNECT = 5
"""Turns of the event loop, with a few to spare, until a connection that was accepted has its protocol."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a service listens. `scheme` and `path` complete the address that it announces."""

    service: str
    host: str
    port: int
    scheme: str = "http"
    path: str = "/"
    inherited: int = 0  # handed-over sockets, as LISTEN_FDS counts them

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path}"


Part = tuple[App, Place]
"""An application and where it is served."""


def run_app(app: App, place: Place, announce: Callable[[str], None]) -> None:
    """Serve `app` at `place` until SIGTERM or SIGINT, then stop gracefully and return.

    `announce` is called once, with one line, when the service listens. Errors: PortTakenError, ConfigError
    for an address that is none, ServiceError if the application does not start.
    """
    run_parts([(app, place)], announce)


def run_parts(parts: Sequence[Part], announce: Callable[[str], None]) -> None:
    """Serve several applications in this process, as `run_app` does one; `announce` is called for each.

    None is served before all of their ports are ours.
    """
    bound = [(part, open_listeners(part[1].host, part[1].port, part[1].inherited)) for part in parts]
    allow_many_connections()
    with asyncio.Runner() as runner:
        runner.run(_serve(bound, announce))


async def _serve(bound: Sequence[tuple[Part, list[socket.socket]]], announce: Callable[[str], None]) -> None:
    from devstack.services.serving.http_protocol import State

    state = State()
    started = [await _start(part, listeners, state) for part, listeners in bound]
    stop = _Stop(asyncio.get_running_loop())
    gc.freeze()  # what is there now stays: no collection need look at it again
    for (_, place), _ in bound:
        announce(f"{place.service} listening on {place.url}")
    await stop.asked.wait()
    await stop_accepting([server for _, servers in started for server in servers])
    for lifespan, _ in started:
        lifespan.state[STOPPING] = True  # requests see it in their scope's state
    await _drain(state, stop)
    for lifespan, _ in started:
        await lifespan.shutdown()


async def _start(
    part: Part, listeners: list[socket.socket], state: State
) -> tuple[LifespanOn, list[asyncio.Server]]:
    """Start one application and accept connections for it. Raises ServiceError."""
    from uvicorn.config import Config
    from uvicorn.lifespan.on import LifespanOn

    from devstack.services.serving.http_protocol import HttpProtocol

    app, place = part
    config = Config(
        app,
        http=HttpProtocol,
        ws=None,  # type: ignore[arg-type] # HttpProtocol opens WebSockets itself
        lifespan="on",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE,
    )
    config.load()
    lifespan = LifespanOn(config)
    await lifespan.startup()
    if lifespan.should_exit:
        raise ServiceError(f"{place.service} could not start; what went wrong is said above")
    loop = asyncio.get_running_loop()

    def connect() -> HttpProtocol:
        return HttpProtocol(config=config, server_state=state, app_state=lifespan.state, _loop=loop)

    servers = [await loop.create_server(connect, sock=listener, backlog=2048) for listener in listeners]
    return lifespan, servers


async def stop_accepting(servers: Sequence[asyncio.Server]) -> None:
    """Accept no more, and let in who was accepted just now: asyncio would drop them with its server."""
    loop = asyncio.get_running_loop()
    if sys.platform != "win32":  # the loop there accepts by another way
        for listener in [listener for server in servers for listener in server.sockets]:
            loop.remove_reader(listener.fileno())
    for _ in range(TURNS_TO_CONNECT):
        await asyncio.sleep(0)
    for server in servers:
        server.close()


class _Stop:
    """The signals that end a service: the first asks it to, the second does not wait for anything."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.asked = asyncio.Event()
        self.urged = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            if sys.platform == "win32":
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(self._on_signal))
            else:
                loop.add_signal_handler(number, self._on_signal)

    def _on_signal(self) -> None:
        (self.urged if self.asked.is_set() else self.asked).set()


async def _drain(state: State, stop: _Stop) -> None:
    """Let every connection finish, for GRACE seconds at most; then end what is left."""
    state.stopping = True
    for connection in list(state.connections):
        connection.shutdown()
    loop = asyncio.get_running_loop()
    deadline = loop.time() + GRACE
    while (state.connections or state.tasks) and loop.time() < deadline and not stop.urged.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.urged.wait(), POLL_WHILE_STOPPING)
    for connection in list(state.connections):
        connection.transport.abort()
    for task in list(state.tasks):
        task.cancel()
    if state.tasks:
        await asyncio.wait(state.tasks, timeout=1.0)
