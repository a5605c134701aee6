"""devstack.toml: what a Procfile cannot say. All of it is optional.

The types are here, `settings_file` reads the file, and the rules are in `settings_rules`, which a project
without the file never imports.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from devstack.core.ports import Protocol
from devstack.core.service import ProbeKind, RestartPolicy, Stdin, StopPolicy

FILE_NAME = "devstack.toml"
NOTHING: Mapping[str, str] = MappingProxyType({})
USUAL_RESTART, USUAL_STOP = RestartPolicy(), StopPolicy()


class PortSetting(NamedTuple):
    """One port claim of a service as a table or a file gives it; its number is not yet known.

    `line` is that of the file `source`; both are empty for a row of the built-in table.
    """

    variable: str | None
    default: int | None
    protocol: Protocol = Protocol.TCP
    purpose: str = ""
    path: str | None = None
    subprotocol: str | None = None
    also_ws: bool = False
    source: str = ""
    line: int | None = None


class ReadySetting(NamedTuple):
    """The readiness probe of a service; `port` is a number or the variable of one of its claims."""

    kind: ProbeKind
    target: str = ""
    port: int | str | None = None
    every: float | None = None
    subprotocol: str | None = None
    status: tuple[int, ...] = ()
    body: str | None = None
    first_message: str | None = None
    line: int | None = None


class ServiceSettings(NamedTuple):
    """What devstack.toml says of one service; `ports` None is nothing said, empty is no claim at all.

    `lines` has the line of every key that it sets, those of `env` as `env.NAME`.
    """

    ports: tuple[PortSetting, ...] | None = None
    ready: ReadySetting | None = None
    depends_on: tuple[str, ...] = ()
    restart: RestartPolicy = USUAL_RESTART
    stop: StopPolicy = USUAL_STOP
    env: Mapping[str, str] = NOTHING
    cwd: str | None = None
    tty: bool = False
    stdin: Stdin = Stdin.OPEN
    watch: tuple[str, ...] = ()
    socket: bool = False
    oneshot: bool = False
    lines: Mapping[str, int | None] = MappingProxyType({})


class Settings(NamedTuple):
    """The whole file: its name as a person would write it, and its services with their lines.

    `infer` says that claims may be read from commands.
    """

    path: str = ""
    name: str = FILE_NAME
    services: Mapping[str, ServiceSettings] = MappingProxyType({})
    lines: Mapping[str, int | None] = MappingProxyType({})
    infer: bool = True

    def service(self, name: str) -> ServiceSettings:
        """Return what is said of `name`; nothing said is a value too."""
        return self.services.get(name, NOTHING_SAID)


NOTHING_SAID = ServiceSettings()
NO_SETTINGS = Settings()
"""What a project without a devstack.toml has."""
