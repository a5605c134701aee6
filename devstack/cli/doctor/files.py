"""The part of doctor that reads files: `.env`, its example, vite.config, package.json, versions."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from devstack.core.findings import Finding

if TYPE_CHECKING:
    from devstack.checks.doctor import Tool
    from devstack.checks.dotenv.files import EnvValue
    from devstack.config.node.package_json import PackageJson
    from devstack.config.stack import LoadedStack
    from devstack.core.service import Service
    from devstack.core.vite_config import ViteConfig

_VITE = re.compile(r"(^|[\s/])vite(\.js)?(\s|$)")
EXAMPLES = (".env.example", ".env.sample", ".env.template")


def examine_files(loaded: LoadedStack, mode_reason: str, *, is_running: bool) -> Iterator[Finding]:
    """Yield what there is to say about the project's files and the machine's tools.

    Of a running stack, the Vite that really runs is judged elsewhere.
    """
    from devstack.checks.doctor import check_mode, check_tools
    from devstack.config.node.package_json import read_package_json

    stack = loaded.stack
    yield check_mode(stack.mode, mode_reason, stack.procfile)
    folders = dict.fromkeys((stack.project, *(service.cwd for service in stack.services)))
    packages = [package for folder in folders if (package := read_package_json(folder, stack.project))]
    yield from check_tools(_tools(packages))
    yield from _examine_env_files(loaded, packages)
    if stack.mode == "dev":
        yield from _examine_vite(loaded, is_running=is_running)


def _tools(packages: list[PackageJson]) -> Iterator[Tool]:
    from devstack import __version__
    from devstack.checks.doctor import Tool
    from devstack.machine.tools import tool_version

    yield Tool("devstack", __version__)
    yield Tool("python", platform.python_version(), ">=3.11", "devstack")
    if packages:
        wanting = next((package for package in packages if package.node_range), None)
        node = tool_version("node")
        yield Tool("node", node, wanting.node_range if wanting else "", "package.json")
        if node is not None:
            yield Tool("npm", tool_version("npm"), asked_by="package.json")


def _examine_env_files(loaded: LoadedStack, packages: list[PackageJson]) -> Iterator[Finding]:
    from devstack.checks.dotenv.files import compare_with_example, find_browser_secrets
    from devstack.config.environment.env_file import layer_names

    stack = loaded.stack
    example = next(
        (values for name in EXAMPLES if (values := _values(stack.project, name)) is not None), None
    )
    layers = {name: _values(stack.project, name) for name in layer_names(stack.mode)}
    everything = [value for values in layers.values() for value in values or ()]
    if example is not None:
        shell = [name for name, one in loaded.environment.variables.items() if one.source == "shell"]
        yield from compare_with_example(example, everything, shell)
    config = _vite_config(loaded)
    uses_vite = config is not None or any("vite" in package.dependencies for package in packages)
    prefixes = config.prefixes() if config else ("VITE_",)
    if uses_vite:
        yield from find_browser_secrets(everything, prefixes)
    for name, values in layers.items():
        if values:
            yield from _compare_readers(stack.project, name, values, packages, prefixes)


def _values(project: str, name: str) -> list[EnvValue] | None:
    """Return the values of one `.env` file as devstack reads it by itself, or None where there is none."""
    from devstack.checks.dotenv.files import EnvValue
    from devstack.config.environment.env_file import read_env_file
    from devstack.config.environment.resolve import resolve

    file = read_env_file(os.path.join(project, name), name)
    if file is None:
        return None
    variables = resolve({}, (file,)).variables.values()
    return [EnvValue(one.name, one.value, one.location) for one in variables]


def _compare_readers(
    project: str, name: str, values: list[EnvValue], packages: list[PackageJson], prefixes: tuple[str, ...]
) -> Iterator[Finding]:
    """Compare with the readers that this project's own programs use."""
    from devstack.checks.dotenv.files import compare_readings
    from devstack.checks.dotenv.node import expand, read_like_dotenv
    from devstack.checks.vite.version import installed_version
    from devstack.config.files import read_text
    from devstack.machine.tools import read_env_with_node

    text = read_text(os.path.join(project, name), name) or ""
    dependencies = {name: wish for package in packages for name, wish in package.dependencies.items()}
    scripts = " ".join(script for package in packages for script in package.scripts.values())
    if "vite" in dependencies:
        version = installed_version(project) or dependencies["vite"].lstrip("^~>=v ")
        by_node = version.split(".")[0].isdecimal() and int(version.split(".")[0]) >= 8
        read = read_env_with_node(text) if by_node else read_like_dotenv(text)
        public = [value for value in values if value.name.startswith(prefixes)]
        if read is not None:
            yield from compare_readings(public, expand(read), f"Vite {version.split('.')[0]}")
    if "dotenv" in dependencies:
        read = read_like_dotenv(text)
        expanded = expand(read) if "dotenv-expand" in dependencies else read
        yield from compare_readings(values, expanded, "npm's dotenv")
    if "--env-file" in scripts and (read := read_env_with_node(text)) is not None:
        yield from compare_readings(values, read, "node --env-file")


def _vite_service(loaded: LoadedStack) -> tuple[Service | None, str]:
    """Return the service that runs Vite and its command, seen through `npm run dev`; else `frontend`'s."""
    services = loaded.stack.services
    for service in services:
        command = _command_behind(service)
        if _VITE.search(command):
            return service, command
    return next(((one, one.command) for one in services if one.base == "frontend"), (None, ""))


def _command_behind(service: Service) -> str:
    """Return what a service runs: of a call of a package.json script, the script."""
    from devstack.config.node.commands import called_script
    from devstack.config.node.package_json import read_package_json

    called = called_script(service.command)
    package = read_package_json(service.cwd) if called and not called.folder else None
    return package.scripts.get(called.script, service.command) if package and called else service.command


def _vite_config(loaded: LoadedStack) -> ViteConfig | None:
    from devstack.checks.vite.config import find_vite_config

    service, command = _vite_service(loaded)
    return find_vite_config(service.cwd, command) if service else None


def _examine_vite(loaded: LoadedStack, *, is_running: bool) -> Iterator[Finding]:
    from devstack.checks.vite.config import check_vite_config
    from devstack.checks.vite.version import check_vite_version, installed_version

    (service, command), config = _vite_service(loaded), _vite_config(loaded)
    if service is None or config is None:
        return
    sources = {name: one.location for name, one in loaded.environment.variables.items()}
    yield from check_vite_config(config, loaded.stack.claims, command, sources)
    version = installed_version(service.cwd)
    if version is not None and not is_running:
        yield check_vite_version(version, service=service.name)
