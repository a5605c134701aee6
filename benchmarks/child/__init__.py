"""The tiny services that every peer starts, and the commands that start them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Child:
    """How the tiny service is started: its words, and in one word what it is made of."""

    words: tuple[str, ...]
    made_of: str


def build_child(folder: Path) -> Child:
    """Compile the child into `folder` with the machine's C compiler, or fall back to bare Python."""
    compiler = next((found for name in ("cc", "gcc", "clang") if (found := shutil.which(name))), None)
    if compiler is not None:
        folder.mkdir(parents=True, exist_ok=True)
        program = folder / "child"
        source = _HERE / "child.c"
        if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
            subprocess.run([compiler, "-O2", "-o", str(program), str(source)], check=True, timeout=60)
        return Child((str(program.resolve()),), f"C, compiled with {os.path.basename(compiler)}")
    return Child((sys.executable, "-I", "-S", str(_HERE / "child.py")), "Python, `-I -S`: no C compiler here")


@dataclass(frozen=True, slots=True)
class Service:
    """One service as every peer's configuration names it; `words` hold no blank and no quote.

    `background` starts it twice from one shell line, the first behind an `&`; `port` is where it listens.
    """

    name: str
    words: tuple[str, ...]
    port: int | None = None
    background: bool = False

    @property
    def command(self) -> str:
        """The command as a shell line."""
        line = " ".join(self.words)
        return f"{line} & {line}" if self.background else line

    @property
    def argv(self) -> tuple[str, ...]:
        """The command as words, for the tools that start no shell of their own."""
        return ("/bin/sh", "-c", self.command) if self.background else self.words


def listeners(child: Child, stamps: Path, ports: tuple[int, ...]) -> tuple[Service, ...]:
    """Return one service a port, each of which listens on it."""
    return tuple(
        Service(f"s{index}", (*child.words, "listen", str(stamps), str(port)), port=port)
        for index, port in enumerate(ports, start=1)
    )


def lingerers(child: Child, stamps: Path, modes: Sequence[str]) -> tuple[Service, ...]:
    """Return one service for each of `modes`, which stamps and waits in that way."""
    return tuple(
        Service(f"s{index}", (*child.words, mode, str(stamps))) for index, mode in enumerate(modes, start=1)
    )


def writers(child: Child, stamps: Path, ids: str, mode: str, *arguments: object) -> tuple[Service, ...]:
    """Return one writing service for each letter of `ids`; `arguments` stand after the id."""
    tail = tuple(str(argument) for argument in arguments)
    return tuple(
        Service(f"s{index}", (*child.words, mode, str(stamps), name, *tail))
        for index, name in enumerate(ids, start=1)
    )
