"""From changed files to the messages that browsers get: which module takes a change, and what cannot be
taken without loading the page again. The messages are Vite's (`vite/types/hmrPayload.d.ts`)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from devstack.services.http.media_types import PAGES, SCRIPTS, extension
from devstack.services.modules.graph import Module, ModuleGraph, resolve
from devstack.services.modules.style_syntax import find_style_error

Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Boundary:
    """The module at which a change stops: `accepted` is run again and handed to `module`."""

    module: str
    accepted: str


@dataclass(slots=True)
class HotState:
    """What is known of a root between two changes.

    `reached` are the ids that its pages lead to, `broken` those changed ones that could not be sent on
    because an import names nothing, with the message that says so.
    """

    graph: ModuleGraph
    pages: list[str] = field(default_factory=list)
    reached: set[str] = field(default_factory=set)
    broken: dict[str, Payload] = field(default_factory=dict)

    def look(self) -> None:
        """Read the pages and all that they lead to, as the files now are."""
        self.graph.look()
        self.pages = self.graph.pages()
        self.reached = self.graph.reached(self.pages)


def plan(state: HotState, changed: Iterable[str], created: Iterable[str] = ()) -> list[Payload]:
    """Return the messages that tell browsers of `changed` (ids), in order, and bring `state` up to date.

    `created` are those that were not there before: unless something was waiting for one, a new script
    or style sheet says nothing to a page.
    """
    before = state.reached
    waiting = set(changed) | set(state.broken)
    state.look()
    unused = {one for one in created if extension(one) in SCRIPTS | {".css"} and one not in before}
    waiting -= unused - state.reached
    state.broken = _broken(state, waiting)
    sound = sorted(waiting - set(state.broken))
    messages = _updates(state, before, sound)
    gone = sorted(one for one in before - state.reached if extension(one) in SCRIPTS)
    if gone and not any(message["type"] == "full-reload" for message in messages):
        messages.append({"type": "prune", "paths": gone})
    return messages + list(state.broken.values())[:1]


def _updates(state: HotState, before: set[str], changed: list[str]) -> list[Payload]:
    """Return one update for all that can be replaced, or one reload if anything cannot."""
    updates: list[Payload] = []
    importers = state.graph.importers(state.reached)
    for id_ in changed:
        if extension(id_) in PAGES:
            return [{"type": "full-reload", "path": id_, "triggeredBy": id_}]
        if id_ in state.reached:
            boundaries = find_boundaries(state.graph, importers, id_)
            if boundaries is None:
                return [{"type": "full-reload", "path": "*", "triggeredBy": id_}]
            updates += [_js_update(state.graph, boundary) for boundary in boundaries]
        elif extension(id_) == ".css":
            updates += [_css_update(state.graph, sheet) for sheet in _sheets_with(state.graph, id_)]
        elif not (id_ in before and extension(id_) in SCRIPTS):
            return [{"type": "full-reload", "path": "*", "triggeredBy": id_}]
    unique = {(update["type"], update["path"], update["acceptedPath"]): update for update in updates}
    return [{"type": "update", "updates": list(unique.values())}] if unique else []


def _js_update(graph: ModuleGraph, boundary: Boundary) -> Payload:
    return _update("js-update", boundary.module, boundary.accepted, graph.version(boundary.accepted))


def _css_update(graph: ModuleGraph, sheet: str) -> Payload:
    return _update("css-update", sheet, sheet, graph.version(sheet))


def _update(kind: str, path: str, accepted: str, timestamp: int) -> Payload:
    return {
        "type": kind,
        "path": path,
        "acceptedPath": accepted,
        "timestamp": timestamp,
        "explicitImportRequired": False,
        "isWithinCircularImport": False,
    }


def find_boundaries(
    graph: ModuleGraph, importers: dict[str, set[str]], changed: str
) -> list[Boundary] | None:
    """Return the modules that take the change of `changed`, or None where some way up meets none.

    A module takes it that accepts itself or the one below it; a page takes nothing.
    """
    found: dict[Boundary, None] = {}
    seen: set[str] = set()
    waiting = [changed]
    while waiting:
        id_ = waiting.pop()
        if id_ in seen:
            continue
        seen.add(id_)
        module = graph.module(id_)
        if module is not None and module.accepts_self:
            found[Boundary(id_, id_)] = None
            continue
        above = sorted(importers.get(id_, ()))
        if not above:
            return None
        for importer in above:
            importing = graph.module(importer)
            if importing is not None and id_ in importing.accepts:
                found[Boundary(importer, id_)] = None
            else:
                waiting.append(importer)
    return list(found)


def plan_invalidation(state: HotState, id_: str, first: str, timestamp: int) -> Payload:
    """Return what follows from module `id_` saying that it cannot take a change after all.

    Its importers are next: where each of them accepts itself they are run again at an address of their
    own (`timestamp`), for their files are the same; else the page is loaded again.
    """
    importers = state.graph.importers(state.reached).get(id_, set()) - {id_}
    modules = [state.graph.module(importer) for importer in sorted(importers)]
    able = [module for module in modules if module is not None and module.accepts_self]
    if not able or len(able) < len(modules):
        return {"type": "full-reload", "path": "*", "triggeredBy": id_}
    updates = [
        {**_update("js-update", module.id, module.id, timestamp), "firstInvalidatedBy": first}
        for module in able
    ]
    return {"type": "update", "updates": updates}


def _sheets_with(graph: ModuleGraph, changed: str) -> list[str]:
    """Return `changed` and the style sheets that import it, directly or not: pages link to any of them."""
    sheets = [id_ for id_ in graph.styles() if changed in graph.reached([id_])]
    return sorted({changed, *sheets})


def _broken(state: HotState, ids: Iterable[str]) -> dict[str, Payload]:
    """Return, by changed id, the message about what is wrong with it."""
    importers = state.graph.importers(state.reached)
    found: dict[str, Payload] = {}
    for id_ in ids:
        message = _style_error(state.graph, id_) if extension(id_) == ".css" else None
        if message is None and id_ in state.reached:
            message = _import_error(state.graph, importers, id_)
        if message is not None:
            found[id_] = message
    return found


def _style_error(graph: ModuleGraph, id_: str) -> Payload | None:
    module = graph.module(id_)
    error = find_style_error(module.text) if module is not None else None
    if module is None or error is None:
        return None
    return _error(f"{id_}: {error.message}", module, error.at, "devstack:styles")


def _import_error(graph: ModuleGraph, importers: dict[str, set[str]], id_: str) -> Payload | None:
    """Return the message about an import of `id_`, or of `id_` where that is missing, that names nothing."""
    module = graph.module(id_)
    if module is not None:
        missing = [target for target in sorted(module.imports) if graph.module(target) is None]
        return _missing(module, missing[0]) if missing else None
    importing = [graph.module(importer) for importer in sorted(importers.get(id_, ()))]
    return next((_missing(importer, id_) for importer in importing if importer is not None), None)


def _missing(importer: Module, target: str) -> Payload:
    """Return the error message for an import of `target`, which is not there, with its place."""
    at = max(0, importer.text.find(target.rpartition("/")[2]))  # a page has no syntax that was read
    for reference in importer.syntax.imports:
        if resolve(importer.id, reference.specifier) == target:
            at = reference.start
    text = f"{importer.id} imports {target}, and there is no such file"
    return _error(text, importer, at, "devstack:imports")


def _error(message: str, module: Module, at: int, plugin: str) -> Payload:
    line = module.text.count("\n", 0, at) + 1
    column = at - module.text.rfind("\n", 0, at)
    return {
        "type": "error",
        "err": {
            "message": message,
            "stack": "",
            "id": module.id,
            "frame": code_frame(module.text, line, column),
            "plugin": plugin,
            "loc": {"file": module.id, "line": line, "column": column},
        },
    }


def code_frame(text: str, line: int, column: int) -> str:
    """Return the lines around `line`, numbered, with a caret below `column` (both from 1)."""
    shown = []
    for number, content in enumerate(text.splitlines()[: line + 2], 1):
        if number >= line - 2:
            shown.append(f"{number:>4} | {content}")
        if number == line:
            shown.append(f"     | {' ' * (column - 1)}^")
    return "\n".join(shown) + "\n" if shown else ""
