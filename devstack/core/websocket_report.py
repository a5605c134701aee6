"""How far a WebSocket conversation got. Plain values, for a person and for a script alike."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One step on the way to an open WebSocket, and how many milliseconds it took."""

    name: str
    ok: bool
    detail: str
    ms: float


@dataclass(frozen=True, slots=True)
class WebSocketReport:
    """How far a real WebSocket conversation with `url` got: the first step that is not ok is the last.

    `advice` is what to do about it, a sentence each. What is not known is None.
    """

    url: str
    steps: tuple[Step, ...]
    subprotocol: str | None = None
    first_message: str | None = None
    ping_ms: float | None = None
    close_code: int | None = None
    advice: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return bool(self.steps) and all(step.ok for step in self.steps)

    @property
    def failed_step(self) -> Step | None:
        return next((step for step in self.steps if not step.ok), None)
