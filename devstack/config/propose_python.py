"""Services out of a Python project: pyproject.toml or requirements, and the module with the application."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from typing import Any

from devstack.config.files import read_text
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


def propose_from_python(project: str) -> Findings:
    """Return the web application of a Python project as a service, in dev and in prod."""
    packages = _dependencies(project)
    if os.path.isfile(os.path.join(project, "manage.py")):
        return _django(packages)
    found = _application(project) if packages else None
    if found is None:
        return Findings()
    module, name, kind, path = found
    if kind in ("Flask", "factory"):
        target = module if name in ("app", "application", "create_app") else f"{module}:{name}"
        dev = f"python -m flask --app {target} run --host 127.0.0.1 --port $PORT --debug"
        call = f"'{module}:create_app()'" if kind == "factory" else f"{module}:{name}"
        prod = f"python -m gunicorn {call} --bind 127.0.0.1:$PORT"
        with_server = "gunicorn" in packages
    else:
        dev = f"python -m uvicorn {module}:{name} --host 127.0.0.1 --port $PORT --reload"
        prod = dev.removesuffix(" --reload")
        with_server = True
    source = f"{path}: {name} = {kind}(…)"
    return Findings(
        (ProposedService("api", dev, source),),
        (ProposedService("web", prod, source),) if with_server else (),
    )


def _django(packages: frozenset[str]) -> Findings:
    dev = ProposedService("web", "python manage.py runserver 127.0.0.1:$PORT", "manage.py")
    if "gunicorn" not in packages:
        return Findings(
            (dev,), (), ("production: add gunicorn or another server for Django to Procfile.prod",)
        )
    prod = ProposedService("web", "python -m gunicorn --bind 127.0.0.1:$PORT wsgi", "manage.py, gunicorn")
    return Findings((dev,), (prod,), ("production: name your project's wsgi module in Procfile.prod",))


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
