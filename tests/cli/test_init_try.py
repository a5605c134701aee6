"""`devstack init --try`: runs what it proposes, and claims what it saw."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from devstack.config.options import StackOptions
from devstack.config.stack import load_stack
from devstack.core.ports import PortClaim
from devstack.supervisor.run_folder.record import running_record
from tests.node_project import answers, free_run
from tests.waiting import until

DEVSTACK = str(Path(sys.executable).parent / "devstack")
SERVER = """
import http.server, os, sys
open(sys.argv[1] + ".pid", "w").write(str(os.getpid()))
port = int(eval(sys.argv[2]))
http.server.ThreadingHTTPServer(("127.0.0.1", port), http.server.SimpleHTTPRequestHandler).serve_forever()
"""
NO_HTTP = """
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listening:
    while True:
        listening.accept()[0].close()
"""


def project(folder: Path, *lines: str) -> Path:
    """Write a platform's Procfile: its commands say nothing of where they listen."""
    (folder / "server.py").write_text(SERVER)
    (folder / "no_http.py").write_text(NO_HTTP)
    (folder / "Procfile").write_text("".join(f"{line}\n" for line in lines))
    return folder


def server(name: str, port: str) -> str:
    """Return a line with a server on the port that the Python expression `port` says."""
    return f'{name}: {sys.executable} server.py {name} "{port}"'


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PORT"}
    return subprocess.Popen(
        [DEVSTACK, "init", "--try", "--yes", *options],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(folder: Path) -> tuple[int, str]:
    process = start(folder)
    shown, _ = process.communicate(timeout=100)
    return process.returncode, shown


def claims(folder: Path) -> dict[str, list[PortClaim]]:
    """Return what the written files claim, by service."""
    stack = load_stack(StackOptions(str(folder), {}, mode="dev")).stack
    return {service.name: list(service.claims) for service in stack.services}


def is_gone(folder: Path, name: str) -> bool:
    pid = int((folder / f"{name}.pid").read_text())
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_ports_that_no_file_tells_are_seen_and_claimed(tmp_path: Path) -> None:
    port = free_run(2)
    folder = project(
        tmp_path,
        server("fixed", f"{port - 7} + 7"),
        server("reads", "os.environ['PORT']"),
        f"queue: {sys.executable} no_http.py {port + 1}",
    )
    code, shown = run(folder)
    assert code == 0, shown
    found = claims(folder)
    assert [(one.port, one.variable, one.protocol) for one in found["fixed"]] == [(port, None, "http")]
    assert [(one.variable, one.protocol) for one in found["reads"]] == [("PORT", "http")]
    assert [(one.port, one.variable, one.protocol) for one in found["queue"]] == [(port + 1, None, "tcp")]
    assert is_gone(folder, "fixed")
    assert is_gone(folder, "reads")
    assert not answers(port)
    assert not (folder / ".devstack").exists()


def test_a_variable_that_env_sets_is_claimed_and_not_the_number_of_the_trial(tmp_path: Path) -> None:
    port = free_run(2)
    folder = project(
        tmp_path,
        f'web: {sys.executable} server.py web "$PORT"',
        f'other: {sys.executable} server.py other "$PORT"',
    )
    (folder / ".env").write_text(f"PORT={port}\n")
    code, shown = run(folder)
    assert code == 0, shown
    assert [(one.port, one.variable) for one in claims(folder)["web"]] == [(port, "PORT")]
    assert [one.variable for one in claims(folder)["other"]] == ["OTHER_PORT"]


def test_what_was_seen_is_ready_by_its_claims(tmp_path: Path) -> None:
    port = free_run(1)
    folder = project(tmp_path, server("web", str(port)))
    run(folder)
    up = subprocess.run([DEVSTACK, "up", "-d"], cwd=folder, capture_output=True, text=True, check=False)
    subprocess.run([DEVSTACK, "down"], cwd=folder, capture_output=True, check=True)
    assert up.returncode == 0, up.stdout
    assert f"web ready on :{port}" in up.stdout


def test_a_service_that_fails_is_shown_and_the_others_are_tried(tmp_path: Path) -> None:
    port = free_run(1)
    folder = project(
        tmp_path,
        server("web", str(port)),
        f"""broken: {sys.executable} -c "raise SystemExit('no database here')" """,
        f"""late: {sys.executable} -c "import time; time.sleep(1.5); raise SystemExit('no queue here')" """,
    )
    code, shown = run(folder)
    assert code == 1
    assert "broken failed: exit code 1" in shown
    assert "no database here" in shown
    assert "no queue here" in shown
    assert [one.port for one in claims(folder)["web"]] == [port]
    assert is_gone(folder, "web")


def test_services_that_only_do_their_work_claim_nothing(tmp_path: Path) -> None:
    folder = project(tmp_path, "hello: echo hi", "later: sleep 1.5")
    code, shown = run(folder)
    assert code == 0, shown
    assert claims(folder) == {"hello": [], "later": []}


def test_down_elsewhere_ends_the_trial_and_nothing_is_written(tmp_path: Path) -> None:
    folder = project(tmp_path, "worker: sleep 600")
    process = start(folder)
    until(lambda: running_record(str(folder)) is not None, "the worker runs")
    subprocess.run([DEVSTACK, "down"], cwd=folder, capture_output=True, check=True)
    shown, _ = process.communicate(timeout=60)
    assert process.returncode == 143, shown
    assert not (folder / "Procfile.dev").exists()


def test_a_port_in_use_keeps_its_service_from_being_tried(tmp_path: Path) -> None:
    port = free_run(1)
    folder = project(tmp_path, server("web", str(port)))
    (folder / "package.json").write_text(f'{{"scripts": {{"dev": "next dev -p {port}"}}}}')
    import socket

    with socket.create_server(("127.0.0.1", port)):
        code, shown = run(folder)
    assert code == 1
    assert f"web was not tried: its port {port} is in use" in shown


def test_ctrl_c_ends_what_runs_and_writes_nothing(tmp_path: Path) -> None:
    folder = project(
        tmp_path, f"web: {sys.executable} server.py web \"__import__(chr(116) + 'ime').sleep(60)\""
    )
    process = start(folder)
    until(lambda: (folder / "web.pid").exists() and (folder / "web.pid").read_text() != "", "the server runs")
    process.send_signal(signal.SIGINT)
    shown, _ = process.communicate(timeout=60)
    assert process.returncode == 130, shown
    assert "nothing written" in shown
    assert is_gone(folder, "web")
    assert not (folder / "Procfile.dev").exists()


def test_nothing_outlives_a_trial_that_is_killed(tmp_path: Path) -> None:
    folder = project(
        tmp_path, f"web: {sys.executable} server.py web \"__import__(chr(116) + 'ime').sleep(60)\""
    )
    process = start(folder)
    until(lambda: (folder / "web.pid").exists() and (folder / "web.pid").read_text() != "", "the server runs")
    process.kill()
    process.communicate(timeout=60)
    until(lambda: is_gone(folder, "web"), "the guardian ends the server")


def test_a_worker_that_never_listens_claims_nothing(tmp_path: Path) -> None:
    folder = project(tmp_path, server("web", "os.environ['PORT']"), "worker: sleep 600")
    code, shown = run(folder)
    assert code == 0, shown
    assert "note: worker listened on no port, and claims none" in shown
    assert claims(folder)["worker"] == []
