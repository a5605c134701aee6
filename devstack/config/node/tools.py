"""How a package's script is run: its tool itself where that is simple, else the package manager."""

from __future__ import annotations

import os
import re

from devstack.config.node.package_json import PackageJson, read_package_json

LOCKFILES = (("pnpm-lock.yaml", "pnpm"), ("yarn.lock", "yarn"), ("bun.lock", "bun"), ("bun.lockb", "bun"))
LOCAL_TOOLS = frozenset(
    (
        *("vite", "next", "astro", "nuxt", "remix", "react-router", "react-scripts", "ng", "svelte-kit"),
        *("vue-cli-service", "webpack", "parcel", "rollup", "esbuild", "tsc", "electron", "wrangler"),
        *("tsx", "ts-node", "ts-node-dev", "nodemon", "nest", "json-server"),
    )
)
_SHELL = re.compile(r"[&|;<>$`\"'()*=]")


def command_of(package: PackageJson, script: str, text: str, project: str) -> str:
    """Return the command behind a script where it is simple, else the package manager's `run SCRIPT`.

    `script` is the script's name, empty for a command that is none by itself; `text` is what it says.

    Without npm in between a service gets its signals itself, starts sooner and ends without npm's words.
    """
    text, folder = text.strip(), package.folder
    first = text.partition(" ")[0]
    if not _SHELL.search(text) and f"pre{script}" not in package.scripts:
        if first == "node":
            return text
        place = tools_folder(folder, project, first) if first in LOCAL_TOOLS else None
        if place is not None:
            return f"{place}/{text}"
    if not script:
        return text if first not in LOCAL_TOOLS else f"npx {text}"
    return f"{_runner(folder, project)} run {script}"


def with_arguments(command: str, arguments: str) -> str:
    """Return the command with more arguments; npm and bun hand on only what stands behind `--`."""
    return f"{command}{' -- ' if command.startswith(('npm run ', 'bun run ')) else ' '}{arguments}"


def _runner(folder: str, project: str) -> str:
    """Return the package manager whose lockfile is in the folder, or in the project's for a workspace."""
    for place in dict.fromkeys((folder, project)):
        for lock, runner in LOCKFILES:
            if os.path.exists(os.path.join(place, lock)):
                return runner
    return "npm"


def tools_folder(folder: str, project: str, tool: str) -> str | None:
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
