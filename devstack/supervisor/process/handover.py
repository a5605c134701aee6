"""Listening sockets that the supervisor holds, so that a restart of their service loses no connection.

The socket stays open while the old process ends and the new one starts; who connects meanwhile waits in its
queue. The process gets it as descriptor 3, announced as sd_listen_fds(3) has it.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping

from devstack.core.service import Service
from devstack.errors import ServiceError

BACKLOG = 1024
LOWEST_DESCRIPTOR = 10
_COMPOUND = re.compile(r"[;&|<>()`\n]|\$\(|^\s*(\w+=|\{|!|if |for |while |case |until |exec |cd )")


def open_handovers(
    services: Mapping[str, Service], environments: Mapping[str, Mapping[str, str]]
) -> dict[str, socket.socket]:
    """Return the listening socket of every service that wants one. Raises ServiceError."""
    found = {name: open_handover(service, environments[name]) for name, service in services.items()}
    return {name: listening for name, listening in found.items() if listening is not None}


def open_handover(service: Service, environment: Mapping[str, str]) -> socket.socket | None:
    """Return the listening socket of the service's first claim if it wants one, else None.

    It is bound to HOST, else to 127.0.0.1. Raises ServiceError when it cannot be.
    """
    if not service.socket or not service.claims:
        return None
    host, port = environment.get("HOST") or "127.0.0.1", service.claims[0].port
    try:
        return _above_standard(socket.create_server((host, port), backlog=BACKLOG, family=_family(host)))
    except OSError as error:
        raise ServiceError(
            f"cannot listen on {host}:{port} for {service.name}: {error.strerror or error}",
            hint="`devstack check-ports` says who holds the port",
        ) from error


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _above_standard(listening: socket.socket) -> socket.socket:
    """Return `listening` with a descriptor that the new process does not use for something else."""
    import fcntl

    with listening:
        return socket.socket(fileno=fcntl.fcntl(listening, fcntl.F_DUPFD_CLOEXEC, LOWEST_DESCRIPTOR))


def handed_over(command: str) -> str:
    """Return the shell command that runs `command` as the one whom the socket is for.

    LISTEN_PID is the pid that the command will have, which only its shell knows; of a command that is more
    than one program it cannot be said, and is left out.
    """
    if _COMPOUND.search(command):
        return command
    return f"export LISTEN_PID=$$; exec {command}"
