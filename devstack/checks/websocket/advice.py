"""What to do about a WebSocket that does not open: the step that failed and its error in, sentences out."""

from __future__ import annotations

from devstack.core.handshake import HandshakeError, HandshakeFault
from devstack.core.http import Head, HttpError
from devstack.core.websocket import ConnectionClosedError, ProtocolError
from devstack.core.websocket_frames import CloseCode
from devstack.core.websocket_url import WebSocketUrl

TRADING_PATH = "/api/ws"
_TLS_RECORD = b"\x15\x03"
_EXPIRED = 10  # these as X509_STORE_CTX_get_error(3ssl) has them
_NOT_ITS_NAME = (62, 64)
_CLOSE_ADVICE = {
    1000: "The server ends the conversation at once, and normally: fine where it does no more (vite-ping).",
    1001: "The server is going away: wait until it is back, or look at `devstack status`.",
    1002: "The server says that this client broke the protocol: something between changes the bytes.",
    1008: "The server's policy refuses this client: its log says why (an Origin, a token, a limit).",
    1011: "The server ran into an error: `devstack logs` shows it.",
    1012: "The server is restarting: try again in a moment.",
    1013: "The server is full: try again later, or raise its limit of connections.",
    CloseCode.ABNORMAL: (
        "The server, or a proxy before it, dropped the connection: `devstack logs` may say why."
    ),
}


def advice_for(
    url: WebSocketUrl,
    step: str,
    error: Exception,
    *,
    origin: str | None = None,
    offered: tuple[str, ...] = (),
) -> tuple[str, ...]:
    """Return what a person can do about the `error` of `step`, after a handshake with these wishes."""
    match error:
        case HandshakeError(fault=HandshakeFault.STATUS, head=Head(status=403 | 400)):
            return _about_refusal(url, error, origin, offered)
        case HandshakeError(fault=HandshakeFault.STATUS):
            return _about_status(url, error)
        case HandshakeError():
            return _about_a_false_101(error)
        case HttpError(start=start):
            return _about_no_http(url, start)
        case ConnectionClosedError(code=code):
            return (_CLOSE_ADVICE.get(code, "The code is the server's own: its documentation says more."),)
        case ProtocolError(code=code) if code == CloseCode.TOO_BIG:
            return ("This check reads no message as long as that; a browser may. Let it be sent in parts.",)
        case ProtocolError():
            return ("The server breaks RFC 6455, and browsers refuse it too: update its WebSocket library.",)
        case ConnectionResetError() if step == "upgrade":
            return _about_no_http(url, b"")
        case _:
            return _about_step(url, step, error)


def _about_step(url: WebSocketUrl, step: str, error: Exception) -> tuple[str, ...]:
    """Return what to do where the step says more than the error."""
    if step == "tcp":
        return _about_no_connection(url, error)
    if step == "tls":
        return _about_no_tls(url, error)
    if isinstance(error, TimeoutError):
        return _about_silence(url, step)
    if step == "subprotocol":
        return ("Offer one that the server knows: --subprotocol NAME (Vite's socket: vite-hmr).",)
    return ("`devstack logs` shows what the server says about it.",)


def _about_no_connection(url: WebSocketUrl, error: Exception) -> tuple[str, ...]:
    if isinstance(error, ConnectionRefusedError) and not _is_local(url):
        return (f"Nobody listens on port {url.port} of {url.host}, or its firewall refuses: check there.",)
    if isinstance(error, ConnectionRefusedError):
        return (
            f"Nobody listens on port {url.port}: `devstack up` starts the stack, `devstack status` says what "
            "runs.",
            "`devstack check-ports` shows which port each service is to listen on.",
        )
    if isinstance(error, TimeoutError):
        return (f"A firewall swallows the connection, or {url.host} is not this machine's address.",)
    return (f"Check the host: is {url.host} the right name?",)


def _is_local(url: WebSocketUrl) -> bool:
    host = url.host.lower()
    return host in ("localhost", "::1") or host.endswith(".localhost") or host.startswith("127.")


def _about_no_tls(url: WebSocketUrl, error: Exception) -> tuple[str, ...]:
    import ssl

    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _NOT_ITS_NAME:
            return (f"The certificate is for another name than {url.host}: connect by one that it has.",)
        if error.verify_code == _EXPIRED:
            return ("The certificate has expired: make a new one.",)
        return ("Let SSL_CERT_FILE name the authority that signed it (mkcert: rootCA.pem), and try again.",)
    plain = str(url).replace("wss://", "ws://", 1)
    return (f"The port most likely speaks no TLS: try {plain}",)


