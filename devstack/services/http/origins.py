"""Who may talk to a service: the Host and Origin checks of all HTTP requests and WebSocket handshakes.

A browser lets any page of any site send requests to this machine and open WebSockets to it; what it does
not let a page do is lie about its Origin. And a site that points its own name at 127.0.0.1 (DNS rebinding)
cannot help sending that name as Host. So both are checked, before anything else is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from devstack.errors import ConfigError
from devstack.services.settings import DEV, SHELL, Settings

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
WILDCARDS = frozenset({"0.0.0.0", "::", "*"})  # noqa: S104 - compared with, never bound
DEFAULT_PORTS = {"http": 80, "https": 443}

Headers = Iterable[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not answered, and the HTTP status that says so."""

    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class Authority:
    """A host name or address in lower case, without brackets, and a port (None: the scheme's own)."""

    host: str
    port: int | None


@dataclass(frozen=True, slots=True)
class OriginPolicy:
    """Which names a service goes by, and the pages of which origins may use it."""

    hosts: frozenset[str]
    ports: frozenset[int]
    extra: frozenset[tuple[str, str, int]] = frozenset()
    any_address: bool = False


def policy_for(settings: Settings, own_port: int) -> OriginPolicy:
    """Return the rules for a service that listens on `own_port`; ConfigError if a given origin is none.

    The service's own origin may connect and, in dev, the frontend's, each by every loopback name.
    """
    extra = frozenset(_parse_extra(text) for text in settings.allowed_origins)
    ports = {own_port, settings.frontend_port} if settings.mode == DEV else {own_port}
    wildcard = settings.host in WILDCARDS
    bound = set() if wildcard else {settings.host.strip("[]").lower()}
    return OriginPolicy(
        hosts=frozenset(LOOPBACK_HOSTS | bound | {host for _, host, _ in extra}),
        ports=frozenset(ports),
        extra=extra,
        any_address=wildcard,
    )


def check_request(headers: Headers, policy: OriginPolicy) -> Refusal | None:
    """Return why a request with these headers is refused, or None. Works for HTTP and WebSocket alike."""
    hosts, origins = [], []
    for name, value in headers:
        if name == b"host":
            hosts.append(value)
        elif name == b"origin":
            origins.append(value)
    if len(hosts) != 1:
        return Refusal(400, "a request needs exactly one Host header")
    refusal = _check_host(hosts[0], policy)
    return refusal or _check_origins(origins, policy)


def _check_host(value: bytes, policy: OriginPolicy) -> Refusal | None:
    authority = parse_authority(value.decode("latin-1"))
    if authority is None:
        return Refusal(400, "the Host header is malformed")
    if not _is_our_name(authority.host, policy):
        return Refusal(403, f"this server does not go by the name {authority.host}")
    return None


def _check_origins(values: list[bytes], policy: OriginPolicy) -> Refusal | None:
    """Refuse a foreign origin; none at all is no browser's, or the page's own plain GET."""
    if not values:
        return None
    if len(values) > 1:
        return Refusal(400, "a request needs at most one Origin header")
    text = values[0].decode("latin-1")
    return (
        None if is_allowed_origin(text, policy) else Refusal(403, f"pages of {text} may not use this server")
    )


def is_allowed_origin(text: str, policy: OriginPolicy) -> bool:
    """Say whether a page of origin `text` (RFC 6454, `scheme://host[:port]`) may use the service."""
    parsed = parse_origin(text)
    if parsed is None:
        return False
    _, host, port = parsed
    return parsed in policy.extra or (port in policy.ports and _is_our_name(host, policy))


def _is_our_name(host: str, policy: OriginPolicy) -> bool:
    return host in policy.hosts or (policy.any_address and _is_address(host))


def _is_address(host: str) -> bool:
    """Say whether `host` is a bare IP address: no name, so nobody can have pointed it here."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def parse_origin(text: str) -> tuple[str, str, int] | None:
    """Return scheme, host and port of an http(s) origin, or None for anything else, `null` included."""
    scheme, separator, rest = text.partition("://")
    scheme = scheme.lower()
    authority = parse_authority(rest) if separator and scheme in DEFAULT_PORTS else None
    if authority is None:
        return None
    port = DEFAULT_PORTS[scheme] if authority.port is None else authority.port
    return scheme, authority.host, port


@lru_cache(maxsize=256)
def parse_authority(text: str) -> Authority | None:
    """Return the parts of `host[:port]` or `[v6][:port]`, or None where it is malformed."""
    if not text or any(char in "/?#@\\," or char <= " " or char >= "\x7f" for char in text):
        return None
    try:
        parts = urlsplit(f"//{text}")
        port = parts.port
    except ValueError:
        return None
    if not parts.hostname or text.endswith(":"):
        return None
    return Authority(parts.hostname, port)


def _parse_extra(text: str) -> tuple[str, str, int]:
    parsed = parse_origin(text.rstrip("/"))
    if parsed is None:
        raise ConfigError(
            f"{text!r} is no origin",
            source=SHELL,
            hint="DEVSTACK_ALLOWED_ORIGINS takes origins like https://example.org:8443, separated by commas",
        )
    return parsed
