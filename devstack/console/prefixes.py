"""What stands before each line of a stack's output: the service's name in its colour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from devstack.console.plain import printable

COLORS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)  # the services' prefixes, in turn (ECMA-48, SGR)
OWN_NAME = "devstack"
RESET = "\x1b[0m"


def name_width(names: Iterable[str]) -> int:
    """Return the columns of the widest prefix."""
    return max((len(name) for name in (*names, OWN_NAME)), default=0)


def prefixes(names: Sequence[str], *, color: bool) -> dict[str, bytes]:
    """Return what stands before each line of each service, as bytes, all of one width."""
    width = name_width(names)
    return {
        name: _prefix(name, width, COLORS[number % len(COLORS)] if color else None)
        for number, name in enumerate(names)
    }


def own_prefix(names: Sequence[str], *, color: bool) -> str:
    """Return what stands before devstack's own lines."""
    return _prefix(OWN_NAME, name_width(names), 1 if color else None).decode()


def own_text(lines: Sequence[str], prefix: str) -> str:
    """Return devstack's own lines, each behind `prefix`; a path in them may hold anything."""
    return "".join(f"{prefix}{printable(line)}\n" for line in lines)


def _prefix(name: str, width: int, code: int | None) -> bytes:
    plain = f"{name:<{width}} | "
    # The reset comes first: the line before may have left a colour on.
    return (f"{RESET}\x1b[{code}m{plain}{RESET}" if code is not None else plain).encode()
