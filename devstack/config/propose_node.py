"""Services out of a package.json and a vite.config."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from devstack.config.files import names_in, read_text
from devstack.config.node_commands import called_script, changed_folder, several_commands
from devstack.config.package_json import PackageJson, read_package_json
from devstack.config.proposal import Findings, ProposedPort, ProposedService
from devstack.core.vite_config import NAMES, ViteConfig, config_option, parse_vite_config, root_argument

VITES_OWN_PORT = 5173
DEEPEST = 6
LOCKFILES = (("pnpm-lock.yaml", "pnpm"), ("yarn.lock", "yarn"), ("bun.lock", "bun"), ("bun.lockb", "bun"))
LOCAL_TOOLS = frozenset(
    (
        *("vite", "next", "astro", "nuxt", "remix", "react-router", "react-scripts", "ng", "svelte-kit"),
        *("vue-cli-service", "webpack", "parcel", "rollup", "esbuild", "tsc", "electron", "wrangler"),
        *("tsx", "ts-node", "ts-node-dev", "nodemon", "nest", "json-server"),
    )
)
DEV_SCRIPTS = ("dev", "start:dev", "develop", "serve")
SERVER_SCRIPTS = ("server", "api", "backend", "trading", "ws", "worker")
NAMED_BY_TABLE = (
    ("frontend", ("client", "frontend", "front", "fe", "web", "ui", "vite", "app")),
    ("api", ("server", "api", "backend", "back", "be", "express")),
    ("trading", ("trading", "ws", "websocket", "socket", "sockets")),
)
_RUNS_VITE = re.compile(r"(^|[\s/])vite(\s+(dev|serve)\b|\s+-|\s*$)")
# A script that reads the Procfile cannot be a line of it: it would start itself.
_READS_PROCFILE = re.compile(r"^(npx\s+)?(devstack|foreman|nf|honcho|overmind|hivemind|goreman)\s")
# `next dev` and its like; `react-scripts start` has no option and reads the variable.
_TAKES_PORT = re.compile(
    r"^(next (dev|start)|(astro|nuxt) (dev|preview)|react-router dev|(ng|vue-cli-service) serve)\b"
)
_READS_PORT = re.compile(r"^react-scripts start\b")
_PORT_OPTION = re.compile(r"\s(?:--port|-p)[\s=](\d{2,5})\b")
_SERVERS = ("express", "fastify", "koa", "hono", "@nestjs/core", "@hapi/hapi", "ws", "socket.io")
_SHELL = re.compile(r"[&|;<>$`\"'()*=]")
_SOURCES = (".ts", ".tsx", ".mts", ".js", ".mjs", ".cjs", ".jsx")
_SKIPPED = frozenset({"node_modules", "dist", "build", ".git", "coverage", ".next", ".venv"})
MOST_FILES = 500


def propose_from_node(project: str) -> Findings:
    """Return what package.json's scripts run, in dev and in prod.

    Without a script for dev in the project's own, those of its immediate folders are taken.
    """
    reader = _Reader(project)
    found = reader.findings(project)
    if found.dev:
        return found
    below = Findings()
    for name in names_in(project):
        folder = os.path.join(project, name)
        if os.path.isdir(folder) and name not in _SKIPPED and not name.startswith("."):
            below += reader.findings(folder)
    return Findings(below.dev, found.prod, (*found.notes, *below.notes))


@dataclass(frozen=True, slots=True)
class _Script:
    """A script of a package, or a command within one; `label` is what names the service."""

    package: PackageJson
    text: str
    name: str = ""  # of the script; empty for a command that is none by itself
    label: str = ""
    depth: int = 0


@dataclass(frozen=True, slots=True)
class _Reader:
    project: str

    def findings(self, folder: str) -> Findings:
        """Return what the package.json of one folder runs."""
        package = read_package_json(folder, self.project)
        if package is None:
            return Findings()
        plain = {name: text for name, text in package.scripts.items() if not _READS_PROCFILE.match(text)}
        package = replace(package, scripts=plain)
        scripts = [_Script(package, package.scripts[name], name) for name in _dev_scripts(package)]
        if not scripts and "vite" in package.dependencies:
            scripts = [_Script(package, "vite")]
        dev = tuple(service for script in scripts for service in self._services(script))
        prod, notes = self._prod(package)
        return Findings(dev, prod, notes)

    def _services(self, script: _Script) -> Iterator[ProposedService]:
        """Yield what a script runs, followed through other scripts and folders as far as it is plain."""
        package, depth = script.package, script.depth + 1
        several = several_commands(script.text)
        called = called_script(script.text)
        moved = changed_folder(script.text)
        if depth > DEEPEST:
            yield self._service(script)
        elif several is not None:
            for label, command in several:
                yield from self._services(_Script(package, command, "", label, depth))
        elif moved is not None and (there := self._package(package, moved[0])) is not None:
            label = script.label or script.name or moved[0]
            yield from self._services(_Script(there, moved[1], "", label, depth))
        elif called is not None and (there := self._package(package, called.folder, called.is_workspace)):
            names = [name for name in there.scripts if _fits(name, called.script)]
            label = script.label or (script.name if "*" not in called.script else "") or called.folder
            for name in names:
                yield from self._services(_Script(there, there.scripts[name], name, label, depth))
            if not names:
                yield self._service(script)
        else:
            yield self._service(script)

    def _package(self, package: PackageJson, folder: str, is_workspace: bool = False) -> PackageJson | None:
        """Return the package in `folder`, seen from `package`; a workspace may be named by its last part."""
        if not folder:
            return package
        places = [folder, *(f"{above}/{folder}" for above in ("packages", "apps") if is_workspace)]
        for place in places:
            path = os.path.normpath(os.path.join(package.folder, place))
            inside = path == self.project or path.startswith(os.path.join(self.project, ""))
            if inside and (found := read_package_json(path, self.project)):
                return found
        return None

    def _service(self, script: _Script) -> ProposedService:
        package = script.package
        inside = os.path.relpath(package.folder, self.project)
        cwd = "" if inside == "." else inside.replace(os.sep, "/")
        where = f"{cwd}/package.json" if cwd else "package.json"
        source = f"{where}: {script.name}: {script.text}" if script.name else f"{where}: {script.text}"
        if _RUNS_VITE.search(script.text):
            service = _vite_service(script, self.project)
        else:
            command, ports = _with_port(script.text, _command(script, self.project))
            service = ProposedService(_name(script, cwd), command, "", ports)
            if service.name == "web" and ports is None and "$PORT" not in command and _serves(package):
                service = replace(service, ports=(ProposedPort(5000, "PORT"),))
            if service.name == "trading" and not _mentions(package.folder, "/api/ws"):
                service = replace(service, name="socket", ports=(ProposedPort(3001, "WS_PORT", "tcp"),))
        return replace(service, source=source.replace("\n", " "), cwd=cwd)

    def _prod(self, package: PackageJson) -> tuple[tuple[ProposedService, ...], tuple[str, ...]]:
        notes = ("production: `npm run build` first",) if "build" in package.scripts else ()
        has_socket = any(name in package.dependencies for name in ("ws", "socket.io", "uWebSockets.js"))
        name = "server" if has_socket and _mentions(package.folder, "/api/ws") else "web"
        for script in ("start:prod", "start"):
            if script in package.scripts:
                text = package.scripts[script]
                command, ports = _with_port(text, _command(_Script(package, text, script), self.project))
                if ports is None and name == "web" and "$PORT" not in command and _serves(package):
                    ports = (ProposedPort(5000, "PORT"),)
                return (ProposedService(name, command, f"package.json: {script}: {text}", ports),), notes
        if "vite" in package.dependencies:
            place = _bin_folder(package.folder, self.project, "vite")
            vite = f"{place}/vite" if place else "yarn vite"
            command = f"{vite} preview --port $PORT --strictPort"
            return (ProposedService("web", command, "package.json: vite serves what it has built"),), notes
        return (), ()


def _serves(package: PackageJson) -> bool:
    """Say whether the package is a server: one that reads PORT, as every platform has it."""
    return any(name in package.dependencies for name in _SERVERS)


def _dev_scripts(package: PackageJson) -> list[str]:
    """Return the scripts that are services in dev: `dev` and those that run beside it."""
    scripts = package.scripts
    for script in DEV_SCRIPTS:
        if script in scripts:
            if several_commands(scripts[script]) is not None:
                return [script]
            beside = [name for name in scripts if name.startswith(f"{script}:") or name in SERVER_SCRIPTS]
            return [script, *(name for name in beside if scripts[name] != scripts[script])]
    beside = [name for name in scripts if name.startswith("dev:")]
    return beside or (["start"] if "start" in scripts and "vite" not in package.dependencies else [])


def _fits(name: str, pattern: str) -> bool:
    """Say whether a script's name is `pattern`, in which `*` stands for anything."""
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), name) is not None


