"""Does a version of Node fit what a package.json asks for? npm's ranges, as far as `engines` uses them."""

from __future__ import annotations

import re

_PART = re.compile(r"(>=|<=|>|<|=|\^|~)?\s*v?(\d+|[xX*])(?:\.(\d+|[xX*]))?(?:\.(\d+|[xX*]))?(?:-[\w.-]+)?")
Version = tuple[int, int, int]
ABOVE_ALL = 1 << 30


def fits(version: str, wanted: str) -> bool:
    """Say whether `version` (20.20.2) lies in the range `wanted`; a range that is not understood fits."""
    numbers = [int(part) for part in re.findall(r"\d+", version)[:3]]
    if len(numbers) < 3 or not wanted.strip():
        return True
    own = (numbers[0], numbers[1], numbers[2])
    return any(_fits_all(own, choice) for choice in wanted.split("||"))


def _fits_all(version: Version, choice: str) -> bool:
    """Say whether `version` fits every part of one choice, such as `>=18 <23` or `18 - 22`."""
    first, hyphen, last = choice.partition(" - ")
    if hyphen:
        choice = f">={first.strip()} <={last.strip()}"
    if re.sub(_PART, "", choice).strip():
        return True
    return all(_fits_part(version, match) for match in _PART.finditer(choice))


def _fits_part(version: Version, part: re.Match[str]) -> bool:
    operator = part[1] or "="
    given = [int(text) for text in part.groups()[1:] if text is not None and text.isdecimal()]
    if not given:
        return True
    low = _padded(given, 0)
    high = _padded(given, ABOVE_ALL)
    match operator:
        case ">=":
            return version >= low
        case ">":
            return version > high
        case "<":
            return version < low
        case "<=":
            return version <= high
        case "^":
            return low <= version <= _padded(given[: _kept_by_caret(given)], ABOVE_ALL)
        case "~":
            return low <= version <= _padded(given[:2], ABOVE_ALL)
        case _:
            return low <= version <= high


def _kept_by_caret(given: list[int]) -> int:
    """Return how many numbers `^` holds fast: up to the first that is not 0."""
    return next((index + 1 for index, number in enumerate(given) if number), len(given))


def _padded(numbers: list[int], with_: int) -> Version:
    first, second, third = (*numbers, with_, with_, with_)[:3]
    return first, second, third
