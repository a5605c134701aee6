"""A WebSocket's address, as RFC 6455, section 3, defines it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from devstack.core.ports import is_port
from devstack.errors import UsageError

_URL = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://"
    r"(?P<host>\[[0-9a-f:.]+(?:%[^\]\s]+)?\]|[^\s/?#@:\[\]]+)(?::(?P<port>[0-9]{0,9}))?(?P<path>[/?][^#]*)?",
    re.IGNORECASE,
)
_PORT_ALONE = re.compile(r":?([0-9]{1,5}(?:/.*)?)")
_DEFAULT_PORTS = {"ws": 80, "wss": 443}


@dataclass(frozen=True, slots=True)
class WebSocketUrl:
    """`host` is a name, in ASCII, or a number without brackets.

    `path` includes the query and begins with a slash.
    """

    secure: bool
    host: str
    port: int
    path: str

    @property
    def host_header(self) -> str:
        """Return what the Host header says: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self._scheme] else f"{host}:{self.port}"

    @property
    def _scheme(self) -> str:
        return "wss" if self.secure else "ws"

    def __str__(self) -> str:
        return f"{self._scheme}://{self.host_header}{self.path}"


def parse_websocket_url(text: str) -> WebSocketUrl:
    """Return the address that `text` is. UsageError: it is none; the hint says what was probably meant."""
    match = _URL.fullmatch(text)
    if match is None or match["scheme"].lower() not in _DEFAULT_PORTS:
        raise UsageError(f"{text!r} is not a WebSocket address", hint=_probably_meant(text))
    scheme = match["scheme"].lower()
    port = int(match["port"]) if match["port"] else _DEFAULT_PORTS[scheme]
    if not is_port(port):
        raise UsageError(f"{text!r} has the port {port}", hint="a port is a number from 1 to 65535")
    host = _ascii_host(text, match["host"].strip("[]"))
    path = match["path"] or "/"
    return WebSocketUrl(scheme == "wss", host, port, path if path.startswith("/") else f"/{path}")


def _ascii_host(text: str, host: str) -> str:
    """Return `host` as DNS and the Host header have it (RFC 5890). UsageError: it can be no name."""
    if ":" in host:
        return host
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        hint = "a name has parts of 1 to 63 characters between its dots"
        raise UsageError(f"{text!r} has no host that could exist", hint=hint) from None


def _probably_meant(text: str) -> str:
    for wrong, right in (("http://", "ws://"), ("https://", "wss://")):
        if text.lower().startswith(wrong):
            return f"write {right}{text[len(wrong) :]}"
    if "#" in text and _URL.match(text):
        return "a WebSocket address has no part behind a # (RFC 6455, section 3)"
    if "@" in text and _URL.match(text.replace("@", "")):
        return "a name and password in the address are not sent: leave them out"
    if (port := _PORT_ALONE.fullmatch(text)) is not None:
        return f"write ws://localhost:{port[1]}"
    if "://" not in text and _URL.fullmatch(f"ws://{text}"):
        return f"write ws://{text}"
    return "an address looks like ws://localhost:3001/api/ws, or wss:// where the server speaks TLS"
