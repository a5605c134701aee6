"""Which container publishes a port, asked of the Docker or Podman command line where there is one."""

from __future__ import annotations

import re
from typing import NamedTuple

PROXY_NAMES = (
    "docker-proxy",
    "dockerd",
    "com.docker",
    "vpnkit",
    "rootlesskit",
    "rootlessport",
    "conmon",
    "gvproxy",
    "OrbStack",
    "limactl",
)
"""How the names of processes begin that listen on a host's port for a container."""

ENGINES = ("docker", "podman")
ANSWER_WITHIN = 2.0
"""Seconds: a Docker Desktop that is asleep does not answer at all."""

_PUBLISHED = re.compile(r":(\d+)(?:-(\d+))?->[\d-]+/tcp")


class Container(NamedTuple):
    """A running container; `engine` is the command line that knows it."""

    engine: str
    name: str


def is_proxy(name: str | None) -> bool:
    """Say whether a process of that name listens for a container."""
    return name is not None and name.startswith(PROXY_NAMES)


def published_ports() -> dict[int, Container]:
    """Return the container that publishes each TCP port of this machine.

    Empty where there is no Docker and no Podman, or none that answers in time.
    """
    found: dict[int, Container] = {}
    for engine in ENGINES:
        for port, name in parse_published(_list_containers(engine)).items():
            found.setdefault(port, Container(engine, name))
    return found


def parse_published(listing: str) -> dict[int, str]:
    """Return the container's name for each port published in `listing`.

    Each line is a name, a tab, and ports as `docker ps` writes them: `0.0.0.0:5000->80/tcp,
    [::]:8000-8002->9000-9002/tcp` publishes 5000 and 8000 to 8002.
    """
    published: dict[int, str] = {}
    for line in listing.splitlines():
        name, _, ports = line.partition("\t")
        for first, last in _PUBLISHED.findall(ports):
            for port in range(int(first), int(last or first) + 1):
                published[port] = name
    return published


def _list_containers(engine: str) -> str:
    import shutil
    import subprocess

    program = shutil.which(engine)
    if program is None:
        return ""
    try:
        answer = subprocess.run(
            [program, "ps", "--format", "{{.Names}}\t{{.Ports}}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=ANSWER_WITHIN,
            check=False,
        )
    except (subprocess.TimeoutExpired, OSError):  # asleep, or not runnable: the name stays unknown
        return ""
    return answer.stdout.decode(errors="replace") if answer.returncode == 0 else ""
