"""The graph of a root's ES modules, read from the files: who imports whom, and which version each is at.

`frontend` and `hmr` are two processes and need the same answers. Both read them from the files alone, so
there is nothing to agree on, and either may be restarted without the other's noticing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from devstack.services.http.media_types import PAGES, SCRIPTS, extension
from devstack.services.http.served_files import ServedFile, find_file, read_part
from devstack.services.modules.syntax import ModuleSyntax, read_module

SKIPPED_FOLDERS = frozenset({"node_modules", "__pycache__"})
LARGEST_VERSION = 2**53 - 1  # JavaScript's largest safe integer
SCRIPT_TAG = re.compile(r"<!--.*?-->|<script\b(?P<attributes>[^>]*)>(?P<text>.*?)</script\s*>", re.I | re.S)
ATTRIBUTE = re.compile(r"""([\w:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+))""")
STYLE_IMPORT = re.compile(r"""/\*.*?\*/|@import\s+(?:url\(\s*)?["']?([^"')\s;]+)""", re.I | re.S)


NOTHING = ModuleSyntax()


@dataclass(frozen=True, slots=True)
class Module:
    """A file as a node of the graph: what it refers to, by id, and what it accepts.

    An id is the file's URL path from the root, decoded: `/app/chart.js`.
    """

    id: str
    stamp: int
    imports: frozenset[str] = frozenset()
    accepts: frozenset[str] = frozenset()
    accepts_self: bool = False
    text: str = ""
    syntax: ModuleSyntax = NOTHING


def resolve(importer: str, specifier: str) -> str | None:
    """Return the id that `specifier` means in module `importer`; None for what is not the root's own.

    Bare names and other sites' addresses are the import map's and the browser's affair.
    """
    path = unquote(re.split(r"[?#]", specifier, maxsplit=1)[0])
    if path.startswith("/") and not path.startswith("//"):
        joined = path
    elif path.startswith(("./", "../")):
        joined = f"{importer.rpartition('/')[0]}/{path}"
    else:
        return None
    parts: list[str] = []
    for part in joined.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


@dataclass(frozen=True, slots=True)
class ScriptTag:
    """A module script of a page: where its `src` value or its own text lies, and what that is."""

    start: int
    end: int
    source: str | None  # None: the module is written between the tags


def module_scripts(html: str) -> Iterator[ScriptTag]:
    """Yield the module scripts of a page, those in comments left out."""
    for match in SCRIPT_TAG.finditer(html):
        if match.group("attributes") is None:
            continue
        found = {m.group(1).lower(): m for m in ATTRIBUTE.finditer(match.group("attributes"))}
        if _attribute_value(found.get("type")).lower() != "module":
            continue
        source = found.get("src")
        if source is None:
            yield ScriptTag(match.start("text"), match.end("text"), None)
            continue
        offset = match.start("attributes")
        group = next(number for number in (2, 3, 4) if source.group(number) is not None)
        yield ScriptTag(offset + source.start(group), offset + source.end(group), source.group(group))


def _attribute_value(match: re.Match[str] | None) -> str:
    return next((value for value in match.groups()[1:] if value is not None), "") if match else ""


class ModuleGraph:
    """The modules below `root` (a real path), each as its file was when first asked for after `look`."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._modules: dict[str, Module] = {}
        self._looked_at: set[str] = set()

    def look(self) -> None:
        """From now on answer by what the files are now; called once for each request and each change."""
        self._looked_at.clear()

    def module(self, id_: str) -> Module | None:
        """Return the module, or None where there is no such file, or none that can be read."""
        known = self._modules.get(id_)
        if id_ in self._looked_at:
            return known
        self._looked_at.add(id_)
        file = find_file(self.root, tuple(id_[1:].split("/"))) if _is_servable(id_) else None
        if file is not None and (known is None or known.stamp != file.stamp):
            known = _read(id_, file)
        if file is None or known is None:
            self._modules.pop(id_, None)
            return None
        self._modules[id_] = known
        return known

    def reached(self, starts: Iterable[str], *, past_boundaries: bool = True) -> set[str]:
        """Return the ids that `starts` lead to, themselves and missing files included.

        Without `past_boundaries` an import that a change would not pass is not followed: where the
        imported accepts itself, or the importer accepts it.
        """
        seen: set[str] = set()
        waiting = list(starts)
        while waiting:
            id_ = waiting.pop()
            if id_ in seen:
                continue
            seen.add(id_)
            module = self.module(id_)
            targets = module.imports if module else ()
            waiting += [one for one in targets if past_boundaries or not self._is_boundary(module, one)]
        return seen

    def _is_boundary(self, importer: Module | None, target: str) -> bool:
        imported = self.module(target)
        return (imported is not None and imported.accepts_self) or (
            importer is not None and target in importer.accepts
        )

    def version(self, id_: str) -> int:
        """Return a number for `id_` that has never stood for another content of it or its imports.

        It is the `t` in a module's address: a browser loads each address once. It changes with the
        module's file and with every file whose change would have to re-run the module; not with one that
        is replaced by itself, for then the module goes on living at its old address.
        """
        reached = sorted(self.reached([id_], past_boundaries=False))
        stamps = tuple(module.stamp if (module := self.module(one)) else 0 for one in reached)
        return hash(stamps) & LARGEST_VERSION or 1

    def pages(self) -> list[str]:
        """Return the ids of all pages below the root."""
        return [id_ for id_ in self.files() if extension(id_) in PAGES]

    def styles(self) -> list[str]:
        """Return the ids of all style sheets below the root."""
        return [id_ for id_ in self.files() if extension(id_) == ".css"]

    def files(self) -> list[str]:
        """Return the ids of all files that are served, those of other people's packages left out."""
        found = []
        for folder, folders, names in os.walk(self.root):
            folders[:] = [name for name in folders if name[0] != "." and name not in SKIPPED_FOLDERS]
            below = os.path.relpath(folder, self.root).replace(os.sep, "/")
            prefix = "/" if below == "." else f"/{below}/"
            found += [prefix + name for name in names if name[0] != "."]
        return sorted(found)

    def importers(self, ids: Iterable[str]) -> dict[str, set[str]]:
        """Return who imports whom among `ids`: the importers by the imported."""
        importers: dict[str, set[str]] = {}
        for id_ in ids:
            module = self.module(id_)
            for target in module.imports if module else ():
                importers.setdefault(target, set()).add(id_)
        return importers


def _is_servable(id_: str) -> bool:
    return all(part and not part.startswith(".") for part in id_[1:].split("/"))


def _read(id_: str, file: ServedFile) -> Module | None:
    kind = extension(id_)
    if kind not in SCRIPTS | PAGES | {".css"}:
        return Module(id_, file.stamp)
    try:
        text = read_part(file.path, 0, file.size).decode("utf-8", "surrogateescape")
    except OSError:  # gone since it was found, or not this user's to read
        return None
    if kind in SCRIPTS:
        return _script(id_, file.stamp, text)
    if kind in PAGES:
        return Module(id_, file.stamp, frozenset(_page_imports(id_, text)), text=text)
    styles = (match.group(1) for match in STYLE_IMPORT.finditer(text) if match.group(1))
    return Module(id_, file.stamp, frozenset(_resolved(id_, map(_style_reference, styles))), text=text)


def _style_reference(address: str) -> str:
    """Return a style sheet's relative address as a specifier; there `a.css` needs no `./`."""
    return address if re.match(r"[./]|[a-z][a-z0-9+.-]*:", address, re.I) else f"./{address}"


def _script(id_: str, stamp: int, text: str) -> Module:
    syntax = read_module(text)
    imports = frozenset(_resolved(id_, (reference.specifier for reference in syntax.imports)))
    accepts = frozenset(_resolved(id_, (reference.specifier for reference in syntax.accepts)))
    return Module(id_, stamp, imports, accepts, syntax.accepts_self, text, syntax)


def _page_imports(id_: str, html: str) -> Iterator[str]:
    for script in module_scripts(html):
        if script.source is not None:
            yield from _resolved(id_, [page_reference(script.source)])
        else:
            syntax = read_module(html[script.start : script.end])
            yield from _resolved(id_, (reference.specifier for reference in syntax.imports))


def page_reference(source: str) -> str:
    """Return a script's `src` as a specifier: in a page `app.js` needs no `./`."""
    return source if re.match(r"[./]|[a-z][a-z0-9+.-]*:", source, re.I) else f"./{source}"


def _resolved(importer: str, specifiers: Iterable[str]) -> Iterator[str]:
    for specifier in specifiers:
        id_ = resolve(importer, specifier)
        if id_ is not None:
            yield id_
