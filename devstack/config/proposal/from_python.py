"""Services out of a Python project: pyproject.toml or requirements, and the module with the application."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from devstack.config.files import names_in, read_text
from devstack.config.proposal.proposed import Findings, ProposedPort, ProposedService
from devstack.errors import ConfigError

_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")
_APPLICATION = re.compile(
    r"^(\w+)\s*(?::[^=\n]+)?=\s*(FastAPI|Starlette|Litestar|Quart|Flask)\(", re.MULTILINE
)
_FACTORY = re.compile(r"^def create_app\(", re.MULTILINE)
_SKIPPED = frozenset(
    {"node_modules", ".venv", "venv", ".git", "tests", "test", "build", "dist", "site-packages"}
)
DEEPEST = 3
USUAL_PORT, FLASKS_PORT = 8000, 5000
"""Where Django, uvicorn and gunicorn listen without being told, and Flask."""
_ROOT_FILES = ("pyproject.toml", "setup.py", "setup.cfg", "manage.py")
"""What marks the folder from which a project's own modules are imported."""
_TOOLS = (("uv.lock", "uv"), ("poetry.lock", "poetry"), ("pdm.lock", "pdm"), ("Pipfile.lock", "pipenv"))
_SETTINGS = re.compile(r"DJANGO_SETTINGS_MODULE['\"],\s*['\"]([\w.]+)")


def propose_from_python(project: str) -> Findings:
    """Return the web application of a Python project as a service, in dev and in prod.

    Without one in the project's own folder, those of its immediate folders are taken.
    """
    found = _in_folder(project, project)
    if found.dev:
        return found
    for name in names_in(project):
        folder = os.path.join(project, name)
        if os.path.isdir(folder) and name not in _SKIPPED and not name.startswith("."):
            found += _in_folder(folder, project)
    return found


def _in_folder(folder: str, project: str) -> Findings:
    """Return the application in `folder`; its services run in the folder that it is imported from."""
    packages = _dependencies(folder)
    if os.path.isfile(os.path.join(folder, "manage.py")):
        return _moved(_django(folder, packages, _python(folder, project)), folder, project)
    found = _application(folder) if packages else None
    if found is None:
        return Findings()
    root = _import_root(folder, found[3])
    if root != folder:
        inside = _in_folder(root, project)
        if inside.dev:
            return inside
        found = (_module(os.path.relpath(os.path.join(folder, found[3]), root)), *found[1:])
    return _moved(_web_application(found, packages, _python(root, project)), root, project)


def _moved(found: Findings, folder: str, project: str) -> Findings:
    """Return what was found in `folder`, run there."""
    cwd = os.path.relpath(folder, project).replace(os.sep, "/")
    if cwd == ".":
        return found
    dev, prod = (
        tuple(replace(one, cwd=cwd, source=f"{cwd}/{one.source}") for one in services)
        for services in (found.dev, found.prod)
    )
    return Findings(dev, prod, found.notes)


def _import_root(folder: str, path: str) -> str:
    """Return the folder that the module at `path` inside `folder` is imported from.

    That is the nearest one above it that is a project of its own, or that its imports are right for.
    """
    parts = path.split(os.sep)[:-1]
    text = read_text(os.path.join(folder, path), path) or ""
    for depth in range(len(parts), 0, -1):
        place = os.path.join(folder, *parts[:depth])
        if any(os.path.isfile(os.path.join(place, name)) for name in _ROOT_FILES):
            return place
    for depth in range(len(parts) - 1, 0, -1):
        if parts[0] != "src" and re.search(
            rf"^\s*(?:from|import)\s+{re.escape(parts[depth])}\b", text, re.MULTILINE
        ):
            return os.path.join(folder, *parts[:depth])
    return folder


def _web_application(found: tuple[str, str, str, str], packages: frozenset[str], python: str) -> Findings:
    module, name, kind, path = found
    source = f"{path}: {name} = {kind}(…)"
    is_below_src = path.split(os.sep)[0] == "src"
    if kind in ("Flask", "factory"):
        target = module if name in ("app", "application", "create_app") else f"{module}:{name}"
        place = f"src/{target.replace('.', '/')}" if is_below_src else target
        dev = f"{python} -m flask --app {place} run --host 127.0.0.1 --port $PORT --debug"
        call = f"'{module}:create_app()'" if kind == "factory" else f"{module}:{name}"
        inside = " --pythonpath src" if is_below_src else ""
        prod = f"{python} -m gunicorn {call} --bind 127.0.0.1:$PORT{inside}"
        with_server = "gunicorn" in packages
    else:
        inside = " --app-dir src" if is_below_src else ""
        prod = f"{python} -m uvicorn {module}:{name} --host 127.0.0.1 --port $PORT{inside}"
        dev = f"{prod} --reload"
        with_server = True
    port = FLASKS_PORT if kind in ("Flask", "factory") else USUAL_PORT
    return Findings(
        (ProposedService("api", dev, source, (ProposedPort(port, "PORT"),)),),
        (ProposedService("web", prod, source),) if with_server else (),
    )


