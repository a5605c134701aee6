"""`up` holds a stack to its claims: who listens on a claimed port is the service that claims it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.running import clean_environment, devstack, start_devstack, until
from tests.commands import needs_setsid
from tests.node_project import answers, free_run
from tests.stack import is_free

LISTEN = """
import socket, sys, time
sockets = []
for place in sys.argv[1:]:
    host, _, port = place.rpartition("@")
    sockets.append(socket.create_server((host or "127.0.0.1", int(port))))
time.sleep(600)
"""
SLIDE = """
import socket, sys, time
port = int(sys.argv[1])
while True:
    try:
        listening = socket.create_server(("127.0.0.1", port))
        break
    except OSError:
        port += 1
print("listening on", port, flush=True)
time.sleep(600)
"""
READY_BY_LOG = 'ready = { log = "listening" }\n[services.trading]'
FOREGROUND, DETACHED = ("up",), ("up", "-d")
BOTH = pytest.mark.parametrize("up", [FOREGROUND, DETACHED], ids=["foreground", "detached"])


def read_until(running: subprocess.Popen[str], text: str) -> str:
    """Return what `running` says, up to the line with `text`; fail where it ends before."""
    assert running.stdout is not None
    said = ""
    for line in running.stdout:
        said += line
        if text in line:
            return said
    raise AssertionError(f"it ended without {text!r}: {said}")


class Project:
    """A project with a page and a trading socket on neighbouring ports."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.page = free_run(2)
        self.trading = self.page + 1
        for name, code in (("listen.py", LISTEN), ("slide.py", SLIDE)):
            (folder / name).write_text(code)

    def write(self, frontend: str, trading: str, settings: str = "") -> None:
        (self.folder / "Procfile.dev").write_text(f"frontend: {frontend}\ntrading: {trading}\n")
        (self.folder / ".env").write_text(f"FRONTEND_PORT={self.page}\nWS_PORT={self.trading}\n")
        claims = "".join(
            f'[services.{name}]\nports = [{{ env = "{variable}", default = 1 }}]\n'
            for name, variable in (("frontend", "FRONTEND_PORT"), ("trading", "WS_PORT"))
        )
        (self.folder / "devstack.toml").write_text(claims + settings)

    def run(self, script: str, *arguments: object) -> str:
        return " ".join([f'exec "{sys.executable}" -I -S {script}', *map(str, arguments)])

    def assert_nothing_is_left(self) -> None:
        assert devstack(self.folder, "status").returncode == 5
        assert is_free(self.page)
        assert is_free(self.trading)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    folder = tmp_path / "project"
    folder.mkdir()
    yield Project(folder)
    devstack(folder, "down", "--timeout", "0")


@BOTH
def test_a_service_on_a_siblings_port_stops_the_stack_and_both_are_named(
    project: Project, up: tuple[str, ...]
) -> None:
    project.write(
        project.run("listen.py", f"@{project.page}", f"@{project.trading}"),
        f"until test -e never; do sleep 0.05; done # {project.trading}",
    )
    done = devstack(project.folder, *up, "--timeout", "20")
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(
        rf"error: frontend listens on {project.trading}, which trading claims: \S+ \(pid \d+\)",
        done.stdout,
    )
    assert "stopping the stack" in done.stdout
    assert "ready in" not in done.stdout
    project.assert_nothing_is_left()


@contextmanager
def stranger_on(port: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that no stack has started, and that listens on `port`."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-I", "-S", "-c", LISTEN, f"@{port}"]
    process = subprocess.Popen(command, cwd=folder, env=clean_environment())
    try:
        until("the stranger listens", lambda: answers(port))
        yield process
        assert process.poll() is None, "the stranger was ended, too"
    finally:
        process.kill()
        process.wait()


@BOTH
def test_a_service_that_slides_to_the_next_port_is_named_with_whom_it_gave_way_to(
    project: Project, up: tuple[str, ...], tmp_path: Path
) -> None:
    started, go = project.folder / "started", project.folder / "go"
    slide = project.run("slide.py", project.page)
    project.write(
        f"touch {started}; until test -e {go}; do sleep 0.02; done; {slide}", f"sleep 600 # {project.trading}"
    )
    settings = project.folder / "devstack.toml"
    settings.write_text(settings.read_text().replace("[services.trading]", READY_BY_LOG))
    running = start_devstack(project.folder, *up, "--timeout", "30")
    until("the service has started", started.exists)
    with stranger_on(project.page, tmp_path / "elsewhere") as stranger:
        go.touch()
        output, _ = running.communicate(timeout=40)
    assert running.returncode == 1, output
    slid = rf"error: frontend listens on {project.trading}, which trading claims: \S+ \(pid \d+\); "
    pushed = rf"its own port {project.page} is held by \S+ \(pid {stranger.pid}, in "
    assert re.search(slid + pushed, output), output
    assert f"free port {project.page}" in output
    assert "ready in" not in output
    project.assert_nothing_is_left()


