"""A project's folder with files in it, and what load_stack makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from devstack.config.options import StackOptions
from devstack.config.stack import LoadedStack, load_stack
from devstack.core.service import Service

SEED_DEV = "frontend: run frontend\nhmr: run hmr\napi: run api\ntrading: run trading\n"
SEED_PROD = "server: run combined\n"


def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write `files` (name → content) into `folder` and return it."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def load(folder: Path, environ: Mapping[str, str] | None = None, **options: Any) -> LoadedStack:
    """Load the project in `folder` with `environ` as the shell's environment."""
    return load_stack(StackOptions(project=str(folder), environ=environ or {}, **options))


def numbers(loaded: LoadedStack) -> dict[str, list[int]]:
    """Return service → the ports that it claims."""
    return {service.name: [claim.port for claim in service.claims] for service in loaded.stack.services}


def seen_by(loaded: LoadedStack, name: str) -> dict[str, str]:
    """Return the whole environment that the service `name` gets."""
    return {**loaded.stack.environment, **service(loaded, name).env}


def service(loaded: LoadedStack, name: str) -> Service:
    return loaded.stack.service(name)
