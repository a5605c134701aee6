"""`vite.config` against the stack: ports that disagree, a proxy in the wrong order, doors left open.

What the file computes (`Number(process.env.PORT)`) is not judged: on a running stack the other checks see
what came of it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from devstack.checks.vite.client import SUBPROTOCOL
from devstack.core.findings import Finding, Level
from devstack.core.javascript import SPREAD, Setting
from devstack.core.ports import PortClaim, Protocol
from devstack.core.vite_config import NAMES, ViteConfig, config_option, parse_vite_config, root_argument
from devstack.errors import ConfigError

CHECK = "vite-config"
VITES_OWN_PORT = 5173
_LOCAL_TARGET = re.compile(r"^(?:https?|wss?)://(?:localhost|127\.0\.0\.1|\[::1\]):(\d+)")
_WS_TARGET = re.compile(r"^wss?://")


def find_vite_config(folder: str, command: str = "") -> ViteConfig | None:
    """Return the configuration that Vite, started with `command`, would take in `folder`, or None.

    ConfigError for one that is there and cannot be read.
    """
    named = config_option(command)
    root = "" if named else root_argument(command)
    for name in (named,) if named else NAMES:
        try:
            with open(os.path.join(folder, root, name), encoding="utf-8-sig", errors="replace") as file:
                return parse_vite_config(name, file.read())
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            continue
        except OSError as error:
            raise ConfigError(f"cannot be read: {error.strerror}", source=name) from None
    return None


def check_vite_config(
    config: ViteConfig,
    claims: Iterable[PortClaim],
    command: str = "",
    sources: Mapping[str, str] | None = None,
) -> tuple[Finding, ...]:
    """Compare the file with the claims of the service that runs it and of its siblings.

    `command` is that service's Procfile line: what it sets by option is not the file's to say. `sources` is
    variable → where it is set (`.env:3`).
    """
    claims = tuple(claims)
    page = next(
        (one for one in claims if one.protocol is Protocol.HTTP and one.service == _owner(claims)), None
    )
    hmr = next((one for one in claims if one.subprotocol == SUBPROTOCOL), None)
    is_one_process = page is not None and hmr is not None and page.service == hmr.service
    findings = [
        *(_check_page_port(config, page, command, sources or {}) if page else ()),
        *(_check_hmr_port(config, hmr, sources or {}) if hmr and is_one_process else ()),
        *_check_proxy(config, claims),
    ]
    return tuple(findings) or (
        Finding(CHECK, Level.OK, f"{config.name} agrees with the ports of this stack"),
    )


def _owner(claims: tuple[PortClaim, ...]) -> str:
    """Return the service that runs Vite: the one with the hot-reload socket, else `frontend`."""
    return next((one.service for one in claims if one.subprotocol == SUBPROTOCOL), "frontend")


def _claimed(claim: PortClaim, sources: Mapping[str, str]) -> str:
    """Return who claims which port, and what set the number, where something did."""
    place = sources.get(claim.variable or "")
    return f"{claim.service} claims {claim.port}" + (f" ({claim.variable}, {place})" if place else "")


def _check_page_port(
    config: ViteConfig, page: PortClaim, command: str, sources: Mapping[str, str]
) -> Iterable[Finding]:
    if "--port" in command:
        return
    port = config.get("server", "port")
    variable = page.variable or "PORT"
    mend = f"server: {{ port: Number(process.env.{variable} || {page.port}), strictPort: true }}"
    if not config.may_set("server", "port"):
        what = f"{config.name} sets no server.port, and {_claimed(page, sources)}"
        why = f"Vite takes {VITES_OWN_PORT} then"
        yield Finding(CHECK, Level.ERROR, what, why, mend, page.service, page.port)
    elif port is not None and port.is_known and not _is_port(port, page.port):
        what = f"{config.name}:{port.line} has port {port.value}, and {_claimed(page, sources)}"
        why = "devstack waits on one port while Vite listens on the other"
        yield Finding(CHECK, Level.ERROR, what, why, mend, page.service, page.port)
    strict = config.get("server", "strictPort")
    is_slack = strict.value is False if strict else not config.may_set("server", "strictPort")
    if "--strictPort" not in command and is_slack:
        what = f"{config.name} does not set server.strictPort"
        why = (
            f"when {page.port} is taken, Vite slides to {page.port + 1} and may sit on another service's port"
        )
        yield Finding(
            CHECK, Level.WARNING, what, why, "server: { strictPort: true }", page.service, page.port
        )


def _check_hmr_port(config: ViteConfig, hmr: PortClaim, sources: Mapping[str, str]) -> Iterable[Finding]:
    for option in ("ws", "hmr"):
        off = config.get("server", option)
        if off is not None and off.value is False:
            yield _hmr_is_off(config, off, hmr)
            return
    option = "ws" if config.has("server", "ws") else "hmr"
    port = config.get("server", option, "port")
    if not config.may_set("server", "ws", "port") and not config.may_set("server", "hmr", "port"):
        what = f"{config.name} sets no port for hot reload, and {_claimed(hmr, sources)} for it"
        why = f"Vite serves hot reload on the page's port then, and devstack waits for {hmr.port} in vain"
        mend = f"{_socket_line(hmr)}, or let `ports` in devstack.toml claim the page's port alone"
        yield Finding(CHECK, Level.ERROR, what, why, mend, hmr.service, hmr.port)
    elif port is not None and port.is_known and not _is_port(port, hmr.port):
        what = f"{config.name}:{port.line} has {option}.port {port.value}, and {_claimed(hmr, sources)}"
        mend = f"{option}: {{ port: Number(process.env.{hmr.variable or 'HMR_PORT'} || {hmr.port}) }}"
        why = "devstack waits on one port while Vite listens on the other"
        yield Finding(CHECK, Level.ERROR, what, why, mend, hmr.service, hmr.port)
    page = config.get("server", "port")
    is_shared = port is not None and page is not None and port.is_known and port.value == page.value
    if port is not None and not is_shared and not config.may_set("server", option, "host"):
        what = f"{config.name}:{port.line} sets {option}.port and no {option}.host"
        why = f"Vite opens [::]:{hmr.port} to the whole network, whatever server.host says"
        mend = f"{option}: {{ port: …, host: '127.0.0.1' }}"
        yield Finding(CHECK, Level.WARNING, what, why, mend, hmr.service, hmr.port)


def _hmr_is_off(config: ViteConfig, off: Setting, hmr: PortClaim) -> Finding:
    option = off.path[-1]
    what = f"{config.name}:{off.line} switches hot reload off, and {hmr.service} claims {hmr.port} for it"
    why = "a change shows only after a reload by hand"
    mend = f"take `{option}: false` out, or let `ports` in devstack.toml claim the page's port alone"
    return Finding(CHECK, Level.WARNING, what, why, mend, hmr.service, hmr.port)


def _socket_line(hmr: PortClaim) -> str:
    number = f"Number(process.env.{hmr.variable or 'HMR_PORT'} || {hmr.port})"
    return f"server: {{ ws: {{ port: {number}, host: '127.0.0.1' }} }} (before Vite 8.1: hmr)"


def _is_port(setting: Setting, port: int) -> bool:
    """Say whether a literal names `port`; Vite takes '3000' too."""
    return str(setting.value) == str(port)


def _check_proxy(config: ViteConfig, claims: tuple[PortClaim, ...]) -> Iterable[Finding]:
    rules = _rules(config)
    known = {claim.port for claim in claims}
    for index, rule in enumerate(rules):
        for earlier in rules[:index]:
            if earlier.hides(rule):
                what = f"{config.name}:{rule.line} has proxy rule '{rule.path}' behind '{earlier.path}'"
                why = "the first rule that fits wins: a WebSocket to the second goes to the first's target"
                yield Finding(CHECK, Level.ERROR, what, why, f"put '{rule.path}' before '{earlier.path}'")
        match = _LOCAL_TARGET.match(rule.target)
        if match and int(match[1]) not in known:
            what = f"{config.name}:{rule.line} sends '{rule.path}' to {match[1]}, which no service claims"
            mend = f"the claims are {', '.join(map(str, sorted(known)))}"
            yield Finding(CHECK, Level.WARNING, what, "nobody of this stack answers there", mend)


@dataclass(frozen=True, slots=True)
class _Rule:
    path: str
    target: str
    is_ws: bool
    line: int

    def hides(self, later: _Rule) -> bool:
        """Say whether a WebSocket to `later` never gets there, because this rule takes it."""
        both_ws = self.is_ws and later.is_ws and not self.path.startswith("^")
        return both_ws and later.path != self.path and later.path.startswith(self.path)


def _rules(config: ViteConfig) -> list[_Rule]:
    """Return the rules of `server.proxy`, in order, as far as they are literal."""
    rules = []
    for one in config.settings:
        if one.path[:-1] == ("server", "proxy") and one.path[-1] != SPREAD:
            path = one.path[-1]
            target = one if one.is_known else config.get("server", "proxy", path, "target")
            text = target.value if target is not None and isinstance(target.value, str) else ""
            ws = config.get("server", "proxy", path, "ws")
            is_ws = bool(ws and ws.value) or _WS_TARGET.match(text) is not None
            rules.append(_Rule(path, text, is_ws, one.line))
    return rules
