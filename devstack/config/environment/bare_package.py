"""Imports one module of a package without the package's own `__init__`, which may bring much else."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import PathFinder
from types import ModuleType


@contextmanager
def bare_package(name: str) -> Iterator[None]:
    """Within the block, importing a module of the package `name` does not run the package's `__init__`.

    Where the package is imported already, or is no folder on the path, the import is the ordinary one.
    """
    spec = None if name in sys.modules else PathFinder.find_spec(name)
    if spec is None or spec.submodule_search_locations is None:
        yield
        return
    package = ModuleType(name)
    package.__path__ = list(spec.submodule_search_locations)
    sys.modules[name] = package
    try:
        yield
    finally:
        del sys.modules[name]  # whoever imports the package later gets all of it
