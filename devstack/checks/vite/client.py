"""What Vite tells its page about the hot-reload socket: read from the client module that the page loads.

Vite writes its settings into `/@vite/client` as constants. Their names have been the same since Vite 3; the
token came with 4.5.6, 5.4.12 and 6.0.9.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from devstack.checks.attempts import fetch

CLIENT = "/@vite/client"
SUBPROTOCOL = "vite-hmr"
_SOCKET_HOST = re.compile(
    r'const socketHost = `\$\{(?:null|"(?P<host>[^"]*)") \|\| importMetaUrl\.hostname\}'
    r'.*?\$\{"(?P<base>[^"]*)"\}`'
)
_PORT = re.compile(r'const hmrPort = (?:null|"?(?P<port>\d+)"?)')
_PROTOCOL = re.compile(r'const socketProtocol = (?:null|"(?P<protocol>\w+)")')
_TOKEN = re.compile(r'const wsToken = "(?P<token>[^"]*)"')
_BUILT_IN = "@devstack/"  # a path that the built-in frontend alone has
_SCRIPT = re.compile(rf'["\'](?P<path>/[^"\'<>]*{CLIENT}|{CLIENT})["\']')


@dataclass(frozen=True, slots=True)
class ViteClient:
    """Where the page that came from `page_port` connects to. `host` "" is the page's own host name.

    `is_built_in`: it is not Vite's but the built-in frontend's, which speaks alike.
    """

    page_port: int
    port: int
    base: str = "/"
    host: str = ""
    protocol: str = "ws"
    token: str = ""
    is_built_in: bool = False

    @property
    def path(self) -> str:
        return f"{self.base}?token={self.token}" if self.token else self.base


async def read_vite_client(port: int) -> ViteClient | None:
    """Return what the server on `port` tells its page, or None if it is no Vite dev server."""
    for path in (CLIENT, await _client_path(port)):
        response = await fetch(port, path) if path else None
        if response is not None and response.status == 200:
            client = parse_client(response.body.decode("utf-8", "replace"), port)
            if client is not None:
                return client
    return None


async def _client_path(port: int) -> str:
    """Return the client's path as the page names it: with a `base`, it is not at the root."""
    response = await fetch(port, "/")
    if response is None:
        return ""
    if response.head.get("location"):
        response = await fetch(port, response.head.get("location")) or response
    found = _SCRIPT.search(response.body.decode("utf-8", "replace"))
    return found["path"] if found and found["path"] != CLIENT else ""


def parse_client(source: str, page_port: int) -> ViteClient | None:
    """Read the constants out of the client module; None if it is not Vite's."""
    port, place = _PORT.search(source), _SOCKET_HOST.search(source)
    if port is None or place is None:
        return None
    protocol, token = _PROTOCOL.search(source), _TOKEN.search(source)
    return ViteClient(
        page_port=page_port,
        port=int(port["port"] or page_port),
        base=place["base"] or "/",
        host=place["host"] or "",
        protocol=(protocol["protocol"] if protocol else None) or "ws",
        token=token["token"] if token else "",
        is_built_in=_BUILT_IN in source,
    )
