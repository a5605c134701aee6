"""The example's packages, installed once for all tests, and services run without devstack's CLI."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from devstack.checks.facts import StackFacts, gather_facts
from devstack.core.ports import PortClaim, Protocol
from devstack.core.service import Service
from devstack.core.stack import COOKIE, Stack
from devstack.machine.process_tree import SERVICE, Marks, find_members, signal_whole_groups
from tests.waiting import until

EXAMPLE = Path(__file__).parent.parent / "examples" / "vite-express"


def install_once(shared: Path) -> Path:
    """Return a folder with the example's `node_modules`; several test processes share one installation."""
    import fcntl

    folder = shared / "node-project"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "installed").exists():
            for name in ("package.json", "package-lock.json", ".npmrc"):
                shutil.copy(EXAMPLE / name, folder)
            subprocess.run(
                ["npm", "ci", "--no-audit", "--no-fund"],
                cwd=folder,
                check=True,
                capture_output=True,
                text=True,
            )
            (folder / "installed").touch()
    return folder


def answers(port: int, host: str = "127.0.0.1") -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


def free_run(length: int) -> int:
    """Return the first of `length` neighbouring ports below the ephemeral range that nobody holds."""
    while True:
        first = random.randint(20000, 29990)
        with ExitStack() as trials:
            try:
                for port in range(first, first + length):
                    trial = trials.enter_context(socket.socket())
                    trial.bind(("0.0.0.0", port))
            except OSError:
                continue
            return first


@dataclass
class HandMadeStack:
    """Services started as devstack starts them, as far as the checks can see: cookie, name, own group."""

    project: Path
    claims: tuple[PortClaim, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    mode: str = "dev"
    cookie: str = field(default_factory=lambda: uuid.uuid4().hex)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, service: str, command: Sequence[str], *, port: int | None = None) -> None:
        """Start `service` and return when it listens on `port`."""
        env = {**os.environ, **self.environment, COOKIE: self.cookie, SERVICE: service}
        if "HOST" not in self.environment:
            env.pop("HOST", None)
        with (self.project / f"{service}.log").open("wb") as log:
            self.processes[service] = subprocess.Popen(
                list(command), cwd=self.project, env=env, stdout=log, stderr=log, start_new_session=True
            )
        if port is not None:
            until(lambda: self.answers(service, port), f"{service} on {port}")

    def answers(self, service: str, port: int) -> bool:
        """Say whether somebody listens on `port`; fail if `service` has ended before."""
        assert self.processes[service].poll() is None, f"{service} has ended:\n{self.log(service)}"
        return answers(port)

    def log(self, service: str) -> str:
        return (self.project / f"{service}.log").read_text()

    def facts(self) -> StackFacts:
        names = dict.fromkeys([*(claim.service for claim in self.claims), *self.processes])
        services = tuple(
            Service(
                name,
                "",
                str(self.project),
                claims=tuple(claim for claim in self.claims if claim.service == name),
            )
            for name in names
        )
        stack = Stack(str(self.project), self.mode, "Procfile.dev", services, self.environment)
        return gather_facts(stack, Marks(cookie=self.cookie))

    def stop(self) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        # What called setsid is in none of these groups, and has the cookie still.
        rows = [member.row for member in find_members(Marks(cookie=self.cookie))]
        signal_whole_groups(rows, rows, signal.SIGKILL)


@contextmanager
def hand_made_stack(
    project: Path, claims: Sequence[PortClaim], environment: Mapping[str, str] | None = None
) -> Iterator[HandMadeStack]:
    """A stack whose processes all end with the block."""
    stack = HandMadeStack(project, tuple(claims), environment or {})
    try:
        yield stack
    finally:
        stack.stop()


def page_claim(port: int, service: str = "frontend") -> PortClaim:
    return PortClaim(service, port, "FRONTEND_PORT", Protocol.HTTP)


def hmr_claim(port: int, service: str = "frontend") -> PortClaim:
    return PortClaim(service, port, "HMR_PORT", Protocol.WS, path="/", subprotocol="vite-hmr")


def api_claim(port: int) -> PortClaim:
    return PortClaim("api", port, "PORT", Protocol.HTTP)


def trading_claim(port: int) -> PortClaim:
    return PortClaim("trading", port, "WS_PORT", Protocol.WS, path="/api/ws")
