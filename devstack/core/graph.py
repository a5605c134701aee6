"""Who waits for whom: start order from dependencies, and the circle that makes one impossible."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence


class CircleError(Exception):
    """The dependencies run in a circle; `names` walks it once, the first name again at the end."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(" → ".join(names))
        self.names = names


def start_order(dependencies: Mapping[str, Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """Return the services in waves: each waits only for those of earlier waves.

    `dependencies` has every service as a key. Within a wave the mapping's order is kept. Stop order is the
    same, reversed. Raises CircleError.
    """
    waves: list[tuple[str, ...]] = []
    placed: set[str] = set()
    while len(placed) < len(dependencies):
        wave = tuple(
            name for name, needs in dependencies.items() if name not in placed and placed.issuperset(needs)
        )
        if not wave:
            raise CircleError(
                _find_circle({n: d for n, d in dependencies.items() if n not in placed}, placed)
            )
        waves.append(wave)
        placed.update(wave)
    return tuple(waves)


def with_dependencies(chosen: Iterable[str], dependencies: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """Return `chosen` and all that they need, directly or not."""
    found: set[str] = set()
    waiting = list(chosen)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(dependencies[name])
    return frozenset(found)


def _find_circle(stuck: Mapping[str, Sequence[str]], placed: set[str]) -> tuple[str, ...]:
    """Walk from one stuck service to what it waits for until a name comes again."""
    path = [next(iter(stuck))]
    while True:
        following = next(need for need in stuck[path[-1]] if need not in placed)
        if following in path:
            return (*path[path.index(following) :], following)
        path.append(following)
