"""Makes the README's pictures anew, from real runs: `make pictures`.

Each command runs in a pseudo-terminal in a copy of this project's own stack; what it printed is drawn by
rich as SVG. The stack runs on free ports, which the pictures show as the table's own.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import pty
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
DEVSTACK = Path(sys.executable).with_name("devstack")
PICTURES = ROOT / "docs" / "pictures"
WIDTH, HEIGHT = 100, 30
QUIET = 1.0
ERASE = re.compile(r"\r\x1b\[(\d+)A\x1b\[J")
PORTS = {"FRONTEND_PORT": 3000, "HMR_PORT": 3002, "PORT": 5000, "WS_PORT": 3001}
FONT_FACE = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)
"""rich's template fetches its font from elsewhere; the pictures take the reader's own monospaced one."""
SHOWN_FOLDER = "/home/you/trading"


def main() -> None:
    """Draw every picture."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "trading"
        project.mkdir()
        for name in ("Procfile.dev", "Procfile.prod", "devstack.toml"):
            shutil.copy(ROOT / name, project)
        ports = dict(zip(PORTS, _free_ports(len(PORTS)), strict=True))
        (project / ".env").write_text("".join(f"{name}={port}\n" for name, port in ports.items()))
        shown = {str(port): str(PORTS[name]) for name, port in ports.items()}
        shown |= {
            str(project): SHOWN_FOLDER,
            str(project.parent): "/home/you/other",
            sys.executable: "python3",
            f"user {getpass.getuser()}": "user you",
        }
        shown[f"PORT={ports['PORT'] + 1}"] = f"PORT={PORTS['PORT'] + 1}"
        up = _run(project, "up", until="/api/ws")
        _run(project, "up -d")
        status = _run(project, "status")
        _run(project, "down")
        with _stranger(ports["PORT"], project.parent):
            busy = _run(project, "check-ports")
    _draw("up", "devstack up", up, shown)
    _draw("status", "devstack status", status, shown)
    _draw("check-ports", "devstack check-ports", busy, shown)


def _free_ports(count: int) -> list[int]:
    """Return free ports of four digits: in the pictures they give way to the table's own."""
    found: list[int] = []
    for port in range(6100, 9900, 7):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            found.append(port)
        if len(found) == count:
            return found
    raise SystemExit("this machine has no free ports left")


@contextlib.contextmanager
def _stranger(port: int, folder: Path) -> Iterator[None]:
    """Hold `port` as somebody else would."""
    server = subprocess.Popen(
        [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 10
        while socket.socket().connect_ex(("127.0.0.1", port)) != 0:
            if time.monotonic() > deadline:
                raise TimeoutError(f"nobody listens on {port}")
        yield
    finally:
        server.terminate()
        server.wait()


def _run(project: Path, arguments: str, until: str = "") -> str:
    """Run devstack in a pseudo-terminal; return what stands on its screen in the end.

    With `until` that is when these words stand there and nothing follows; Ctrl-C then ends it.
    """
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(project)
        os.environ["PATH"] = f"{DEVSTACK.parent}{os.pathsep}{os.environ['PATH']}"
        os.execv(DEVSTACK, [str(DEVSTACK), *arguments.split()])
    import termios

    termios.tcsetwinsize(terminal, (HEIGHT, WIDTH))
    output = _read(terminal, until)
    if until:
        os.write(terminal, b"\x03")
        _read(terminal)
    os.waitpid(pid, 0)
    return _settled(output.decode().replace("\r\n", "\n"))


def _read(terminal: int, until: str = "") -> bytes:
    """Return what comes until the other end closes, or until there is quiet after the words `until`."""
    output = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], QUIET)[0]:
            if until and until.encode() in output:
                return output
            continue
        try:
            chunk = os.read(terminal, 65536)
        except OSError:  # the other end has closed (pty(7))
            return output
        if not chunk:
            return output
        output += chunk
    raise TimeoutError(f"no end in sight after: {output[-200:]!r}")


def _settled(text: str) -> str:
    """Return `text` without what was erased later: the panel as it looked before."""
    screen = ""
    position = 0
    for erase in ERASE.finditer(text):
        screen += text[position : erase.start()]
        lines = screen.split("\n")
        screen = "\n".join([*lines[: -1 - int(erase[1])], ""])
        position = erase.end()
    return screen + text[position:]


def _draw(name: str, title: str, text: str, shown: dict[str, str]) -> None:
    for found, wanted in shown.items():
        text = text.replace(found, wanted)
    console = Console(record=True, width=WIDTH, file=open(os.devnull, "w"))  # noqa: SIM115
    console.print(Text.from_ansi(f"$ {title}\n{text.rstrip()}"))
    svg = FONT_FACE.sub("", console.export_svg(title=title, unique_id=name))
    (PICTURES / f"{name}.svg").write_text(svg)


if __name__ == "__main__":
    main()