def _python(folder: str, project: str) -> str:
    """Return how this project runs its Python: its own environment, its tool, else the one on the PATH."""
    for place in dict.fromkeys((folder, project)):
        for name in (".venv", "venv"):
            if os.path.isfile(os.path.join(place, name, "bin", "python")):
                return os.path.relpath(os.path.join(place, name, "bin", "python"), folder).replace(
                    os.sep, "/"
                )
        for lock, tool in _TOOLS:
            if os.path.isfile(os.path.join(place, lock)):
                return f"{tool} run python"
    return "python3"


def _django(folder: str, packages: frozenset[str], python: str) -> Findings:
    dev = ProposedService(
        "web",
        f"{python} manage.py runserver 127.0.0.1:$PORT",
        "manage.py",
        (ProposedPort(USUAL_PORT, "PORT"),),
    )
    settings = _SETTINGS.search(read_text(os.path.join(folder, "manage.py"), "manage.py") or "")
    if "gunicorn" not in packages or settings is None:
        return Findings(
            (dev,), (), ("production: add gunicorn or another server for Django to Procfile.prod",)
        )
    module = f"{settings[1].partition('.')[0]}.wsgi"
    command = f"{python} -m gunicorn {module} --bind 127.0.0.1:$PORT"
    return Findings((dev,), (ProposedService("web", command, "manage.py, gunicorn"),))


def _dependencies(project: str) -> frozenset[str]:
    """Return the names of the packages that the project asks for, in lower case."""
    return frozenset(name.lower() for name in (*_from_pyproject(project), *_from_requirements(project)))


def _from_pyproject(project: str) -> Iterator[str]:
    text = read_text(os.path.join(project, "pyproject.toml"), "pyproject.toml")
    if text is None:
        return
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"is not TOML: {error}", source="pyproject.toml") from None
    table = _table(data, "project")
    listed = [table.get("dependencies"), *_table(table, "optional-dependencies").values()]
    listed += _table(data, "dependency-groups").values()
    listed.append([*_table(_table(_table(data, "tool"), "poetry"), "dependencies")])
    packages = (text for texts in listed if isinstance(texts, list) for text in texts)
    yield from _names(text for text in packages if isinstance(text, str))


def _table(above: dict[str, Any], key: str) -> dict[str, Any]:
    """Return the table `key`, empty where it is missing or no table."""
    value = above.get(key)
    return value if isinstance(value, dict) else {}


def _from_requirements(project: str) -> Iterator[str]:
    text = read_text(os.path.join(project, "requirements.txt"), "requirements.txt")
    yield from _names((text or "").splitlines())


def _names(requirements: Iterator[str] | list[str]) -> Iterator[str]:
    for requirement in requirements:
        match = _NAME.match(requirement.strip())
        if match:
            yield match[0]


def _application(project: str) -> tuple[str, str, str, str] | None:
    """Return module, variable, kind and file of the first web application among the sources."""
    for folder, folders, names in os.walk(project):
        inside = os.path.relpath(folder, project)
        depth = 0 if inside == "." else inside.count(os.sep) + 1
        folders[:] = sorted(name for name in folders if name not in _SKIPPED and not name.startswith("."))
        if depth >= DEEPEST:
            folders.clear()
        for name in sorted(names, key=lambda name: (name not in ("main.py", "app.py"), name)):
            if name.endswith(".py"):
                path = os.path.normpath(os.path.join(inside, name))
                with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                    text = file.read()
                if match := _APPLICATION.search(text):
                    return _module(path), match[1], match[2], path
                if "flask" in text and _FACTORY.search(text):
                    return _module(path), "create_app", "factory", path
    return None


def _module(path: str) -> str:
    parts = path.removesuffix(".py").split(os.sep)
    if parts[0] == "src":
        parts = parts[1:]
    return ".".join(part for part in parts if part != "__init__")
