"""`devstack check-ws`: a real WebSocket handshake and ping, and what went wrong in plain words."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from devstack.cli.arguments.options import (
    EnvFileOption,
    JsonOption,
    ModeOption,
    NoColorOption,
    ProcfileOption,
    ProjectOption,
    VersionOption,
    globals_of,
    seconds,
)
from devstack.errors import UsageError

if TYPE_CHECKING:
    from devstack.checks.websocket.conversation import WebSocketWish
    from devstack.core.ports import PortClaim

TRADING = "trading"
NOT_OK = 1
SHORTEST = 0.1

UrlArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[URL]",
        help="ws:// or wss:// address; without one, the stack's own WebSocket.",
        show_default=False,
    ),
]
OriginOption = Annotated[
    str | None,
    typer.Option(
        metavar="ORIGIN", help="Send this Origin, as a browser's page would: http://localhost:3000."
    ),
]
SubprotocolOption = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="Offer this subprotocol, and expect it or another offered one."),
]


def _step_seconds(value: str | float) -> float:
    if seconds(value) < SHORTEST:
        raise typer.BadParameter(f"{str(value)!r}: expected {SHORTEST} seconds or more")
    return seconds(value)


TimeoutOption = Annotated[
    float, typer.Option(metavar="S", parser=_step_seconds, help="Seconds that a step may take.")
]


def check_ws(
    ctx: typer.Context,
    url: UrlArgument = None,
    origin: OriginOption = None,
    subprotocol: SubprotocolOption = None,
    timeout: TimeoutOption = 5.0,
    json: JsonOption = False,
    mode: ModeOption = None,
    procfile: ProcfileOption = None,
    env_file: EnvFileOption = None,
    project: ProjectOption = None,
    no_color: NoColorOption = False,
    version: VersionOption = False,
) -> None:
    """Try a WebSocket step by step, and say what is wrong.

    Exit code 1 if something is, 2 if URL is no WebSocket address.
    """
    import asyncio

    from devstack.checks.websocket.conversation import check_websocket
    from devstack.console.websocket import show_websocket, show_websocket_json

    offered = tuple(subprotocol or ())
    others: tuple[str, ...] = ()
    if url is not None:
        wish = _wish_for(url, offered)
    else:
        wish, others = _stack_wish(_claims(ctx, mode, procfile, env_file), offered)
    report = asyncio.run(check_websocket(replace(wish, origin=_checked_origin(origin), within=timeout)))
    if json:
        show_websocket_json(report)
    else:
        show_websocket(report, no_color=globals_of(ctx).no_color, others=others)
    if not report.ok:
        raise typer.Exit(NOT_OK)


def _checked_origin(origin: str | None) -> str | None:
    if origin is not None and not (origin.isascii() and origin.isprintable()):
        raise UsageError(f"{origin!r} is no origin", hint="an origin looks like http://localhost:3000")
    return origin


def _wish_for(url: str, subprotocols: tuple[str, ...]) -> WebSocketWish:
    from devstack.checks.websocket.conversation import WebSocketWish
    from devstack.core.websocket_url import parse_websocket_url

    return WebSocketWish(parse_websocket_url(url), subprotocols=subprotocols)


def _stack_wish(
    claims: tuple[PortClaim, ...], subprotocols: tuple[str, ...]
) -> tuple[WebSocketWish, tuple[str, ...]]:
    """Return what to ask the stack's own WebSocket, and the arguments that check its others."""
    sockets = [(claim, claim.websocket_url) for claim in claims if claim.websocket_url is not None]
    if not sockets:
        raise UsageError(
            "no service of this stack claims a WebSocket",
            hint="name the address: devstack check-ws ws://localhost:3001/api/ws\n"
            'or give the service a claim with protocol = "ws" in devstack.toml',
        )
    (chosen, url), *others = sorted(sockets, key=lambda socket: _rank(socket[0]))
    own = (chosen.subprotocol,) if chosen.subprotocol else ()
    return _wish_for(url, subprotocols or own), tuple(_arguments(*other) for other in others)


def _rank(claim: PortClaim) -> tuple[bool, bool]:
    """Sort the trading socket first, and sockets with a subprotocol, which are tools' own, last."""
    return claim.service != TRADING, claim.subprotocol is not None


def _arguments(claim: PortClaim, url: str) -> str:
    return f"{url} --subprotocol {claim.subprotocol}" if claim.subprotocol else url


def _claims(
    ctx: typer.Context, mode: str | None, procfile: str | None, env_file: str | None
) -> tuple[PortClaim, ...]:
    """Return the claims of the stack that runs here, in its mode and on its ports, else of the one to be."""
    from devstack.cli.arguments.project import stack_options
    from devstack.config.stack import load_stack
    from devstack.supervisor.run_folder.record import running_record

    options = stack_options(ctx, mode=mode, procfile=procfile, env_file=env_file)
    record = running_record(options.project)
    if record is None or (mode is not None and mode != record.mode):
        return load_stack(options).stack.claims
    stack = load_stack(options._replace(mode=record.mode)).stack
    ports = {service.name: service.ports for service in record.services}
    return tuple(
        moved
        for service in stack.services
        for moved in _on_ports(service.claims, ports.get(service.name, ()))
    )


def _on_ports(claims: tuple[PortClaim, ...], ports: tuple[int, ...]) -> tuple[PortClaim, ...]:
    """Return `claims` on the ports that the running service has, where `up --ports auto` moved them."""
    if len(claims) != len(ports):  # the files have changed since
        return claims
    return tuple(replace(claim, port=port) for claim, port in zip(claims, ports, strict=True))