def _about_no_http(url: WebSocketUrl, start: bytes) -> tuple[str, ...]:
    if not url.secure and (start.startswith(_TLS_RECORD) or not start):
        secure = str(url).replace("ws://", "wss://", 1)
        speaks = "speaks TLS" if start else "may speak TLS"
        return (f"The port {speaks}: try {secure}", *(() if start else _see_owner(url)))
    return (f"Something else than a web server listens on port {url.port}.", *_see_owner(url))


def _see_owner(url: WebSocketUrl) -> tuple[str, ...]:
    return (f"`devstack check-ports` names who listens on port {url.port}, if the stack claims it.",)


def _about_silence(url: WebSocketUrl, step: str) -> tuple[str, ...]:
    if step != "upgrade":
        return ("The server hangs after the handshake: `devstack logs` may show where.",)
    return (
        "A proxy without a rule for WebSockets hangs like this: Vite's server.proxy needs `ws: true` on the "
        f"first prefix that matches {url.path}.",
        "Where Vite's hot-reload socket shares the page's port, it answers only to --subprotocol vite-hmr.",
        f"Otherwise the server on port {url.port} is busy or stuck: `devstack logs` shows it.",
    )


def _about_a_false_101(error: HandshakeError) -> tuple[str, ...]:
    match error.fault:
        case HandshakeFault.ACCEPT:
            return (
                "The answer was not made for this request: a proxy or cache replays it, or the server's "
                "handshake is wrong. Browsers refuse it too.",
            )
        case HandshakeFault.SUBPROTOCOL:
            return ("Offer that one with --subprotocol NAME, or correct the server: browsers refuse it too.",)
        case _:
            return ("The server, or a proxy before it, breaks RFC 6455, 4.2.2. Browsers refuse it too.",)


def _about_status(url: WebSocketUrl, error: HandshakeError) -> tuple[str, ...]:
    status = error.head.status
    match status:
        case 404:
            perhaps = "" if url.path == TRADING_PATH else f", maybe {TRADING_PATH}"
            return (
                f"Nothing answers WebSockets at {url.path}: check the path that the server uses{perhaps}.",
            )
        case 401 | 407:
            return ("The server wants credentials, which this check does not send.",)
        case 426:
            versions = error.head.get("sec-websocket-version")
            return (f"The server wants another WebSocket version: {versions or 'it does not say which'}.",)
        case 429:
            return (
                "The server limits how often or how many may connect: try again later, or raise its limit.",
            )
        case 502 | 503 | 504:
            return ("A proxy answers, and the server behind it does not: `devstack status` says which runs.",)
        case _ if 300 <= status < 400:
            return (f"It redirects to {error.head.get('location') or 'nowhere'}: connect there instead.",)
        case _ if status >= 500:
            return ("The server ran into an error: `devstack logs` shows it.",)
        case _:
            return (
                f"A plain web server answers: port {url.port} is not a WebSocket's, or {url.path} is not its "
                "path, or a proxy drops the Upgrade header.",
                *_see_owner(url),
            )


def _about_refusal(
    url: WebSocketUrl, error: HandshakeError, origin: str | None, offered: tuple[str, ...]
) -> tuple[str, ...]:
    """Return what to do about a 403 or 400, which servers use for the same things."""
    if "airtunes" in error.head.get("server").lower():
        return ("That is macOS's AirPlay Receiver: switch it off (System Settings, AirDrop & Handoff).",)
    if b"https" in error.body.lower() and not url.secure:
        return _about_no_http(url, _TLS_RECORD)
    if origin:
        lines = [f"The server refuses the Origin {origin}: try another --origin, one that it allows."]
    else:
        lines = ["The server may want an Origin: try --origin http://localhost:3000."]
    if error.head.status == 403:
        return (*lines, f"Or nothing is at {url.path}: uvicorn answers 403 to a path without a WebSocket.")
    if offered:
        names = ", ".join(offered)
        return (
            f"The server may not know the subprotocol {names}; or a token is missing, as Vite wants it "
            "(?token=) from every page, that is with an Origin.",
            *lines,
        )
    return ("A subprotocol or token may be missing: Vite's socket wants --subprotocol vite-hmr.", *lines)
