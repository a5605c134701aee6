"""Where the peers come from: one virtual environment, one npm prefix, and whatever is on the PATH.

All of it is installed once, into `.bench/` in the repository, a folder that ignores itself in git.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

PYTHON_PEERS = ("honcho==2.0.0", "supervisor==4.3.0", "circus==0.19.0", "setuptools<81")
NODE_PEERS = ("concurrently@9.2.5", "pm2@7.0.4", "mprocs@0.9.6")
_INSTALL_SECONDS = 300
_REPOSITORY = Path(__file__).parent.parent


class UnavailableError(Exception):
    """A peer that cannot be had on this machine, and why."""


class Store:
    """The folder with the installed peers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".gitignore").write_text("*\n")
        self._failed: dict[str, UnavailableError] = {}
        self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)

    def lock(self) -> bool:
        """Take the folder for this process alone, until it ends; False if another has it.

        Two runs at once would install over each other, and each would measure the other's load.
        """
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _install(self, name: str, install: Callable[[Path], None]) -> Path:
        """Install into the folder `name`, once; what failed is not tried again for the next tool in it."""
        if name in self._failed:
            raise self._failed[name]
        try:
            install(self.folder / name)
        except UnavailableError as error:
            self._failed[name] = error
            raise
        return self.folder / name

    def python_tool(self, name: str) -> str:
        """Return the path of a console script of the Python peers; UnavailableError if there is none."""
        return str(self._install("python", _install_python_peers) / "bin" / name)

    def node_tool(self, path: str) -> str:
        """Return the one file below `node_modules` that the pattern `path` matches."""
        found = sorted((self._install("node", _install_node_peers) / "node_modules").glob(path))
        if not found:
            raise UnavailableError(f"the npm package has no {path} for this machine")
        return str(found[0])

    def devstack(self) -> str:
        """Return the path of devstack, installed anew from the repository as a user would install it.

        An environment of its own, with nothing of the development tools in it, and a copy of the code: what
        is edited while the benchmarks run changes nothing.
        """
        _install_devstack(self.folder / "devstack")
        return str(self.folder / "devstack" / "bin" / "devstack")


def on_path(name: str, hint: str = "") -> str:
    """Return where `name` is on the PATH; UnavailableError if it is not there."""
    found = shutil.which(name)
    if found is None:
        raise UnavailableError(f"not on the PATH{hint and f' ({hint})'}")
    return found


@cache
def _install_python_peers(folder: Path) -> None:
    if _is_installed(folder, PYTHON_PEERS):
        return
    _run([sys.executable, "-m", "venv", "--clear", str(folder)])
    _run([str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *PYTHON_PEERS])
    _note(folder, PYTHON_PEERS)


@cache
def _install_node_peers(folder: Path) -> None:
    if _is_installed(folder, NODE_PEERS):
        return
    npm = on_path("npm", "Node.js brings it")
    folder.mkdir(exist_ok=True)
    _run([npm, "--prefix", str(folder), "install", "--no-audit", "--no-fund", *NODE_PEERS])
    _note(folder, NODE_PEERS)


@cache
def _install_devstack(folder: Path) -> None:
    # The constraints hold the libraries at the versions that the project's tests run with.
    pins = (str(_REPOSITORY / "constraints.txt"), str(_REPOSITORY))
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "-c", *pins]
    if not _is_installed(folder, pins):
        _run([sys.executable, "-m", "venv", "--clear", str(folder)])
        _run(pip)
        _note(folder, pins)
    _run([*pip, "--no-deps", "--force-reinstall"])


def _is_installed(folder: Path, wanted: tuple[str, ...]) -> bool:
    note = folder / "installed.txt"
    # A virtual environment that was moved starts the Python of its old place.
    return note.exists() and note.read_text().split("\n") == [str(folder), *wanted]


def _note(folder: Path, installed: tuple[str, ...]) -> None:
    (folder / "installed.txt").write_text("\n".join([str(folder), *installed]))


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"its installation took more than {_INSTALL_SECONDS} s") from None
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
        raise UnavailableError(f"{os.path.basename(command[0])} exited with {done.returncode}: {lines[-1]}")
