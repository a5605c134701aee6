"""Services out of a Python project: pyproject.toml or requirements, and the module with the application."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from devstack.config.files import names_in, read_text
from devstack.config.proposal import Findings, ProposedService
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
            below = _in_folder(folder, project)
            found += Findings(
                tuple(replace(one, cwd=name, source=f"{name}/{one.source}") for one in below.dev),
                tuple(replace(one, cwd=name, source=f"{name}/{one.source}") for one in below.prod),
                below.notes,
            )
    return found


def _in_folder(folder: str, project: str) -> Findings:
    packages = _dependencies(folder)
    python = _python(folder, project)
    if os.path.isfile(os.path.join(folder, "manage.py")):
        return _django(folder, packages, python)
    found = _application(folder) if packages else None
    if found is None:
        return Findings()
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
    return Findings(
        (ProposedService("api", dev, source),),
        (ProposedService("web", prod, source),) if with_server else (),
    )


def _python(folder: str, project: str) -> str:
    """Return how this project runs its Python: its own environment, its tool, else the one on the PATH."""
    for place in dict.fromkeys((folder, project)):
        for name in (".venv", "venv"):
            if os.path.isfile(os.path.join(place, name, "bin", "python")):
                return f"{'' if place == folder else '../'}{name}/bin/python"
        for lock, tool in _TOOLS:
            if os.path.isfile(os.path.join(place, lock)):
                return f"{tool} run python"
    return "python3"


def _django(folder: str, packages: frozenset[str], python: str) -> Findings:
    dev = ProposedService("web", f"{python} manage.py runserver 127.0.0.1:$PORT", "manage.py")
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
