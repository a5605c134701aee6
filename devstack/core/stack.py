"""A stack: all that one `devstack up` runs, complete and resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from devstack.core.ports import PortClaim
from devstack.core.service import Service

COOKIE = "DEVSTACK_RUN"
"""The variable whose value is unique to one run of one stack."""


@dataclass(frozen=True, slots=True)
class Stack:
    """Mode, services, environment and claims of one run.

    `project` and `files` are absolute paths; `files` are all files that were read, `.env` layers, Procfile
    and settings. `environment` is what every service gets before its own `env`.
    """

    project: str
    mode: str
    procfile: str
    services: tuple[Service, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = ()

    @property
    def claims(self) -> tuple[PortClaim, ...]:
        return tuple(claim for service in self.services for claim in service.claims)

    def service(self, name: str) -> Service:
        """Return the service (instance) `name`; KeyError if there is none."""
        for service in self.services:
            if service.name == name:
                return service
        raise KeyError(name)
