"""How a service runs: each sentence of the contract with a real stack."""

from __future__ import annotations

import json
import re
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import devstack, free_port, start_devstack, until
from tests.machine.strangers import foreign_address

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="setsid(1), and /proc")
SLEEPER = "exec sleep 600"
LISTENER = (
    "import socket, sys, time; address = (*sys.argv[2:], '127.0.0.1')[0]; "
    "s = socket.create_server((address, int(sys.argv[1]))); time.sleep(600)"
)
LISTEN = f'exec "{sys.executable}" -I -S -c "{LISTENER}"'


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "project"
    folder.mkdir()
    yield folder
    devstack(folder, "down", "--timeout", "0")


def write(project: Path, settings: str = "", mode: str = "dev", **services: str) -> None:
    lines = "".join(f"{name}: {command}\n" for name, command in services.items())
    (project / f"Procfile.{mode}").write_text(lines)
    (project / "devstack.toml").write_text(settings)


def states(project: Path) -> dict[str, str]:
    answer = json.loads(devstack(project, "status", "--json").stdout)
    return {service["name"]: service["state"] for service in answer["services"]}


def claim(name: str, port: int, extra: str = "") -> str:
    variable = f"{name.upper()}_PORT"
    return f'[services.{name}]\nports = [{{ env = "{variable}", default = {port} }}]\n{extra}\n'


def test_a_service_that_never_listens_is_named_with_its_last_lines_and_where_it_listens(
    project: Path,
) -> None:
    elsewhere = free_port()
    write(project, claim("web", free_port()), web=f"echo hello from web; {LISTEN} {elsewhere}", other=SLEEPER)
    answer = devstack(project, "up", "-d", "--timeout", "3")
    assert answer.returncode == 1
    assert "web" in answer.stdout
    assert "was not ready within 3 s" in answer.stdout
    assert "hello from web" in answer.stdout
    assert f"listens on {elsewhere}" in answer.stdout
    assert devstack(project, "status").returncode == 5


@LINUX
def test_where_a_daemon_of_the_service_listens_is_told_as_well(project: Path) -> None:
    elsewhere = free_port()
    daemon = LISTEN.removeprefix("exec ")
    write(project, claim("web", free_port()), web=f"(setsid {daemon} {elsewhere} &); {SLEEPER}")
    answer = devstack(project, "up", "-d", "--timeout", "3")
    assert f"it listens on {elsewhere}, not on" in answer.stdout


def test_a_service_on_an_address_that_localhost_does_not_reach_is_told_which(project: Path) -> None:
    port, address = free_port(), foreign_address()
    write(project, claim("web", port), web=f"{LISTEN} {port} {address}")
    answer = devstack(project, "up", "-d", "--timeout", "2.5")
    assert "was not ready within 2.5 s: connection refused" in answer.stdout
    assert f"it listens on {address}:{port}, where no client of localhost reaches it" in answer.stdout


def test_of_two_claims_the_one_without_a_listener_is_named(project: Path) -> None:
    port, missing = free_port(), free_port()
    ports = f'{{ env = "A_PORT", default = {port} }}, {{ env = "B_PORT", default = {missing} }}'
    write(project, f"[services.web]\nports = [{ports}]\n", web=f"{LISTEN} {port}")
    answer = devstack(project, "up", "-d", "--timeout", "3")
    assert f"it listens on {port}, not on {missing}:" in answer.stdout
    assert f"if it needs no port {missing}: [services.web] ports in devstack.toml" in answer.stdout


def test_a_line_is_found_whatever_its_colours(project: Path) -> None:
    colours = r"printf '\033[32mlistening\033[0m on \033[1m5000\033[0m\n'"
    write(project, '[services.web]\nready = { log = "listening on 5000$" }\n', web=f"{colours}; {SLEEPER}")
    assert devstack(project, "up", "-d", "--timeout", "20").returncode == 0


def test_a_service_in_its_second_process_and_a_command_that_hangs_are_told(project: Path) -> None:
    once = f"test -e crashed || {{ touch crashed; exit 3; }}; {SLEEPER}"
    write(project, '[services.web]\nready = { command = "sleep 60" }\n', web=once)
    said = devstack(project, "up", "-d", "--timeout", "3").stdout
    assert "was not ready within 3 s: `sleep 60` has not ended yet" in said
    assert "it had ended, and was started again, once" in said


