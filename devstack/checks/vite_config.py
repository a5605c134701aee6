"""`vite.config` against the stack: ports that disagree, a proxy in the wrong order, doors left open.

What the file computes (`Number(process.env.PORT)`) is not judged: on a running stack the other checks see
what came of it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass

from devstack.checks.vite_client import SUBPROTOCOL
from devstack.core.findings import Finding, Level
from devstack.core.ports import PortClaim, Protocol
from devstack.core.vite_config import NAMES, ViteConfig, config_option, parse_vite_config
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
    for name in (named,) if named else NAMES:
        try:
            with open(os.path.join(folder, name), encoding="utf-8-sig", errors="replace") as file:
                return parse_vite_config(name, file.read())
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            continue
        except OSError as error:
            raise ConfigError(f"cannot be read: {error.strerror}", source=name) from None
    return None


def check_vite_config(
    config: ViteConfig, claims: Iterable[PortClaim], command: str = ""
) -> tuple[Finding, ...]:
    """Compare the file with the claims of the service that runs it and of its siblings.

    `command` is that service's Procfile line: what it sets by option is not the file's to say.
    """
    claims = tuple(claims)
    page = next(
        (one for one in claims if one.protocol is Protocol.HTTP and one.service == _owner(claims)), None
    )
    hmr = next((one for one in claims if one.subprotocol == SUBPROTOCOL), None)
    findings = [
        *_check_page_port(config, page, command),
        *_check_hmr_port(config, hmr),
        *_check_proxy(config, claims),
    ]
    return tuple(findings) or (
        Finding(CHECK, Level.OK, f"{config.name} agrees with the ports of this stack"),
    )


def _owner(claims: tuple[PortClaim, ...]) -> str:
    """Return the service that runs Vite: the one with the hot-reload socket, else `frontend`."""
    return next((one.service for one in claims if one.subprotocol == SUBPROTOCOL), "frontend")


def _check_page_port(config: ViteConfig, page: PortClaim | None, command: str) -> Iterable[Finding]:
    if page is None or "--port" in command:
        return
    port = config.get("server", "port")
    variable = page.variable or "PORT"
    mend = f"server: {{ port: Number(process.env.{variable} || {page.port}), strictPort: true }}"
    if port is None and not config.has("server", "port"):
        what = f"{config.name} sets no server.port, and {page.service} claims {page.port}"
        why = f"Vite takes {VITES_OWN_PORT} then"
        yield Finding(CHECK, Level.ERROR, what, why, mend, page.service, page.port)
    elif port is not None and port.is_known and port.value != page.port:
        what = f"{config.name}:{port.line} has port {port.value}, and {page.service} claims {page.port}"
        why = "devstack waits on one port while Vite listens on the other"
        yield Finding(CHECK, Level.ERROR, what, why, mend, page.service, page.port)
    strict = config.get("server", "strictPort")
    if "--strictPort" not in command and (strict is None or strict.value is False):
        what = f"{config.name} does not set server.strictPort"
        why = (
            f"when {page.port} is taken, Vite slides to {page.port + 1} and may sit on another service's port"
        )
        yield Finding(
            CHECK, Level.WARNING, what, why, "server: { strictPort: true }", page.service, page.port
        )


def _check_hmr_port(config: ViteConfig, hmr: PortClaim | None) -> Iterable[Finding]:
    if hmr is None:
        return
    off = config.get("server", "hmr") or config.get("server", "ws")
    if off is not None and off.value is False:
        what = f"{config.name}:{off.line} switches hot reload off, and {hmr.service} claims {hmr.port} for it"
        yield Finding(
            CHECK,
            Level.WARNING,
            what,
            "a change shows only after a reload by hand",
            "",
            hmr.service,
            hmr.port,
        )
        return
    option = "ws" if config.has("server", "ws") else "hmr"
    port = config.get("server", option, "port")
    if port is not None and port.is_known and port.value != hmr.port:
        what = (
            f"{config.name}:{port.line} has {option}.port {port.value}, and {hmr.service} claims {hmr.port}"
        )
        mend = f"{option}: {{ port: Number(process.env.{hmr.variable or 'HMR_PORT'} || {hmr.port}) }}"
        why = "devstack waits on one port while Vite listens on the other"
        yield Finding(CHECK, Level.ERROR, what, why, mend, hmr.service, hmr.port)
    page = config.get("server", "port")
    is_shared = port is not None and page is not None and port.is_known and port.value == page.value
    if port is not None and not is_shared and not config.has("server", option, "host"):
        what = f"{config.name}:{port.line} sets {option}.port and no {option}.host"
        why = f"Vite opens [::]:{hmr.port} to the whole network, whatever server.host says"
        mend = f"{option}: {{ port: …, host: '127.0.0.1' }}"
        yield Finding(CHECK, Level.WARNING, what, why, mend, hmr.service, hmr.port)


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
        if one.path[:-1] == ("server", "proxy"):
            path = one.path[-1]
            target = one if one.is_known else config.get("server", "proxy", path, "target")
            text = target.value if target is not None and isinstance(target.value, str) else ""
            ws = config.get("server", "proxy", path, "ws")
            is_ws = bool(ws and ws.value) or _WS_TARGET.match(text) is not None
            rules.append(_Rule(path, text, is_ws, one.line))
    return rules
