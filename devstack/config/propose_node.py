"""Services out of a package.json and a vite.config."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace

from devstack.config.files import read_text
from devstack.config.package_json import PackageJson, read_package_json
from devstack.config.proposal import Findings, ProposedPort, ProposedService
from devstack.core.vite_config import NAMES, ViteConfig, parse_vite_config

VITES_OWN_PORT = 5173
LOCKFILES = (
    ("pnpm-lock.yaml", "pnpm run"),
    ("yarn.lock", "yarn run"),
    ("bun.lock", "bun run"),
    ("bun.lockb", "bun run"),
)
SEVERAL_AT_ONCE = ("concurrently", "npm-run-all", "npm-run-all2", "run-p", "turbo", "wireit")
LOCAL_TOOLS = ("vite", "tsx", "ts-node", "nodemon", "next", "astro", "nuxt", "remix", "react-scripts", "nest")
NAMED_BY_TABLE = (
    ("frontend", ("client", "frontend", "front", "web", "ui", "vite", "app")),
    ("api", ("server", "api", "backend", "back", "express")),
    ("trading", ("trading", "ws", "websocket", "socket", "sockets")),
)
SERVER_SCRIPTS = ("server", "api", "backend", "trading", "ws", "worker")
_REFERENCE = re.compile(r"(?:npm:|npm run |yarn run |yarn |pnpm run |pnpm )([\w:.*-]+)")
_SHELL = re.compile(r"[&|;<>$`\"'()*]")
_SOURCES = (".ts", ".tsx", ".mts", ".js", ".mjs", ".cjs", ".jsx")
_SKIPPED = frozenset({"node_modules", "dist", "build", ".git", "coverage", ".next", ".venv"})
MOST_FILES = 500


def propose_from_node(project: str) -> Findings:
    """Return what package.json's scripts run, in dev and in prod."""
    found = _propose_from(project, project)
    if found.dev:
        return found
    below = Findings()
    for name in sorted(os.listdir(project)):
        folder = os.path.join(project, name)
        if os.path.isdir(folder) and name not in _SKIPPED and not name.startswith("."):
            below += _named_after(name, _propose_from(folder, project))
    return Findings(below.dev, found.prod, (*found.notes, *below.notes))


def _propose_from(folder: str, project: str) -> Findings:
    """Return what the package.json of one folder runs, as if it were a project of its own."""
    package = read_package_json(folder, project)
    if package is None:
        return Findings()
    config = _vite_config(folder)
    dev = tuple(_service(package, name, config) for name in _dev_scripts(package))
    prod, notes = _prod(package)
    return Findings(dev, prod, notes)


def _named_after(folder: str, found: Findings) -> Findings:
    """Return the dev services of a part of a project, running in its folder and named after it."""
    dev = []
    for service in found.dev:
        table_name = next((name for name, signs in NAMED_BY_TABLE if folder.lower() in signs), folder)
        name = table_name if service.name in ("web", "dev", "api") else service.name
        source = f"{folder}/{service.source}"
        dev.append(replace(service, name=re.sub(r"[^A-Za-z0-9_-]", "-", name), cwd=folder, source=source))
    return Findings(tuple(dev))


def _vite_config(project: str) -> ViteConfig | None:
    for name in NAMES:
        text = read_text(os.path.join(project, name), name)
        if text is not None:
            return parse_vite_config(name, text)
    return None


def _dev_scripts(package: PackageJson) -> list[str]:
    """Return the scripts that are services in dev: those that `dev` starts together, else `dev` itself."""
    for script in ("dev", "start:dev", "develop", "serve"):
        command = package.scripts.get(script)
        if command is None:
            continue
        if any(tool in command for tool in SEVERAL_AT_ONCE):
            return list(dict.fromkeys(_referenced(package, command))) or [script]
        # Beside a plain `dev`, `dev:server` and the like run by themselves in another terminal.
        siblings = [
            name for name in package.scripts if name.startswith(f"{script}:") or name in SERVER_SCRIPTS
        ]
        return [script, *(name for name in siblings if package.scripts[name] != command)]
    siblings = [name for name in package.scripts if name.startswith("dev:")]
    return siblings or (
        ["start"] if "start" in package.scripts and "vite" not in package.dependencies else []
    )


def _referenced(package: PackageJson, command: str) -> Iterator[str]:
    """Yield the scripts that a command for several at once names, patterns such as `dev:*` resolved."""
    words = _REFERENCE.findall(command) or command.split()
    for word in words:
        if word in package.scripts:
            yield word
        elif "*" in word:
            start = word.partition("*")[0]
            yield from (name for name in package.scripts if name.startswith(start))