@pytest.mark.parametrize(
    ("command", "words"), [("no-such-program", "command not found"), ("./Procfile.dev", "cannot be run")]
)
def test_a_command_that_cannot_run_is_not_tried_again(project: Path, command: str, words: str) -> None:
    write(project, web=command)
    answer = devstack(project, "up", timeout=20)
    assert answer.returncode == 1
    assert words in answer.stdout
    assert "starting again" not in answer.stdout


def test_a_crash_before_ready_is_tried_again(project: Path) -> None:
    count = project / "count"
    crash_twice = f"echo x >> {count}; test $(wc -l < {count}) -ge 3 || exit 4; {SLEEPER}"
    write(project, web=crash_twice)
    answer = devstack(project, "up", "-d")
    assert answer.returncode == 0, answer.stdout
    assert answer.stdout.count("crashed (exit code 4)") == 2
    assert states(project) == {"web": "ready"}


def test_in_dev_a_crash_loop_after_ready_leaves_the_stack_up(project: Path) -> None:
    flag = project / "break"
    settings = "[services.web]\nrestart = { max = 1 }\n"
    write(project, settings, web=f"while ! test -e {flag}; do sleep 0.05; done; exit 9", other=SLEEPER)
    assert devstack(project, "up", "-d").returncode == 0
    flag.touch()
    until("web has failed", lambda: states(project)["web"] == "failed")
    assert states(project)["other"] == "ready"


def test_in_prod_a_crash_loop_ends_the_stack_and_names_the_exit_code(project: Path) -> None:
    flag = project / "break"
    settings = "[services.web]\nrestart = { max = 1 }\n"
    write(
        project,
        settings,
        mode="prod",
        web=f"while ! test -e {flag}; do sleep 0.05; done; exit 9",
        other=SLEEPER,
    )
    up = start_devstack(project, "up", "--mode", "prod")
    until("the stack is up", lambda: devstack(project, "status").returncode == 0)
    until("web is ready", lambda: states(project)["web"] == "ready")
    flag.touch()
    output, _ = up.communicate(timeout=30)
    assert up.returncode == 1
    assert "web failed: exit code 9" in output
    assert devstack(project, "status").returncode == 5


def test_a_one_shot_that_ends_with_0_is_up_and_stays_exited(project: Path) -> None:
    write(project, once="echo migrated", web=SLEEPER)
    assert devstack(project, "up", "-d").returncode == 0
    assert states(project) == {"once": "exited", "web": "ready"}


def test_a_dependency_is_ready_before_what_depends_on_it_starts(project: Path) -> None:
    order = project / "order"
    settings = '[services.web]\ndepends_on = ["db"]\n[services.db]\nready = { log = "open" }\n'
    write(
        project,
        settings,
        web=f"echo web >> {order}; {SLEEPER}",
        db=f"sleep 0.3; echo db >> {order}; echo open; {SLEEPER}",
    )
    assert devstack(project, "up", "-d").returncode == 0
    assert order.read_text().split() == ["db", "web"]


def test_what_depends_on_a_failed_service_is_never_started(project: Path) -> None:
    settings = '[services.web]\ndepends_on = ["db"]\n[services.db]\nrestart = { mode = "never" }\n'
    write(project, settings, web=f"touch {project}/started; {SLEEPER}", db="exit 5")
    answer = devstack(project, "up", "-d")
    assert answer.returncode == 1
    assert "db failed: exit code 5" in answer.stdout
    assert not (project / "started").exists()


def test_choosing_a_service_brings_its_dependencies_and_nothing_else(project: Path) -> None:
    write(project, '[services.web]\ndepends_on = ["db"]\n', web=SLEEPER, db=SLEEPER, other=SLEEPER)
    assert devstack(project, "up", "-d", "web").returncode == 0
    assert states(project) == {"web": "ready", "db": "ready"}


@pytest.mark.parametrize(("command", "code"), [("exit 0", 0), ("sleep 1.3; exit 3", 1)])
def test_a_foreground_up_ends_when_all_have_ended(project: Path, command: str, code: int) -> None:
    write(project, '[services.a]\nrestart = { mode = "never" }\n', a=command, b="exit 0")
    assert devstack(project, "up").returncode == code


def test_stopped_by_down_elsewhere_is_a_success(project: Path) -> None:
    write(project, web=SLEEPER)
    up = start_devstack(project, "up")
    until("it runs", lambda: devstack(project, "status").returncode == 0)
    assert devstack(project, "down").returncode == 0
    output, _ = up.communicate(timeout=20)
    assert up.returncode == 0, output


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_the_stack_with_its_own_exit_code(project: Path, number: int, code: int) -> None:
    write(project, web="trap 'exit 130' TERM INT; while :; do sleep 0.05; done", other=SLEEPER)
    up = start_devstack(project, "up")
    until("it runs", lambda: devstack(project, "status").returncode == 0)
    up.send_signal(number)
    output, _ = up.communicate(timeout=20)
    assert up.returncode == code, output
    assert "nothing is left running" in output


