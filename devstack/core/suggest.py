"""“Did you mean”: the known word that is nearest to what was written."""

from __future__ import annotations

from collections.abc import Iterable

from devstack.errors import UsageError


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ` (did you mean “x”?)` for the nearest of `known`, or nothing where none is near."""
    from difflib import get_close_matches

    near = get_close_matches(word, tuple(known), n=1)
    return f" (did you mean “{near[0]}”?)" if near else ""


def unknown_service(name: str, known: Iterable[str], *more: str) -> UsageError:
    """Return the error for a service `name` that is none of `known`; `more` are further lines of its hint."""
    known = tuple(known)
    hints = (f"services here: {', '.join(known)}", *more)
    return UsageError(f"there is no service “{name}”{did_you_mean(name, known)}", hint="\n".join(hints))
