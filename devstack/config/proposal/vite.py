"""Proposes the service that runs Vite, from the script and the vite.config."""

from __future__ import annotations

import os
import re

from devstack.config.files import read_text
from devstack.config.node.tools import with_arguments
from devstack.config.proposal.proposed import ProposedPort, ProposedService
from devstack.core.vite_config import NAMES, ViteConfig, config_option, parse_vite_config, root_argument

VITES_OWN_PORT = 5173
RUNS_VITE = re.compile(r"(^|[\s/])vite(\s+(dev|serve)\b|\s+-|\s*$)")


def vite_service(folder: str, text: str, command: str) -> ProposedService:
    """Return the service that runs Vite by `command`, and its claims as far as the port table has others.

    `text` is what the script in `folder` says.
    """
    source = _vite_config(folder, text)
    config = parse_vite_config(*source) if source else None
    port = config.get("server", "port") if config else None
    # A computed port is FRONTEND_PORT only if the file reads that; otherwise Vite's option overrides it.
    computed = source is not None and port is not None and not port.is_known and "FRONTEND_PORT" in source[1]
    number = port.value if port is not None and isinstance(port.value, int) else None
    page = ProposedPort(number or VITES_OWN_PORT, "FRONTEND_PORT")
    if not computed and "--port" not in command:
        command = with_arguments(command, "--port $FRONTEND_PORT --strictPort")
    hmr = _hmr_port(config)
    if hmr is None or hmr == number:
        return ProposedService("frontend", command, "", (page,))
    if (computed or page.default == 3000) and hmr in (0, 3002):
        return ProposedService("frontend", command, "")
    claim = ProposedPort(hmr or 3002, "" if hmr else "HMR_PORT", "ws", "/", "vite-hmr")
    return ProposedService("frontend", command, "", (page, claim))


def _vite_config(folder: str, command: str) -> tuple[str, str] | None:
    """Return the name and the text of the configuration that a command uses."""
    named = config_option(command)
    root = "" if named else root_argument(command)
    for name in (named,) if named else NAMES:
        text = read_text(os.path.join(folder, root, name), name)
        if text is not None:
            return name, text
    return None


def _hmr_port(config: ViteConfig | None) -> int | None:
    """Return the hot-reload socket's own port, 0 where it is computed, None where it shares the page's."""
    for option in ("ws", "hmr"):
        port = config.get("server", option, "port") if config else None
        if port is not None:
            return port.value if isinstance(port.value, int) else 0
    return None
