"""`devstack smoke`: parity of dev and prod, and the first cause of a failure wherever CI looks for it."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.cli.running import clean_environment, devstack, free_port, start_devstack

SERVE = """
import http.server, json, os, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"mode": os.environ["DEVSTACK_MODE"], "port": int(sys.argv[1]), "who": sys.argv[2]})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "serve.py").write_text(SERVE)
    yield folder
    devstack(folder, "down", "--timeout", "0")


def serve(who: str) -> str:
    return f'exec "{sys.executable}" -I serve.py $WEB_PORT {who}'


def write(project: Path, dev: str, prod: str = "web: true", settings: str = "") -> None:
    (project / "Procfile.dev").write_text(dev + "\n")
    (project / "Procfile.prod").write_text(prod + "\n")
    claim = f'ports = [{{ env = "WEB_PORT", default = {free_port()}, protocol = "http" }}]'
    (project / "devstack.toml").write_text(f"[services.web]\n{claim}\n{settings}\n")


def in_actions(project: Path, *arguments: str) -> tuple[subprocess.CompletedProcess[str], str]:
    """Run devstack as a step of GitHub Actions; return what it did and the step's summary."""
    summary = project / "summary.md"
    environment = clean_environment() | {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    done = subprocess.run(
        [sys.executable, "-m", "devstack", *arguments],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    return done, summary.read_text()


def test_parity_of_modes_that_answer_alike_is_well(project: Path) -> None:
    write(project, f"web: {serve('me')}", f"web: {serve('me')}")
    done = devstack(project, "smoke", "--parity")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"ok +GET / +devstack\.parity .* 200, application/json, alike", done.stdout)
    assert devstack(project, "status").returncode == 5


def test_parity_shows_where_the_modes_differ(project: Path) -> None:
    write(project, f"web: {serve('developer')}", f"web: {serve('customer')}")
    done = devstack(project, "smoke", "--parity", "--junit", "out.xml")
    assert done.returncode == 1
    assert "1 difference: body.who: dev 'developer', prod 'customer'" in done.stdout
    root = ET.parse(project / "out.xml").getroot()  # noqa: S314 - our own file
    suite = root.find("testsuite")
    assert suite is not None
    assert datetime.fromisoformat(suite.get("timestamp", "")).tzinfo is not None
    cases = root.iter("testcase")
    assert [case.get("name") for case in cases if case.find("failure") is not None] == ["GET /"]


@pytest.mark.parametrize("option", [("--mode", "dev"), ("-f", "Procfile.dev")])
def test_parity_takes_no_mode_of_its_own(project: Path, option: tuple[str, str]) -> None:
    write(project, f"web: {serve('me')}")
    done = devstack(project, "smoke", "--parity", *option)
    assert done.returncode == 2
    assert "--parity compares dev with prod" in done.stderr


def test_the_first_cause_is_in_the_table_in_junit_and_in_the_step_summary(project: Path) -> None:
    noisy = "seq -f 'line %g' 50; echo '``` no database'; exit 3"
    write(
        project,
        f"web: {serve('me')}\nworker: {noisy}",
        settings='[services.worker]\ndepends_on = ["web"]\nrestart = { mode = "never" }',
    )
    done, summary = in_actions(project, "smoke", "--junit", "out.xml")
    assert done.returncode == 1
    output = ET.parse(project / "out.xml").getroot().findtext("testsuite/system-out")  # noqa: S314
    assert output is not None
    for text in (done.stdout, output, summary):
        cause = text[text.index("first cause: ") :]
        assert re.match(r"first cause: worker: exit code 3, \d+\.\d s after the start", cause)
        assert "its last 30 lines:" in cause
        assert "  line 22\n" in cause
        assert "  line 21\n" not in cause
        # The worker's failure begins the stop of web: the ports are as they were then.
        assert re.search(r"\d+ +ours +web +WEB_PORT .*\(pid \d+\)", cause)
        assert re.search(r"web +0\.\d\d s .*\n +worker .*never ready\n", cause)
        assert "waited longest for " in cause
    assert summary.rstrip().endswith("\n````")


def test_a_stack_whose_services_all_do_their_work_and_end_is_well(project: Path) -> None:
    (project / "Procfile").write_text("one: true\ntwo: true\n")
    answer = devstack(project, "smoke")
    assert answer.returncode == 0, answer.stdout


def test_what_a_service_says_is_no_command_to_github_actions_and_what_it_left_is_looked_for(
    project: Path,
) -> None:
    settings = '[services.worker]\nrestart = { mode = "never" }'
    write(project, f"web: {serve('me')}\nworker: echo '::error::mine'; exit 3", settings=settings)
    done, _ = in_actions(project, "smoke")
    lines = done.stdout.splitlines()
    (start,) = (line for line in lines if line.startswith("::stop-commands::"))
    deaf = range(lines.index(start), lines.index(f"::{start.rpartition(':')[2]}::"))
    quoted = [at for at, line in enumerate(lines) if line.lstrip().startswith("::error::mine")]
    assert quoted
    assert set(quoted) <= set(deaf)
    assert re.search(r"^ok +preflight .* 1 port free$", done.stdout, re.MULTILINE)
    assert re.search(r"^ok +no process is left ", done.stdout, re.MULTILINE)


def test_a_taken_port_is_the_first_cause_with_its_owner(project: Path) -> None:
    write(project, f"web: {serve('me')}")
    port = _port(project)
    code = f"import socket; s = socket.create_server(('127.0.0.1', {port})); print('up', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"up\n"
        done, summary = in_actions(project, "smoke")
        owner.kill()
    assert done.returncode == 3
    for text in (done.stdout, summary):
        cause = text[text.index("first cause: ") :]
        assert f"port {port} (web) is taken" in cause
        assert f"pid {owner.pid}" in cause


def test_an_impostor_fails_the_smoke_run_and_is_its_first_cause(project: Path) -> None:
    write(
        project,
        f"web: sleep 600 # $WEB_PORT\nthief: {serve('me')}",
        settings="[services.thief]\nports = []\n",
    )
    with (project / "devstack.toml").open("a") as settings:
        settings.write(f'env = {{ WEB_PORT = "{_port(project)}" }}\n')
    done = devstack(project, "smoke", "--timeout", "20")
    assert done.returncode == 1, done.stdout
    assert re.search(r"FAILED +impostors \d+ +devstack\.dev\.web ", done.stdout)
    assert re.search(r"first cause: web: thief listens on \d+, which web claims", done.stdout)


def test_who_listens_elsewhere_is_the_first_cause_with_where(project: Path) -> None:
    elsewhere = free_port()
    write(project, f"web: {serve('me').replace('$WEB_PORT', str(elsewhere))} # $WEB_PORT")
    done = devstack(project, "smoke", "--timeout", "3")
    cause = done.stdout[done.stdout.index("first cause: ") :]
    assert re.match(r"first cause: web: not ready within \d+ s: ", cause)
    assert f"; it listens on {elsewhere}, not on {_port(project)}: " in cause


def test_the_ports_of_a_start_that_took_too_long_are_shown_as_they_were(project: Path) -> None:
    write(project, f"web: {serve('me')}", settings='ready = { log = "never said" }\n')
    done = devstack(project, "smoke", "--timeout", "3")
    assert done.returncode == 1
    cause = done.stdout[done.stdout.index("first cause: ") :]
    assert re.search(rf"{_port(project)} +ours +web +WEB_PORT .*\(pid \d+\)", cause), cause


def test_a_crash_for_an_impostor_is_not_the_first_cause(project: Path) -> None:
    """The one who crashes only misses its port; the table shows who had it when that happened."""
    write(
        project,
        f"thief: {serve('me')}\nweb: {serve('me')}",
        settings='restart = { mode = "on-failure", max = 20 }\ndepends_on = ["thief"]\n'
        '[services.thief]\nports = []\nready = { command = "test -e up" }\n',
    )
    with (project / "devstack.toml").open("a") as settings:
        settings.write(f'env = {{ WEB_PORT = "{_port(project)}" }}\n')
    server = (project / "serve.py").read_text()
    (project / "serve.py").write_text(
        server.replace(".serve_forever()", "\nopen('up', 'w').close()\n").replace(
            "http.server.Threading", "server = http.server.Threading"
        )
        + "server.serve_forever()\n"
    )
    done = devstack(project, "smoke", "--timeout", "30", "--junit", "new/folder/out.xml")
    assert done.returncode == 1, done.stdout
    cause = done.stdout[done.stdout.index("first cause: ") :]
    assert re.match(r"first cause: web: thief listens on \d+, which web claims", cause)
    assert "Address already in use" in cause
    assert re.search(r"\d+ +(ours|busy) +web +WEB_PORT .*\(pid \d+\)", cause)
    assert (project / "new" / "folder" / "out.xml").is_file()


def _port(project: Path) -> str:
    found = re.search(r"default = (\d+)", (project / "devstack.toml").read_text())
    assert found is not None
    return found[1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("option", [(), ("--parity",)])
def test_a_signal_while_it_asks_stops_the_stack_and_ends_the_run(
    project: Path, number: signal.Signals, option: tuple[str, ...]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as asked:
        # Says that it was asked over HTTP, and does not answer: the run is in the middle of its questions.
        mute = (
            "import http.server, socket, sys, time\n"
            "class Mute(http.server.BaseHTTPRequestHandler):\n"
            "    def do_GET(self):\n"
            f"        socket.create_connection(('127.0.0.1', {asked.getsockname()[1]}))\n"
            "        time.sleep(600)\n"
            "http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Mute).serve_forever()\n"
        )
        (project / "mute.py").write_text(mute)
        line = f'web: exec "{sys.executable}" -I mute.py $WEB_PORT'
        write(project, line, line, settings="ready = { tcp = true }")
        run = start_devstack(project, "smoke", *option)
        asked.settimeout(60)
        asked.accept()[0].close()
        run.send_signal(number)
        said, _ = run.communicate(timeout=60)
    assert run.returncode == 128 + number, said
    assert re.search(rf"FAILED +all asked .*ended by {number.name}", said)
    assert re.search(r"ok +no process is left", said)
    assert "mode prod" not in said
    assert devstack(project, "status").returncode == 5
