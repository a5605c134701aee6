"""Imports asyncio without TLS, which a supervisor never speaks.

asyncio imports ssl for itself: 4 MB that would stay as long as the stack runs. A Python may come without ssl,
and asyncio is written for that too; docs/decisions/0010-imports-that-a-run-does-without.md.
"""

from __future__ import annotations

import sys


def import_asyncio() -> None:
    """Import asyncio for a supervisor; where asyncio or ssl is there already, nothing is to be saved."""
    is_first = "asyncio" not in sys.modules and "ssl" not in sys.modules
    if is_first:
        sys.modules["ssl"] = None  # type: ignore[assignment] # "there is none" (Language Reference 5.3.1)
    try:
        import asyncio  # noqa: F401
    finally:
        if is_first:
            del sys.modules["ssl"]