@BOTH
def test_a_stranger_between_preflight_and_start_is_named_with_pid_and_folder(
    project: Project, up: tuple[str, ...], tmp_path: Path
) -> None:
    elsewhere, started = tmp_path / "elsewhere", project.folder / "started"
    project.write(
        f"touch {started}; sleep 600 # {project.page}", project.run("listen.py", f"@{project.trading}")
    )
    running = start_devstack(project.folder, *up, "--timeout", "30")
    until("the service has started", started.exists)
    with stranger_on(project.page, elsewhere) as stranger:
        output, _ = running.communicate(timeout=40)
    assert running.returncode == 1, output
    who = rf"\S+ \(pid {stranger.pid}, in {re.escape(str(elsewhere))}\), not a process of this stack"
    assert re.search(rf"error: {who}, listens on 127\.0\.0\.1:{project.page}, which frontend claims", output)
    assert "ready in" not in output
    project.assert_nothing_is_left()


@BOTH
def test_a_stack_that_keeps_its_claims_comes_up_without_a_word(project: Project, up: tuple[str, ...]) -> None:
    project.write(
        project.run("listen.py", f"@{project.page}"), project.run("listen.py", f"@{project.trading}")
    )
    running = start_devstack(project.folder, *up)
    until("both answer", lambda: answers(project.page) and answers(project.trading))
    until("it is up", lambda: devstack(project.folder, "status").returncode == 0)
    devstack(project.folder, "down")
    output, _ = running.communicate(timeout=20)
    assert running.returncode == 0
    assert "error:" not in output
    assert "warning:" not in output


@needs_setsid
@BOTH
def test_a_child_that_left_its_group_listens_for_its_service(project: Project, up: tuple[str, ...]) -> None:
    listen = project.run("listen.py", f"@{project.page}").removeprefix("exec ")
    project.write(f"setsid {listen} & wait", project.run("listen.py", f"@{project.trading}"))
    running = start_devstack(project.folder, *up)
    until("both answer", lambda: answers(project.page) and answers(project.trading))
    until("it is up", lambda: devstack(project.folder, "status").returncode == 0)
    devstack(project.folder, "down")
    output, _ = running.communicate(timeout=20)
    assert running.returncode == 0, output
    assert "error:" not in output


@BOTH
def test_what_is_open_to_the_network_is_a_warning_after_ready(project: Project, up: tuple[str, ...]) -> None:
    project.write(
        project.run("listen.py", f"0.0.0.0@{project.page}"), project.run("listen.py", f"@{project.trading}")
    )
    running = start_devstack(project.folder, *up)
    output = read_until(running, "HOST to declare")
    warning = f"warning: frontend listens on 0.0.0.0:{project.page}, open to the whole network"
    assert warning in output
    assert output.index("ready in") < output.index(warning)
    assert devstack(project.folder, "status").returncode == 0
    devstack(project.folder, "down")
    rest, _ = running.communicate(timeout=20)
    assert running.returncode == 0
    assert warning not in rest


@BOTH
def test_a_claim_on_which_nobody_listens_is_a_warning_and_for_doctor_an_error(
    project: Project, up: tuple[str, ...]
) -> None:
    project.write(
        project.run("listen.py", f"@{project.page}"),
        "echo listening; exec sleep 600",
        'ready = { log = "listening" }\n',
    )
    running = start_devstack(project.folder, *up)
    what = f"trading claims {project.trading} and does not listen there"
    output = read_until(running, f"warning: {what}")
    assert "error:" not in output
    doctor = devstack(project.folder, "doctor")
    assert re.search(rf"^error +impostors +{what}", doctor.stdout, re.MULTILINE), doctor.stdout
    devstack(project.folder, "down")
    running.communicate(timeout=20)
    assert running.returncode == 0


def test_after_ready_an_impostor_is_told_and_dev_goes_on(project: Project) -> None:
    flag = project.folder / "go"
    again = project.run("listen.py", f"@{project.trading}")
    project.write(
        project.run("listen.py", f"@{project.page}"),
        f"if test -e {flag}; then sleep 600; else {again}; fi",
        "[services.thief]\nports = []\n",
    )
    procfile = project.folder / "Procfile.dev"
    thief = project.run("listen.py", f"@{project.trading}")
    procfile.write_text(
        procfile.read_text()
        + f"thief: until test -e {flag}; do sleep 0.05; done; while ! ( {thief} ) 2>&-; do sleep 0.05; done\n"
    )
    running = start_devstack(project.folder, "up")
    read_until(running, "ready in")
    flag.touch()
    devstack(project.folder, "restart", "trading")
    said = read_until(running, f"error: thief listens on {project.trading}, which trading claims")
    assert "stopping the stack" not in said
    assert devstack(project.folder, "status").returncode == 0
    devstack(project.folder, "down")
    running.communicate(timeout=20)


@BOTH
def test_a_service_that_failed_for_a_taken_port_is_told_who_has_it(
    project: Project, up: tuple[str, ...], tmp_path: Path
) -> None:
    started, go = project.folder / "started", project.folder / "go"
    project.write(
        f"touch {started}; until test -e {go}; do sleep 0.02; done; exit 127",
        project.run("listen.py", f"@{project.trading}"),
    )
    settings = project.folder / "devstack.toml"
    settings.write_text(settings.read_text().replace("[services.trading]", READY_BY_LOG))
    running = start_devstack(project.folder, *up, "--timeout", "30")
    until("the service has started", started.exists)
    with stranger_on(project.page, tmp_path / "elsewhere") as stranger:
        go.touch()
        output, _ = running.communicate(timeout=40)
    assert running.returncode == 1, output
    assert re.search(rf"port {project.page} is held by \S+ \(pid {stranger.pid}\)", output), output
