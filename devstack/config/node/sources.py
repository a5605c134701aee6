"""Which ports a Node program listens on, by its sources: the file that a script runs, and its imports."""

from __future__ import annotations

import os
import re
from functools import cache

from devstack.config.node.commands import words_of
from devstack.config.node.listen_calls import ListenCall, Module
from devstack.config.node.package_json import PackageJson

SOURCES = (".ts", ".tsx", ".mts", ".cts", ".js", ".mjs", ".cjs", ".jsx")
MOST_FILES = 60
LONGEST = 400_000
_BUILT = re.compile(r"^(\./)?(dist|build|out|lib)/")


def listens_on(text: str, package: PackageJson, project: str) -> tuple[ListenCall, ...]:
    """Return where the program listens that the command `text` runs in the folder of `package`.

    Only what stands in its sources counts; without such evidence there is none.
    """
    entry = _entry(text, package)
    if entry is None:
        return ()

    @cache
    def load(path: str) -> Module | None:
        source = _text(path) if path.startswith(os.path.join(project, "")) else None
        if source is None:
            return None
        folder = os.path.dirname(path)

        def load_import(name: str) -> Module | None:
            found = _file(os.path.normpath(os.path.join(folder, name)))
            return load(found) if found else None

        return Module(source, load_import)

    found: dict[tuple[str, int | None], ListenCall] = {}
    waiting, seen = [entry], {entry}
    while waiting and len(seen) < MOST_FILES:
        path = waiting.pop(0)
        module = load(path)
        if module is None:
            continue
        for call in module.calls():
            found.setdefault((call.port.variable, call.port.default), call)
        for name in module.imported():
            there = _file(os.path.normpath(os.path.join(os.path.dirname(path), name)))
            if there and there not in seen and "node_modules" not in there:
                seen.add(there)
                waiting.append(there)
    return tuple(found.values())


def _entry(text: str, package: PackageJson) -> str | None:
    """Return the source file that a command runs, the last that it names; None where it names none."""
    words = [word for word in words_of(text) if not word.startswith("-") and "=" not in word]
    for find in (_plain_file, _file, _source_of_built):
        for word in reversed(words[1:] if len(words) > 1 else words):
            path = find(os.path.normpath(os.path.join(package.folder, word)))
            if path and not path.endswith((".config.js", ".config.ts", ".d.ts")):
                return path
    usual = {
        "nest": ("src/main",),
        "nodemon": (package.main, "index", "server", "app"),
        "node": (package.main,),
    }
    for word in words:
        for name in usual.get(word, ()):
            path = _file(os.path.join(package.folder, name)) if name else None
            if path:
                return path
    return None


def _plain_file(path: str) -> str | None:
    is_source = path.endswith(SOURCES) or (
        os.path.basename(os.path.dirname(path)) == "bin" and "." not in path
    )
    return path if is_source and os.path.isfile(path) else None


def _file(path: str) -> str | None:
    """Return the file that Node, or a TypeScript runner, finds at `path`."""
    if os.path.isfile(path):
        return path if path.endswith(SOURCES) else None
    stem = re.sub(r"\.(m?|c?)jsx?$", "", path)  # TypeScript is imported by the name that it will have
    candidates = [f"{one}{ending}" for one in (path, stem) for ending in SOURCES]
    candidates += [os.path.join(path, f"index{ending}") for ending in SOURCES]
    return next((one for one in candidates if os.path.isfile(one)), None)


def _source_of_built(path: str) -> str | None:
    """Return the source of a file that a build writes: `dist/index.js` comes of `src/index.ts`."""
    folder, name = os.path.split(path)
    above, built = os.path.split(folder)
    if not _BUILT.match(f"{built}/"):
        return None
    return next(
        (found for one in ("src", "server", "") if (found := _file(os.path.join(above, one, name)))), None
    )


def _text(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(LONGEST)
    except OSError:  # gone, or not ours to read: no evidence
        return None