def _service(package: PackageJson, script: str, config: ViteConfig | None) -> ProposedService:
    text = package.scripts[script]
    source = f"package.json: {script}: {text}"
    if re.search(r"(^|[\s/])vite(\s|$)", text) and "build" not in text and "preview" not in text:
        return _vite_service(package, script, config, source)
    name = _name(package, script)
    command = _command(package, script)
    if name == "trading" and not _mentions(package.folder, "/api/ws"):
        return ProposedService("socket", command, source, (ProposedPort(3001, "WS_PORT", "tcp"),))
    if script == "dev" and name == "dev":
        name = "web"
    return ProposedService(name, command, source)


def _vite_service(
    package: PackageJson, script: str, config: ViteConfig | None, source: str
) -> ProposedService:
    """Return the service that runs Vite, and its claims as far as the port table has others."""
    command = _command(package, script)
    port = config.get("server", "port") if config else None
    computed = port is not None and not port.is_known
    number = port.value if port is not None and isinstance(port.value, int) else None
    page = ProposedPort(number or VITES_OWN_PORT, "FRONTEND_PORT")
    if not computed and "--port" not in command:
        end = " -- " if " run " in command and not command.startswith("yarn") else " "
        command += f"{end}--port $FRONTEND_PORT --strictPort"
    hmr = _hmr_port(config)
    if hmr is None:
        return ProposedService("frontend", command, source, (page,))
    if (computed or page.default == 3000) and hmr in (0, 3002):
        return ProposedService("frontend", command, source)
    claim = ProposedPort(hmr or 3002, "" if hmr else "HMR_PORT", "ws", "/", "vite-hmr")
    return ProposedService("frontend", command, source, (page, claim))


def _hmr_port(config: ViteConfig | None) -> int | None:
    """Return the hot-reload socket's own port, 0 where it is computed, None where it shares the page's."""
    for option in ("ws", "hmr"):
        port = config.get("server", option, "port") if config else None
        if port is not None:
            return port.value if isinstance(port.value, int) else 0
    return None


def _name(package: PackageJson, script: str) -> str:
    words = [
        word for word in re.split(r"[:_.-]", script.lower()) if word not in ("dev", "start", "watch", "run")
    ]
    for name, signs in NAMED_BY_TABLE:
        if any(word in signs for word in words):
            return name
    if not words and re.search(r"\b(tsx|ts-node|nodemon|node|nest)\b", package.scripts[script]):
        return "api"
    return "-".join(words) or "dev"


def _command(package: PackageJson, script: str) -> str:
    """Return the command behind a script where it is simple, else the runner's `run SCRIPT`.

    Without npm in between a service gets its signals itself, starts sooner and ends without npm's words.
    """
    text = package.scripts[script].strip()
    first = text.partition(" ")[0]
    if not _SHELL.search(text) and f"pre{script}" not in package.scripts:
        if first == "node":
            return text
        if first in LOCAL_TOOLS:
            return f"node_modules/.bin/{text}"
    found = (run for lock, run in LOCKFILES if os.path.exists(os.path.join(package.folder, lock)))
    return f"{next(found, 'npm run')} {script}"


def _prod(package: PackageJson) -> tuple[tuple[ProposedService, ...], tuple[str, ...]]:
    notes = ("production: `npm run build` first",) if "build" in package.scripts else ()
    has_socket = any(name in package.dependencies for name in ("ws", "socket.io", "uWebSockets.js"))
    name = "server" if has_socket and _mentions(package.folder, "/api/ws") else "web"
    for script in ("start:prod", "start"):
        if script in package.scripts:
            source = f"package.json: {script}: {package.scripts[script]}"
            return (ProposedService(name, _command(package, script), source),), notes
    if "vite" in package.dependencies:
        command = "node_modules/.bin/vite preview --port $PORT --strictPort"
        return (ProposedService("web", command, "package.json: vite serves what it has built"),), notes
    return (), ()


def _mentions(project: str, text: str) -> bool:
    """Say whether one of the project's own sources contains `text`."""
    seen = 0
    for folder, folders, names in os.walk(project):
        folders[:] = [name for name in folders if name not in _SKIPPED]
        for name in names:
            if name.endswith(_SOURCES):
                seen += 1
                with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                    if text in file.read():
                        return True
        if seen > MOST_FILES:
            return False
    return False
