"""The house stands as docs/architecture.md draws it: who imports whom, who prints, who exits."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from devstack.core.graph import start_order
from devstack.core.lifecycle import advance
from tests.core.reachable import SERVICES, events_about, reachable

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "devstack"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")

MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "core": {"errors"},
    "machine": {"core", "errors"},
    "supervisor": {"machine", "core", "errors"},
    "checks": {"supervisor", "machine", "core", "errors"},
    "config": {"core", "errors"},
    "console": {"core", "errors"},
    "services": {"core", "errors"},
    "daemon": {"supervisor", "machine", "core", "errors"},
    "cli": {"daemon", "checks", "supervisor", "machine", "config", "console", "services", "core", "errors"},
    "__main__": {"cli"},
    "__init__": set(),
}
"""Each layer with those that it may import, itself apart."""

ROOMS: dict[str, dict[str, set[str]]] = {
    "supervisor": {
        "process": set(),
        "run_folder": set(),
        "output": set(),
        "probes": {"process"},
        "cleanup": {"process", "run_folder"},
        "run": {"process", "run_folder", "output", "probes", "cleanup"},
        "control": {"run_folder", "cleanup", "run"},
        "wiring": {"output", "cleanup", "run", "control"},
    },
    "services": {
        "limits": set(),
        "settings": {"limits"},
        "websocket": set(),
        "market": set(),
        "http": {"settings"},
        "serving": {"http", "settings", "websocket"},
        "modules": {"http"},
        "pages": {"http", "modules", "settings"},
        "hmr": {"http", "modules", "settings"},
        "trading": {"limits", "market", "websocket"},
        "api": {"http", "market", "serving", "settings", "trading"},
        "apps": {
            *("api", "hmr", "http", "limits", "market", "modules", "pages"),
            *("serving", "settings", "trading", "websocket"),
        },
    },
    "config": {
        "files": set(),
        "options": set(),
        "node": {"files"},
        "procfile": {"files"},
        "environment": {"files"},
        "settings": {"files"},
        "project": {"environment", "files", "options", "procfile", "settings"},
        "selection": {"options", "procfile", "project", "settings"},
        "ports": {"environment", "node", "procfile", "selection", "settings"},
        "services": {"environment", "options", "ports", "project", "selection", "settings"},
        "stack": {"environment", "options", "ports", "project", "selection", "services", "settings"},
        "proposal": {"environment", "files", "node", "options", "procfile", "project", "settings", "stack"},
    },
    "checks": {
        "attempts": set(),
        "facts": set(),
        "node_range": set(),
        "dotenv": set(),
        "reports": set(),
        "impostors": {"facts"},
        "suspended": {"facts"},
        "vite": {"attempts", "facts"},
        "websocket": {"attempts", "facts", "vite"},
        "parity": {"attempts", "vite"},
        "exposure": {"facts", "vite"},
        "smoke": {"websocket"},
        "contract": {"facts", "exposure", "impostors", "vite", "websocket"},
        "doctor": {"attempts", "facts", "node_range"},
    },
    "cli": {
        "streams": set(),
        "running_facts": set(),
        "doctor": set(),
        "arguments": {"streams"},
        "service_commands": {"arguments"},
        "up": {"arguments", "running_facts", "streams"},
        "smoke": {"running_facts", "up"},
        "init": {"up"},
        "commands": {"arguments", "doctor", "init", "running_facts", "service_commands", "smoke", "up"},
        "main": {"arguments", "streams", "up"},
    },
}
"""The rooms of a layer: its folders and the files beside them, each with those that it may import."""

ONLY_IMPORTERS: dict[str, str | tuple[str, ...]] = {
    "psutil": "machine/",
    "rich": "console/",
    "typer": "cli/",
    "click": (),
    "dotenv": "config/environment/",
    "honcho": "config/procfile.py",
    "devstack.services": ("services/", "cli/commands/serve.py"),
}
"""What only these files may import."""


@dataclass(frozen=True)
class Import:
    """`module` is imported in `file`, on `line`, be it for annotations alone."""

    file: str
    line: int
    module: str

    def __str__(self) -> str:
        return f"devstack/{self.file}:{self.line} imports {self.module}"


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    """Return the file as the rules name it: `core/lines.py`."""
    return path.relative_to(PACKAGE).as_posix()


def layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path: Path) -> Iterator[Import]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}:{node.lineno}: imports are absolute"
            modules = [_target(node.module or "", alias.name) for alias in node.names]
        else:
            continue
        for module in modules:
            yield Import(name_of(path), node.lineno, module)


def _target(module: str, name: str) -> str:
    """Return the module that `from module import name` means: name may be a module itself."""
    inner = ROOT / Path(*module.split(".")) / name
    return f"{module}.{name}" if inner.is_dir() or inner.with_suffix(".py").is_file() else module


def layer_imported(one: Import) -> str | None:
    """Return devstack's layer that is imported, None for what is not devstack's."""
    head, _, rest = one.module.partition(".")
    if head != "devstack":
        return None
    return rest.partition(".")[0] or "__init__"


def test_every_layer_is_known() -> None:
    assert {layer_of(path) for path in sources()} == set(MAY_IMPORT)


@pytest.mark.parametrize("path", sources(), ids=name_of)
def test_imports_go_one_way(path: Path) -> None:
    layer = layer_of(path)
    allowed = MAY_IMPORT[layer] | {layer, "__init__"}
    against = [one for one in imports_of(path) if (layer_imported(one) or layer) not in allowed]
    assert not against, "\n".join(map(str, against))


def room_of(module: str, layer: str) -> str | None:
    """Return the room of `module` in `layer`, None for a module of another layer."""
    head, _, rest = module.partition(f"devstack.{layer}.")
    return rest.partition(".")[0] if rest and not head else None


@pytest.mark.parametrize("layer", ROOMS)
def test_imports_between_rooms_go_one_way(layer: str) -> None:
    rooms = ROOMS[layer]
    start_order({name: sorted(allowed) for name, allowed in rooms.items()})
    against = []
    for path in sorted((PACKAGE / layer).rglob("*.py")):
        room = room_of(_module_name(path), layer)
        if room is None:
            continue
        assert room in rooms, f"{name_of(path)}: ROOMS does not list this room"
        allowed = rooms[room] | {room}
        against += [one for one in imports_of(path) if (room_of(one.module, layer) or room) not in allowed]
    assert not against, "\n".join(map(str, against))


@pytest.mark.parametrize(("package", "importer"), ONLY_IMPORTERS.items())
def test_one_place_imports(package: str, importer: str | tuple[str, ...]) -> None:
    against = [
        one
        for path in sources()
        for one in imports_of(path)
        if f"{one.module}.".startswith(f"{package}.") and not one.file.startswith(importer)
    ]
    assert not against, "\n".join(map(str, against))


def test_no_imports_run_in_a_circle() -> None:
    """Those for annotations alone count: a reader who follows them goes round all the same."""
    modules = {_module_name(path): path for path in sources()}
    start_order(
        {
            name: sorted({one.module for one in imports_of(path)} & modules.keys() - {name})
            for name, path in modules.items()
        }
    )


def _module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@dataclass(frozen=True)
class Rule:
    """`names` are used in `places` alone. Each of `exceptions` has its reason."""

    names: tuple[str, ...]
    places: tuple[str, ...]
    exceptions: dict[str, str]


RULES = {
    "only cli exits": Rule(
        ("sys.exit", "exit", "quit", "SystemExit", "os._exit"),
        ("cli/",),
        {
            "daemon.py": "the second way in: a process of its own",
            "supervisor/cleanup/keeper.py": "the keeper must never return into the supervisor's code",
            "supervisor/cleanup/keeping.py": "it ends as the supervisor did",
        },
    ),
    "only console and cli print": Rule(
        ("print", "sys.stdout", "sys.stderr"),
        ("cli/", "console/"),
        {"supervisor/cleanup/keeping.py": "it has nobody to tell that its log cannot be written"},
    ),
    "only cli reads the environment": Rule(
        ("os.environ", "os.environb", "os.getenv"),
        ("cli/",),
        {"machine/system.py": "COMSPEC is what Windows has for a shell"},
    ),
    "one file knows the systems apart": Rule(
        ("sys.platform", "os.name", "platform.system"),
        ("machine/system.py",),
        {"services/": "they run without machine, and share nothing with the orchestrator but core"},
    ),
}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_thing_is_done_in_its_place(rule: Rule) -> None:
    allowed = (*rule.places, *rule.exceptions)
    against = [
        f"devstack/{name_of(path)}:{line} uses {name}"
        for path in sources()
        if not name_of(path).startswith(allowed)
        for line, name in _used(path)
        if name in rule.names
    ]
    assert not against, "\n".join(against)


def _used(path: Path) -> Iterator[tuple[int, str]]:
    """Yield every name that is read, with its line: `print`, `sys.exit`."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
            yield node.lineno, ast.unparse(node)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def test_no_file_is_named_for_nothing() -> None:
    names = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}
    assert not [name_of(path) for path in sources() if {path.stem, path.parent.name} & names]


def test_the_page_has_every_layer_with_its_arrows() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([\w, ]+) \|", PAGE, re.MULTILINE)
    drawn = {name: set(arrows.split(", ")) - {"nothing"} for name, arrows in rows}
    assert drawn == {name: arrows for name, arrows in MAY_IMPORT.items() if not name.startswith("__")}


def test_every_file_that_the_page_names_is_there() -> None:
    named = re.findall(r"`((?:[a-z_]+/)+(?:[\w.]+)?)`", PAGE)
    assert len(named) > 20
    assert not [
        name for name in named if not any((base / name).exists() for base in (PACKAGE, ROOT, ROOT / "docs"))
    ]


def test_the_diagram_is_the_lifecycle() -> None:
    drawn = set(re.findall(r"^    (\w+) --> (\w+): ", PAGE, re.MULTILINE))
    possible = {
        (before.state.value, after.state.value)
        for service in SERVICES
        for before in reachable(service)
        for event in events_about(before)
        if (after := advance(service, before, event, 0.0).status).state is not before.state
    }
    assert drawn == possible
