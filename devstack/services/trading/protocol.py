"""The trading socket's messages, as docs/trading-protocol.md has them: what a client may say, checked.

pydantic checks; it is imported with this file, so the trading service imports this file a moment after its
start, or when the first message comes.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$")]
SymbolName = Annotated[str, StringConstraints(min_length=1, max_length=32)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=2000)]

MESSAGE_TYPES = ("subscribe", "unsubscribe", "bot", "ping")
CHANNELS = ("quotes", "book", "bots")


class _Message(BaseModel):
    # Members that are unknown are ignored: a later protocol may add some.
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class Resume(_Message):
    """Where a client was when it lost its connection."""

    session: str = Field(max_length=64)
    seq: int = Field(ge=0, le=2**53)


class Subscribe(_Message):
    """Begin to receive a channel; without `symbols` all of them. `name` is the bot's own, on `bots`."""

    type: Literal["subscribe"]
    channel: Literal["quotes", "book", "bots"]
    symbols: list[SymbolName] | None = None
    name: Name | None = None
    resume: Resume | None = None


class Unsubscribe(_Message):
    """Receive these symbols of a channel, or the whole channel, no more."""

    type: Literal["unsubscribe"]
    channel: Literal["quotes", "book", "bots"]
    symbols: list[SymbolName] | None = None


class Bot(_Message):
    """A bot's message to everybody on `bots`, or to those of one name or connection."""

    type: Literal["bot"]
    text: Text
    to: Name | None = None


class Ping(_Message):
    """Asks for a `pong` that repeats `id`."""

    type: Literal["ping"]
    id: str | int | None = Field(default=None, union_mode="left_to_right")


ClientMessage = Subscribe | Unsubscribe | Bot | Ping
_ADAPTER: TypeAdapter[ClientMessage] = TypeAdapter(
    Annotated[Subscribe | Unsubscribe | Bot | Ping, Field(discriminator="type")]
)


class BadMessageError(Exception):
    """A client's message that is not understood; `code` is one of the document's error codes."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def parse_message(text: str) -> ClientMessage:
    """Return the message in `text`; BadMessageError says what is wrong, in words for its author."""
    try:
        return _ADAPTER.validate_json(text)
    except ValidationError as error:
        raise _bad_message(error) from None


def _bad_message(error: ValidationError) -> BadMessageError:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"][1:])
    match first["type"], where:
        case "json_invalid", _:
            return BadMessageError("not_json", "a message must be one JSON object")
        case "union_tag_invalid" | "union_tag_not_found", _:
            return BadMessageError("unknown_type", f"`type` must be one of {', '.join(MESSAGE_TYPES)}")
        case _, "channel":
            return BadMessageError("unknown_channel", f"`channel` must be one of {', '.join(CHANNELS)}")
        case _, "id.str" | "id.int":
            return BadMessageError("invalid_message", "`id` must be text or a whole number")
        case _, "":
            return BadMessageError("not_json", "a message must be one JSON object")
    return BadMessageError("invalid_message", f"`{where}`: {first['msg']}")
