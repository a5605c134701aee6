"""What the built-in services are told from outside: ports, address, mode, origins, as one frozen value."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from devstack.core.ports import OWN_CLAIMS, is_port
from devstack.errors import ConfigError
from devstack.services.limits import DEFAULT_LIMITS, Limits

DEV, PROD = "dev", "prod"
SHELL = "shell"


@dataclass(frozen=True, slots=True)
class Settings:
    """Ports, address and rules of the built-in stack; the defaults are the seed's.

    `base_path` is the path prefix under which a reverse proxy shows the stack ("/" for none, else "/x/").
    `allowed_origins` are origins beyond the stack's own that may use it, as `scheme://host[:port]`.
    `state_folders` are the folders, best first, in which a secret that frontend and hmr share may lie.
    `listen_fds` is the number of listening sockets that were handed over (sd_listen_fds(3)). `owns_hmr` says
    that the port of the HMR socket is a claim of this service too, as it is of a frontend without `hmr`.
    """

    host: str = "127.0.0.1"
    frontend_port: int = 3000
    hmr_port: int = 3002
    api_port: int = 5000
    trading_port: int = 3001
    mode: str = DEV
    base_path: str = "/"
    allowed_origins: tuple[str, ...] = ()
    hmr_token: str | None = None
    state_folders: tuple[str, ...] = ()
    redis_url: str | None = None
    market_seed: int = 1
    market_tick_ms: int = 100
    listen_fds: int = 0
    owns_hmr: bool = False
    limits: Limits = DEFAULT_LIMITS


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Return the settings that `environ` holds; ConfigError names the variable that is wrong."""
    return Settings(
        host=environ.get("HOST", "").strip() or "127.0.0.1",
        frontend_port=_port(environ, "FRONTEND_PORT", 3000),
        hmr_port=_port(environ, "HMR_PORT", 3002),
        api_port=_port(environ, "PORT", 5000),
        trading_port=_port(environ, "WS_PORT", 3001),
        mode=_mode(environ),
        base_path=base_path(environ.get("BASE_PATH", "")),
        allowed_origins=_origins(environ),
        hmr_token=environ.get("DEVSTACK_HMR_TOKEN") or None,
        state_folders=_state_folders(environ),
        redis_url=environ.get("REDIS_URL") or None,
        market_seed=_whole_number(environ, "MARKET_SEED", 1, range(2**63)),
        market_tick_ms=_whole_number(environ, "MARKET_TICK_MS", 100, range(1, 60_001)),
        listen_fds=count_inherited(environ, os.getpid()),
        owns_hmr="HMR_PORT" in environ.get(OWN_CLAIMS, "").split(","),
    )


def _port(environ: Mapping[str, str], variable: str, default: int) -> int:
    text = environ.get(variable, "").strip()
    if not text:
        return default
    if text.isascii() and text.isdecimal() and is_port(int(text)):
        return int(text)
    raise ConfigError(
        f"{variable}={text!r} is no port number",
        source=SHELL,
        hint=f"{variable} takes a whole number from 1 to 65535; without it the port is {default}",
    )


def _whole_number(environ: Mapping[str, str], variable: str, default: int, allowed: range) -> int:
    text = environ.get(variable, "").strip()
    if not text:
        return default
    if text.isascii() and text.isdecimal() and int(text) in allowed:
        return int(text)
    raise ConfigError(
        f"{variable}={text!r} is not what it can be",
        source=SHELL,
        hint=f"{variable} takes a whole number from {allowed[0]} to {allowed[-1]}; the default is {default}",
    )


def _mode(environ: Mapping[str, str]) -> str:
    """Return `prod` where devstack or Node's own variable says so, else `dev`."""
    named = environ.get("DEVSTACK_MODE") or {"production": PROD}.get(environ.get("NODE_ENV", ""), DEV)
    return PROD if named == PROD else DEV


def base_path(text: str) -> str:
    """Return `text` as a path that starts and ends with a slash; ConfigError if it is no plain path."""
    parts = [part for part in text.strip().split("/") if part]
    if any(part in (".", "..") or not _is_plain(part) for part in parts):
        raise ConfigError(
            f"BASE_PATH={text!r} is no path prefix", source=SHELL, hint="it is to look like /trade or /a/b"
        )
    return "/" + "".join(f"{part}/" for part in parts)


def _is_plain(part: str) -> bool:
    return all(char.isalnum() or char in "-._~" for char in part) and part.isascii()


def _origins(environ: Mapping[str, str]) -> tuple[str, ...]:
    text = environ.get("DEVSTACK_ALLOWED_ORIGINS") or environ.get("ALLOWED_ORIGINS") or ""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _state_folders(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the running stack's own folder, then the user's (XDG Base Directory Specification 0.8)."""
    folders = []
    if project := environ.get("DEVSTACK_PROJECT"):
        folders.append(f"{project}/.devstack")
    if state := environ.get("XDG_STATE_HOME") or environ.get("LOCALAPPDATA"):
        folders.append(f"{state}/devstack")
    elif home := environ.get("HOME"):
        folders.append(f"{home}/.local/state/devstack")
    return tuple(folders)


def count_inherited(environ: Mapping[str, str], pid: int) -> int:
    """Return how many listening sockets `environ` says that process `pid` inherited.

    As sd_listen_fds(3): LISTEN_PID names whom they are for. Without it they are ours: a supervisor that
    starts a service through a shell does not know the number beforehand.
    """
    count, owner = environ.get("LISTEN_FDS", ""), environ.get("LISTEN_PID", "")
    if owner and owner != str(pid):
        return 0
    return int(count) if count.isascii() and count.isdecimal() else 0
