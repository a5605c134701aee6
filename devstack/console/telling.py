"""Tells one stack's events in lines, one after the other, and nothing twice in a row."""

from __future__ import annotations

from devstack.console.wording import Claims, event_lines
from devstack.core.events import Event


class Telling:
    """What is said of a stack; `claims` are those of each service.

    A service's failure is an event of its own, and the first line of the report about the start that fails
    for it: where both are said, once is enough.
    """

    def __init__(self, claims: Claims) -> None:
        self._claims = claims
        self._last = ""

    def lines(self, event: Event, *, room: int | None = None) -> list[str]:
        """Return the lines that tell `event` after those before; `room` is as in `event_lines`."""
        lines = event_lines(event, self._claims, room=room)
        if not lines:
            return []
        is_said = lines[0] == self._last
        self._last = lines[-1]
        return lines[1:] if is_said else lines
