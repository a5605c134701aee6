"""The rules of devstack.toml: which keys there are, what each takes, and where it stands when it is wrong.

`devstack.schema.json` says the same to an editor; a test holds the two together.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping

from devstack.config.settings.toml_lines import key_lines
from devstack.config.settings.toml_node import Document, Node, is_short
from devstack.config.settings.types import (
    FILE_NAME,
    USUAL_RESTART,
    USUAL_STOP,
    PortSetting,
    ReadySetting,
    ServiceSettings,
    Settings,
)
from devstack.core.log_pattern import log_pattern
from devstack.core.ports import FIRST_PORT, LAST_PORT, Protocol
from devstack.core.service import ProbeKind, RestartMode, RestartPolicy, Stdin, StopPolicy
from devstack.errors import ConfigError

SIGNALS = ("TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "KILL", "ABRT", "ALRM", "PIPE", "WINCH")
SERVICE_KEYS = (
    "ports",
    "ready",
    "depends_on",
    "restart",
    "stop",
    "env",
    "cwd",
    "tty",
    "stdin",
    "watch",
    "socket",
    "oneshot",
)
PORT_KEYS = ("env", "default", "protocol", "purpose", "path", "subprotocol", "also_ws")
READY_KINDS = {
    "tcp": ("port", "every"),
    "http": ("port", "every", "status", "body"),
    "ws": ("port", "every", "subprotocol", "first_message"),
    "log": (),
    "command": ("every",),
}
"""Each kind of readiness probe, and the keys that go with it."""
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2


def parse_settings(text: str, path: str = "", name: str = FILE_NAME) -> Settings:
    """Return the settings that the TOML document `text` holds."""
    document = _document(text, name)
    tables = document.table(("services", "stack"))
    stack = tables["stack"].table(("infer",)) if "stack" in tables else {}
    nodes = tables["services"].table() if "services" in tables else {}
    return Settings(
        path,
        name,
        {key: _service(node) for key, node in nodes.items()},
        {key: node.line for key, node in nodes.items()},
        stack["infer"].boolean() if "infer" in stack else True,
    )


def _document(text: str, name: str) -> Node:
    try:
        return Node(tomllib.loads(text), (), Document(name, key_lines(text)))
    except tomllib.TOMLDecodeError as error:
        raise _no_toml(str(error), text, name) from None
    except RecursionError:
        raise ConfigError("nests its values too deep", source=name) from None
    except ValueError:  # Python's int() takes no more than 4300 digits
        raise ConfigError("holds a number of more than 64 bits", source=name) from None


def _no_toml(message: str, text: str, name: str) -> ConfigError:
    what, _, where = message.rpartition(" (at ")
    line = re.match(r"line (\d+)", where)
    number = int(line.group(1)) if line else max(len(text.splitlines()), 1)
    return ConfigError(f"is no valid TOML: {what or message}", source=name, line=number)


def _service(node: Node) -> ServiceSettings:
    keys = node.table(SERVICE_KEYS)
    ports = keys.get("ports")
    ready = keys.get("ready")
    restart = keys.get("restart")
    stop = keys.get("stop")
    policy = _restart(restart) if restart else USUAL_RESTART
    oneshot = keys["oneshot"].boolean() if "oneshot" in keys else False
    if oneshot and ready:
        raise ready.error("does not go with oneshot = true: a one-shot is ready when it has ended with 0")
    asked = _ready(ready) if ready else None
    if restart and policy.unready is not None and (asked is None or asked.every is None):
        raise restart.error("unready needs ready.every: without it a probe is not asked again after ready")
    if oneshot and policy.mode is RestartMode.ALWAYS:
        raise node.error('oneshot = true does not go with restart.mode = "always"')
    return ServiceSettings(
        ports=_ports(ports) if ports else None,
        ready=asked,
        depends_on=keys["depends_on"].strings() if "depends_on" in keys else (),
        restart=policy,
        stop=_stop(stop) if stop else USUAL_STOP,
        env=_env(keys["env"]) if "env" in keys else {},
        cwd=keys["cwd"].string() if "cwd" in keys else None,
        tty=keys["tty"].boolean() if "tty" in keys else False,
        stdin=Stdin(keys["stdin"].one_of(tuple(Stdin))) if "stdin" in keys else Stdin.OPEN,
        watch=keys["watch"].strings() if "watch" in keys else (),
        socket=keys["socket"].boolean() if "socket" in keys else False,
        oneshot=oneshot,
        lines=_lines(keys),
    )


def _lines(keys: Mapping[str, Node]) -> dict[str, int | None]:
    """Return the line of every key, and of every variable as `env.NAME`."""
    variables = keys["env"].table() if "env" in keys else {}
    return {
        **{key: child.line for key, child in keys.items()},
        **{f"env.{name}": child.line for name, child in variables.items()},
    }


def _ports(node: Node) -> tuple[PortSetting, ...]:
    ports = tuple(_port(child) for child in node.array())
    variables = [port.variable for port in ports if port.variable]
    for variable in variables:
        if variables.count(variable) > 1:
            raise node.error(f"two claims are set by the variable {variable}")
    return ports


def _port(node: Node) -> PortSetting:
    keys = node.table(PORT_KEYS)
    if "env" not in keys and "default" not in keys:
        raise node.error(
            "a port claim needs `env`, `default` or both", 'such as { env = "PORT", default = 5000 }'
        )
    protocol = Protocol(keys["protocol"].one_of(tuple(Protocol))) if "protocol" in keys else Protocol.TCP
    port = PortSetting(
        variable=_variable(keys["env"]) if "env" in keys else None,
        default=keys["default"].integer(FIRST_PORT, LAST_PORT) if "default" in keys else None,
        protocol=protocol,
        purpose=keys["purpose"].string() if "purpose" in keys else "",
        path=_url_path(keys["path"]) if "path" in keys else None,
        subprotocol=_token(keys["subprotocol"]) if "subprotocol" in keys else None,
        also_ws=keys["also_ws"].boolean() if "also_ws" in keys else False,
        source=node.document.name,
        line=node.line,
    )
    if port.also_ws and protocol is not Protocol.HTTP:
        raise keys["also_ws"].error('goes with protocol = "http" alone')
    for key in ("path", "subprotocol"):
        if key in keys and protocol is not Protocol.WS and not port.also_ws:
            raise keys[key].error(
                "belongs to a WebSocket", 'protocol = "ws", or also_ws = true beside "http"'
            )
    return port


def _variable(node: Node) -> str:
    name = node.string()
    if "=" in name or not name.isprintable() or " " in name:
        raise node.error(f"“{name}” is no name for a variable")
    return name


def _url_path(node: Node) -> str:
    path = node.string()
    if not path.startswith("/") or any(char.isspace() for char in path):
        raise node.error(f"“{path}” is no path: it begins with / and has no blank")
    return path


def _token(node: Node) -> str:
    name = node.string()
    if not _TOKEN.fullmatch(name):
        raise node.error(f"“{name}” is no name for a subprotocol (letters, digits, - _ . and the like)")
    return name


def _ready(node: Node) -> ReadySetting:
    known = (*READY_KINDS, *dict.fromkeys(key for keys in READY_KINDS.values() for key in keys))
    keys = node.table(known)
    kinds = [kind for kind in READY_KINDS if kind in keys]
    if len(kinds) != 1:
        found = "none of them" if not kinds else " and ".join(kinds)
        raise node.error(f"needs exactly one of {', '.join(READY_KINDS)}; there is {found}")
    kind = kinds[0]
    for key, child in keys.items():
        if key != kind and key not in READY_KINDS[kind]:
            raise child.error(f"does not go with {kind}")
    target, port = _target(kind, keys[kind])
    if port is not None and "port" in keys:
        raise keys["port"].error("`tcp` names a port already")
    return ReadySetting(
        kind=ProbeKind(kind),
        target=target,
        port=_probed_port(keys["port"]) if "port" in keys else port,
        every=keys["every"].seconds(zero=False) if "every" in keys else None,
        subprotocol=_token(keys["subprotocol"]) if "subprotocol" in keys else None,
        status=_statuses(keys["status"]) if "status" in keys else (),
        body=keys["body"].string() if "body" in keys else None,
        first_message=keys["first_message"].string() if "first_message" in keys else None,
        line=node.line,
    )


def _target(kind: str, node: Node) -> tuple[str, int | str | None]:
    """Return what the probe asks about, and the port where `tcp` names one."""
    match kind:
        case "tcp":
            return "", _tcp_port(node)
        case "http" | "ws":
            return _url_path(node), None
        case "log":
            return _pattern(node), None
        case _:
            return node.string(), None


def _tcp_port(node: Node) -> int | str | None:
    if node.value is True:
        return None
    if node.value is False:
        raise node.error("expected true, a port or a variable, found false")
    return _probed_port(node)


def _probed_port(node: Node) -> int | str:
    return _variable(node) if isinstance(node.value, str) else node.integer(FIRST_PORT, LAST_PORT)


def _pattern(node: Node) -> str:
    pattern = node.string()
    try:
        log_pattern(pattern)
    except ValueError as error:
        raise node.error(f"is no regular expression: {error}") from None
    return pattern


def _statuses(node: Node) -> tuple[int, ...]:
    nodes = node.array() if isinstance(node.value, list) else (node,)
    if not nodes:
        raise node.error("names no status")
    return tuple(child.integer(100, 599) for child in nodes)


def _restart(node: Node) -> RestartPolicy:
    keys = node.table(("mode", "max", "within", "unready"))
    return RestartPolicy(
        mode=RestartMode(keys["mode"].one_of(tuple(RestartMode))) if "mode" in keys else USUAL_RESTART.mode,
        max=keys["max"].integer(0) if "max" in keys else USUAL_RESTART.max,
        within=keys["within"].seconds(zero=False) if "within" in keys else USUAL_RESTART.within,
        unready=keys["unready"].seconds(zero=False) if "unready" in keys else USUAL_RESTART.unready,
    )


def _stop(node: Node) -> StopPolicy:
    keys = node.table(("signal", "grace"))
    return StopPolicy(
        signal=_signal(keys["signal"]) if "signal" in keys else USUAL_STOP.signal,
        grace=keys["grace"].seconds() if "grace" in keys else USUAL_STOP.grace,
    )


def _signal(node: Node) -> str:
    plain = Node(node.string().removeprefix("SIG"), node.path, node.document)
    return plain.one_of(SIGNALS)


def _env(node: Node) -> dict[str, str]:
    return {
        _variable(Node(key, child.path, child.document)): _text(child) for key, child in node.table().items()
    }


def _text(node: Node) -> str:
    """Return a variable's value: a string, empty too, or a whole number."""
    value = node.value
    if isinstance(value, int) and not isinstance(value, bool) and is_short(value):
        return str(value)
    if not isinstance(value, str) or "\0" in value:
        raise node.error("expected a string", "every value of a variable is text: put it in quotes")
    return value