def _with_port(text: str, command: str) -> tuple[str, tuple[ProposedPort, ...] | None]:
    """Return the command so that it listens where devstack looks, and the claims that this takes.

    `text` is what the script says. A port that stands there stays; a known tool is handed $PORT.
    """
    if (given := _PORT_OPTION.search(text)) is not None:
        return command, (ProposedPort(int(given[1])),)
    if _READS_PORT.search(text):
        return command, (ProposedPort(3000, "PORT"),)
    if _TAKES_PORT.search(text) and "--port" not in text and "-p " not in text:
        end = " -- " if command.startswith(("npm run ", "bun run ")) else " "
        return f"{command}{end}--port $PORT", None
    return command, None


def _vite_service(script: _Script, project: str) -> ProposedService:
    """Return the service that runs Vite, and its claims as far as the port table has others."""
    config = _vite_config(script.package.folder, script.text)
    command = _command(script, project)
    port = config.get("server", "port") if config else None
    computed = port is not None and not port.is_known
    number = port.value if port is not None and isinstance(port.value, int) else None
    page = ProposedPort(number or VITES_OWN_PORT, "FRONTEND_PORT")
    if not computed and "--port" not in command:
        end = " -- " if command.startswith(("npm run ", "bun run ")) else " "
        command += f"{end}--port $FRONTEND_PORT --strictPort"
    hmr = _hmr_port(config)
    if hmr is None or hmr == number:
        return ProposedService("frontend", command, "", (page,))
    if (computed or page.default == 3000) and hmr in (0, 3002):
        return ProposedService("frontend", command, "")
    claim = ProposedPort(hmr or 3002, "" if hmr else "HMR_PORT", "ws", "/", "vite-hmr")
    return ProposedService("frontend", command, "", (page, claim))


