"""Which Vite a folder uses, and whether that version has a known hole."""

from __future__ import annotations

import json
import os
import re

from devstack.core.findings import Finding, Level

CHECK = "vite-version"

Version = tuple[int, int, int]

FILE_READ = (
    "CVE-2026-39363: who reaches its WebSocket without an Origin reads any file of this machine; "
    "CVE-2026-39364 and CVE-2026-39365 get round `server.fs.deny`"
)
FS_BYPASS = (
    "CVE-2025-30208 and those that followed it (CVE-2025-31125, -31486, -32395, -46565): who reaches it gets "
    "round `server.fs.deny` and reads any file of this machine"
)
FOREIGN_PAGES = "CVE-2025-24010: a page of any site can talk to it and read your source code"

# From which version on (of that line), up to which one it is mended, and what.
HOLES: tuple[tuple[Version, Version, str], ...] = (
    ((8, 0, 0), (8, 0, 5), FILE_READ),
    ((7, 0, 0), (7, 3, 2), FILE_READ),
    ((6, 0, 0), (6, 4, 2), FILE_READ),
    ((5, 0, 0), (5, 4, 12), FOREIGN_PAGES),
    ((5, 4, 12), (5, 4, 19), FS_BYPASS),
    ((0, 0, 0), (4, 5, 6), FOREIGN_PAGES),
    ((4, 5, 6), (4, 5, 14), FS_BYPASS),
)


def installed_version(folder: str) -> str | None:
    """Return the version of the Vite that Node would take in `folder`, or None where none is installed."""
    while True:
        try:
            with open(os.path.join(folder, "node_modules", "vite", "package.json"), encoding="utf-8") as file:
                version = json.load(file).get("version")
            return version if isinstance(version, str) else None
        except (OSError, ValueError, AttributeError):
            above = os.path.dirname(folder)
            if above == folder:
                return None
            folder = above


def parse_version(text: str) -> Version | None:
    """Return the three numbers of a version such as 8.0.5 or 8.0.0-beta.1; None for what is none."""
    match = re.match(r"v?(\d+)\.(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def check_vite_version(version: str, *, service: str | None = None, exposed: bool = False) -> Finding:
    """Judge a Vite version. `exposed` says that it listens beyond loopback: then a known hole is an error."""
    numbers = parse_version(version)
    for first, mended, hole in HOLES:
        if numbers is not None and first <= numbers < mended:
            safe = ".".join(map(str, mended))
            level = Level.ERROR if exposed else Level.WARNING
            return Finding(
                CHECK, level, f"Vite {version} has a known hole", hole, f"npm install vite@^{safe}", service
            )
    return Finding(CHECK, Level.OK, f"Vite {version} has no hole that devstack knows of", service=service)
