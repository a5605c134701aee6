"""Those who hear what happens to a stack: the screen, a waiting `up -d`, the control socket's subscribers."""

from __future__ import annotations

from collections.abc import Callable

from devstack.core.events import Event, Listener


class Audience:
    """Passes each event on to everybody. One that breaks hears no more, and `take_fault` gets its error."""

    def __init__(self, listener: Listener, take_fault: Callable[[Exception], None]) -> None:
        self._listeners = [listener]
        self._take_fault = take_fault

    def add(self, listener: Listener) -> None:
        """Have `listener` hear everything from now on."""
        self._listeners.append(listener)

    def remove(self, listener: Listener) -> None:
        """Have `listener` hear no more; one that does not listen is no error."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def heard(self, event: Event) -> None:
        """Tell everybody of `event`."""
        for listener in tuple(self._listeners):
            try:
                listener.heard(event)
            except Exception as error:  # noqa: BLE001 - kept, and raised when nothing runs any more
                self.remove(listener)
                self._take_fault(error)