def _vite_config(folder: str, command: str) -> ViteConfig | None:
    named = config_option(command)
    root = "" if named else root_argument(command)
    for name in (named,) if named else NAMES:
        text = read_text(os.path.join(folder, root, name), name)
        if text is not None:
            return parse_vite_config(name, text)
    return None


def _hmr_port(config: ViteConfig | None) -> int | None:
    """Return the hot-reload socket's own port, 0 where it is computed, None where it shares the page's."""
    for option in ("ws", "hmr"):
        port = config.get("server", option, "port") if config else None
        if port is not None:
            return port.value if isinstance(port.value, int) else 0
    return None


def _name(script: _Script, cwd: str) -> str:
    """Return the service's name: the port table's where a word of the script or its folder says so."""
    words = re.split(r"[^a-z0-9]+", f"{script.label}-{script.name}-{cwd}".lower())
    words = [word for word in words if word and word not in ("dev", "start", "watch", "run", "serve")]
    for name, signs in NAMED_BY_TABLE:
        if any(word in signs for word in words):
            return name
    if re.search(r"\b(tsx|ts-node|ts-node-dev|nodemon|node|nest|express)\b", script.text) and not words:
        return "api"
    return "-".join(dict.fromkeys(words)) or "web"


def _command(script: _Script, project: str) -> str:
    """Return the command behind a script where it is simple, else the package manager's `run SCRIPT`.

    Without npm in between a service gets its signals itself, starts sooner and ends without npm's words.
    """
    text, folder = script.text.strip(), script.package.folder
    first = text.partition(" ")[0]
    if not _SHELL.search(text) and f"pre{script.name}" not in script.package.scripts:
        if first == "node":
            return text
        place = _bin_folder(folder, project, first) if first in LOCAL_TOOLS else None
        if place is not None:
            return f"{place}/{text}"
    if not script.name:
        return text if first not in LOCAL_TOOLS else f"npx {text}"
    return f"{_runner(folder, project)} run {script.name}"


def _runner(folder: str, project: str) -> str:
    """Return the package manager whose lockfile is in the folder, or in the project's for a workspace."""
    for place in dict.fromkeys((folder, project)):
        for lock, runner in LOCKFILES:
            if os.path.exists(os.path.join(place, lock)):
                return runner
    return "npm"


def _bin_folder(folder: str, project: str, tool: str) -> str | None:
    """Return the folder with a package's tool, seen from `folder`; None where only the runner finds it.

    What is not installed yet will be in the package's own node_modules, but for a workspace's, which may be
    installed above, and for Yarn's Plug'n'Play, which has none.
    """
    places = list(dict.fromkeys((folder, project)))
    for place in places:
        if os.path.exists(os.path.join(place, "node_modules", ".bin", tool)):
            return os.path.relpath(os.path.join(place, "node_modules", ".bin"), folder).replace(os.sep, "/")
    if any(os.path.exists(os.path.join(place, ".pnp.cjs")) for place in places):
        return None
    is_workspace = folder != project and (
        os.path.exists(os.path.join(project, "pnpm-workspace.yaml"))
        or bool((above := read_package_json(project)) and above.has_workspaces)
    )
    return None if is_workspace else "node_modules/.bin"


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
