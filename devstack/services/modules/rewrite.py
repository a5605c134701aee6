"""What dev makes of scripts and pages on their way out: versioned imports, `import.meta.hot`, the config."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from devstack.services.modules.graph import ModuleGraph, module_scripts, page_reference, resolve
from devstack.services.modules.syntax import ModuleSyntax, Reference, read_module

CLIENT_PATH = "@vite/client"
"""The name under which Vite's own client is served: what knows Vite finds ours."""

HEAD = re.compile(r"<!--.*?-->|<head\b[^>]*>", re.I | re.S)
BEFORE_HEAD = re.compile(r"\s*(?:<!doctype\b[^>]*>|<!--.*?-->|<html\b[^>]*>|\s+)*", re.I | re.S)
HAS_BASE = re.compile(r"<base\b", re.I)

Edit = tuple[int, int, str]


def rewrite_script(graph: ModuleGraph, id_: str, text: str, base_path: str) -> str:
    """Return the script as it is served; every line keeps its number, so that errors name the right one."""
    module = graph.module(id_)
    syntax = module.syntax if module is not None and module.text == text else read_module(text)
    edits = _import_edits(graph, id_, syntax, base_path)
    edits += [(found.start, found.end, json.dumps(resolve(id_, found.specifier) or found.specifier))
              for found in syntax.accepts]  # fmt: skip
    edits += [(at, at + len("import"), "__devstack_import(import.meta.url)") for at in syntax.open_imports]
    return _preamble(id_, syntax, base_path) + _apply(text, edits)


def _preamble(id_: str, syntax: ModuleSyntax, base_path: str) -> str:
    """Return what is put before the first line, on that line."""
    names = ["createHotContext as __devstack_hot"] if syntax.uses_hot else []
    names += ["importLive as __devstack_import"] if syntax.open_imports else []
    if not names:
        return ""
    client = json.dumps(base_path + CLIENT_PATH)
    hot = f" import.meta.hot = __devstack_hot({json.dumps(id_)});" if syntax.uses_hot else ""
    return f"import {{ {', '.join(names)} }} from {client};{hot} "


def _import_edits(graph: ModuleGraph, importer: str, syntax: ModuleSyntax, base_path: str) -> list[Edit]:
    edits = []
    for found in syntax.imports:
        versioned = _versioned(graph, importer, found, base_path)
        if versioned is not None:
            edits.append((found.start, found.end, json.dumps(versioned)))
    return edits


def _versioned(graph: ModuleGraph, importer: str, found: Reference, base_path: str) -> str | None:
    id_ = resolve(importer, found.specifier)
    return None if id_ is None else with_version(graph, id_, found.specifier, base_path)


def with_version(graph: ModuleGraph, id_: str, address: str, base_path: str) -> str:
    """Return `address` (that of module `id_`) with its version as the query `t`; a missing file has none."""
    if graph.module(id_) is None:
        return address
    if address.startswith("/"):
        address = base_path + address[1:]
    path, mark, fragment = address.partition("#")
    return f"{path}{'&' if '?' in path else '?'}t={graph.version(id_)}{mark}{fragment}"


def rewrite_page_scripts(graph: ModuleGraph, id_: str, html: str, base_path: str) -> str:
    """Return a page whose module scripts, and what those between tags import, carry their versions."""
    edits: list[Edit] = []
    for script in module_scripts(html):
        if script.source is None:
            inline = html[script.start : script.end]
            syntax = read_module(inline)
            text = _apply(inline, _import_edits(graph, id_, syntax, base_path))
            edits.append((script.start, script.end, text))
        elif target := resolve(id_, page_reference(script.source)):
            edits.append((script.start, script.end, with_version(graph, target, script.source, base_path)))
    return _apply(html, edits)


def add_to_head(html: str, addition: str) -> str:
    """Return the page with `addition` first in its head, or where a page without one has its head begin."""
    for match in HEAD.finditer(html):
        if not match.group().startswith("<!--"):
            return html[: match.end()] + addition + html[match.end() :]
    start = BEFORE_HEAD.match(html)
    at = start.end() if start else 0
    return html[:at] + addition + html[at:]


def config_element(config: Mapping[str, object]) -> str:
    """Return the element in which a page finds what the server tells it."""
    text = json.dumps(config, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json" id="devstack-config">{text}</script>'


def base_element(id_: str, html: str, base_path: str) -> str:
    """Return a `<base>` for the page that stands for all routes: its relative addresses hold there too."""
    return f'<base href="{base_path}">' if id_ == "/index.html" and not HAS_BASE.search(html) else ""


def _apply(text: str, edits: list[Edit]) -> str:
    parts, at = [], 0
    for start, end, replacement in sorted(edits):
        parts += [text[at:start], replacement]
        at = end
    return "".join([*parts, text[at:]])
