"""Proposes services from the scripts of a package.json."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from devstack.config.environment.env_file import read_env_file
from devstack.config.files import names_in, shown_path
from devstack.config.node.commands import called_script, changed_folder, several_commands
from devstack.config.node.package_json import PackageJson, read_package_json
from devstack.config.node.sources import SOURCES, listens_on
from devstack.config.node.tools import command_of, tools_folder, with_arguments
from devstack.config.proposal.proposed import Findings, ProposedPort, ProposedService
from devstack.config.proposal.vite import RUNS_VITE, vite_service
from devstack.core.ports import is_port

OWN_PORT = 5000
"""For a server that reads its port from a variable, and has no number of its own."""
DEEPEST = 6
DEV_SCRIPTS = ("dev", "start:dev", "develop", "serve")
SERVER_SCRIPTS = ("server", "api", "backend", "trading", "ws", "worker")
NAMED_BY_TABLE = (
    ("frontend", ("client", "frontend", "front", "fe", "web", "ui", "vite", "app")),
    ("api", ("server", "api", "backend", "back", "be", "express")),
    ("trading", ("trading", "ws", "websocket", "socket", "sockets")),
)
# A script that reads the Procfile cannot be a line of it: it would start itself.
_READS_PROCFILE = re.compile(r"^(npx\s+)?(devstack|foreman|nf|honcho|overmind|hivemind|goreman)\s")
_TAKES_PORT = (
    (re.compile(r"^next (dev|start)\b"), 3000),
    (re.compile(r"^nuxt (dev|preview)\b"), 3000),
    (re.compile(r"^json-server\b"), 3000),
    (re.compile(r"^ng serve\b"), 4200),
    (re.compile(r"^astro (dev|preview)\b"), 4321),
    (re.compile(r"^react-router dev\b"), 5173),
    (re.compile(r"^(vue-cli-service|webpack) serve\b"), 8080),
)
"""Servers with an option `--port`, and where they listen without it."""
_READS_PORT = re.compile(r"^(react-scripts start|fastify start)\b")
"""Servers that read PORT, and listen on 3000 without it."""
_PORT_OPTION = re.compile(r"\s(?:--port|-p)[\s=](\d{2,5})\b")
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
        if RUNS_VITE.search(script.text):
            service = vite_service(package.folder, script.text, self._command(script))
        else:
            command, ports = self._with_port(script)
            service = ProposedService(_name(script, cwd), command, "", ports)
            if service.name == "trading":
                service = _trading_service(service, package.folder)
        return replace(service, source=source.replace("\n", " "), cwd=cwd)

    def _command(self, script: _Script) -> str:
        return command_of(script.package, script.name, script.text, self.project)

    def _with_port(self, script: _Script) -> tuple[str, tuple[ProposedPort, ...]]:
        """Return the command so that it listens where devstack looks, and the claims with evidence.

        A port that stands in the script stays; a known tool is handed $PORT; else the sources say it.
        """
        text, command = script.text, self._command(script)
        if (given := _PORT_OPTION.search(text)) is not None:
            return command, (ProposedPort(int(given[1])),)
        if _READS_PORT.search(text):
            return command, (ProposedPort(self._default(script, "PORT", 3000), "PORT"),)
        for pattern, number in _TAKES_PORT:
            if pattern.search(text):
                ports = (ProposedPort(self._default(script, "PORT", number), "PORT"),)
                return with_arguments(command, "--port $PORT"), ports
        return command, tuple(
            ProposedPort(
                self._default(script, call.port.variable, call.port.default or OWN_PORT),
                call.port.variable,
                "http" if call.is_http else "tcp",
            )
            for call in listens_on(text, script.package, self.project)
        )

    def _default(self, script: _Script, variable: str, number: int) -> int:
        """Return the default of a claim: what the package's own `.env` says where it has the variable."""
        if script.package.folder == self.project or not variable:
            return number  # the project's own reaches every service, and needs no second place
        for name in (".env", ".env.example"):
            path = os.path.join(script.package.folder, name)
            file = read_env_file(path, shown_path(path, self.project))
            values = [entry.value or "" for entry in file.entries if entry.name == variable] if file else []
            if values and values[-1].isascii() and values[-1].isdecimal() and is_port(int(values[-1])):
                return int(values[-1])
        return number

    def _prod(self, package: PackageJson) -> tuple[tuple[ProposedService, ...], tuple[str, ...]]:
        notes = ("production: `npm run build` first",) if "build" in package.scripts else ()
        has_socket = any(name in package.dependencies for name in ("ws", "socket.io", "uWebSockets.js"))
        name = "server" if has_socket and _mentions(package.folder, "/api/ws") else "web"
        for script in ("start:prod", "start"):
            if script in package.scripts:
                text = package.scripts[script]
                command, ports = self._with_port(_Script(package, text, script))
                # The table has a row for `server`, with page and socket on one port.
                has_row = name == "server" and [port.env for port in ports] == ["PORT"]
                service = ProposedService(
                    name, command, f"package.json: {script}: {text}", None if has_row else ports
                )
                return (service,), notes
        if "vite" in package.dependencies:
            place = tools_folder(package.folder, self.project, "vite")
            vite = f"{place}/vite" if place else "yarn vite"
            command = f"{vite} preview --port $PORT --strictPort"
            return (ProposedService("web", command, "package.json: vite serves what it has built"),), notes
        return (), ()


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


def _trading_service(service: ProposedService, folder: str) -> ProposedService:
    """Return a WebSocket server under the table's name where it has the table's path, else as `socket`."""
    if _mentions(folder, "/api/ws"):
        ports = tuple(replace(port, protocol="ws", path="/api/ws") for port in service.ports or ())
        return replace(service, ports=ports)
    return replace(
        service, name="socket", ports=tuple(replace(one, protocol="tcp") for one in service.ports or ())
    )


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


def _mentions(project: str, text: str) -> bool:
    """Say whether one of the project's own sources contains `text`."""
    seen = 0
    for folder, folders, names in os.walk(project):
        folders[:] = [name for name in folders if name not in _SKIPPED]
        for name in names:
            if name.endswith(SOURCES):
                seen += 1
                with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                    if text in file.read():
                        return True
        if seen > MOST_FILES:
            return False
    return False