def test_abort_on_exit_ends_the_stack_with_the_first_exit(project: Path) -> None:
    write(project, a="sleep 0.5; exit 0", b=SLEEPER)
    assert devstack(project, "up", "--abort-on-exit").returncode == 0
    write(project, a="sleep 0.5; exit 6", b=SLEEPER)
    assert devstack(project, "up", "--abort-on-exit").returncode == 1


def test_exit_code_from_is_the_services_own(project: Path) -> None:
    write(project, tests="sleep 1.2; exit 42", db=SLEEPER)
    assert devstack(project, "up", "--exit-code-from", "tests").returncode == 42
    assert devstack(project, "up", "--exit-code-from", "nobody").returncode == 2


def test_scaled_instances_have_names_and_ports_of_their_own(project: Path) -> None:
    write(project, worker=f'echo "I am $DEVSTACK_SERVICE on $PORT"; {LISTEN} $PORT', other=SLEEPER)
    answer = devstack(project, "up", "-d", "--scale", "worker=2", "--ports", "auto")
    assert answer.returncode == 0, answer.stdout
    assert states(project) == {"worker": "ready", "worker.2": "ready", "other": "ready"}
    said = devstack(project, "logs").stdout
    ports = re.findall(r"I am worker(?:\.2)? on (\d+)", said)
    assert len(set(ports)) == 2


def test_ports_auto_moves_a_taken_claim_and_says_so(project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        write(project, claim("web", port), web=f'echo "mine is $WEB_PORT"; {LISTEN} $WEB_PORT')
        refused = devstack(project, "up", "-d")
        assert refused.returncode == 3
        assert str(port) in refused.stderr
        moved = devstack(project, "up", "-d", "--ports", "auto")
    assert moved.returncode == 0, moved.stdout
    new = re.search(r"WEB_PORT=(\d+) for this run", moved.stdout)
    assert new is not None
    assert f"mine is {new[1]}" in devstack(project, "logs").stdout


def test_a_taken_port_starts_nothing(project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        write(project, claim("web", taken.getsockname()[1]), web=SLEEPER, other=f"touch {project}/started")
        assert devstack(project, "up").returncode == 3
    assert not (project / "started").exists()


@pytest.mark.parametrize(
    ("name", "text", "where"),
    [
        (".env", "A=1\nPORT=abc\n", ".env:2"),
        ("Procfile.dev", "web: true\napi: true\nweb: false\n", "Procfile.dev:3"),
        ("Procfile.dev", "web: true\nthis is no service\n", "Procfile.dev:2"),
        ("Procfile.dev", "# nothing\n", "Procfile.dev"),
        ("devstack.toml", "[services.web]\nreadi = {}\n", "devstack.toml:2"),
    ],
)
def test_a_wrong_file_is_named_with_its_line_and_nothing_starts(
    project: Path, name: str, text: str, where: str
) -> None:
    write(project, web=f"touch {project}/started; {SLEEPER}")
    (project / name).write_text(text)
    answer = devstack(project, "up")
    assert answer.returncode == 4
    assert where in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not (project / "started").exists()


def test_without_a_procfile_the_message_says_what_to_write(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    answer = devstack(tmp_path, "up")
    assert answer.returncode == 4
    assert "Procfile" in answer.stderr


@pytest.mark.parametrize("name", ["a" * 150, "with some spaces", "ümläut 'quoted' \"twice\""])
def test_any_folder_name_will_do(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    write(folder, web=f"pwd; {SLEEPER}")
    try:
        assert devstack(folder, "up", "-d").returncode == 0
        assert states(folder) == {"web": "ready"}
        assert str(folder) in devstack(folder, "logs").stdout
    finally:
        assert devstack(folder, "down").returncode == 0


def test_ctrl_c_at_the_moment_of_ready_stops_the_stack_or_comes_too_late(project: Path) -> None:
    write(project, claim("web", port := free_port()), web=f"{LISTEN} {port}")
    up = start_devstack(project, "up", "-d")
    assert up.stdout is not None
    while not up.stdout.readline().startswith("devstack | ready in"):
        assert up.poll() is None
    up.send_signal(signal.SIGINT)
    up.communicate(timeout=60)
    assert (up.returncode, devstack(project, "status").returncode) in [(130, 5), (0, 0)]
