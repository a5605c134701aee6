"""`devstack up` as a person and a script meet it: what it starts, what it says, with which code it ends."""

from __future__ import annotations

import math
import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.machine.strangers import quiet_port
from tests.stack import Project, child, is_free, project_in, until
from tests.waiting import at_this_load

LISTENER = """
import os, socket, sys
port = int(sys.argv[1] if len(sys.argv) > 1 else os.environ["PORT"])
server = socket.create_server(("127.0.0.1", port))
print("listening", flush=True)
while True:
    server.accept()[0].close()
"""


CLAIM = '[services.api]\nports = [{ env = "PORT", default = 5000, protocol = "tcp" }]\n'


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with project_in(tmp_path) as found:
        yield found


@pytest.fixture
def web(project: Project) -> Project:
    """A project with one service, `api`, that listens on its PORT and is asked there."""
    listener = project.script("listener.py", LISTENER)
    (project.folder / "Procfile.dev").write_text(f"api: {listener}\n")
    (project.folder / ".env").write_text(f"PORT={quiet_port()}\n")
    (project.folder / "devstack.toml").write_text(CLAIM)
    return project


def port_of(project: Project) -> int:
    return int((project.folder / ".env").read_text().partition("=")[2])


class TestNothingIsStarted:
    """Where the exit code says that the request was wrong."""

    @pytest.mark.parametrize(
        ("arguments", "text"),
        [
            (("nosuch",), "nosuch"),
            (("--exit-code-from", "nosuch"), "“nosuch”"),
            (("-d", "--abort-on-exit"), "--abort-on-exit"),
            (("--ports", "some"), "--ports some"),
            (("--scale", "one"), "--scale one"),
            (("--scale", "nosuch=2"), "nosuch"),
            (("--timeout", "soon"), "soon"),
            (("--nosuch",), "--nosuch"),
        ],
    )
    def test_a_wrong_command_line_is_2(self, project: Project, arguments: tuple[str, ...], text: str) -> None:
        project.stack({"one": "touch started; echo up; exec sleep 1000"})
        done = project.run("up", *arguments)
        assert (done.returncode, text in done.stderr) == (2, True), done.stderr
        self.assert_nothing_began(project, done.stderr)

    def test_a_wrong_exit_code_from_is_2_whoever_holds_the_port(self, web: Project) -> None:
        with socket.create_server(("127.0.0.1", port_of(web))):
            done = web.run("up", "--exit-code-from", "apo")
        assert (done.returncode, "did you mean “api”" in done.stderr) == (2, True), done.stderr
        assert not (web.folder / ".devstack").exists()

    @pytest.mark.parametrize("arguments", [("up",), ("up", "-d")])
    def test_a_taken_port_is_3_and_names_its_owner(self, web: Project, arguments: tuple[str, ...]) -> None:
        with open(web.folder / "Procfile.dev", "a") as procfile:
            procfile.write("other: touch started\n")
        with socket.create_server(("127.0.0.1", port_of(web))):
            done = web.run(*arguments)
        assert done.returncode == 3
        assert f"port {port_of(web)}" in done.stderr
        assert re.search(r"pid \d+", done.stderr)
        self.assert_nothing_began(web, done.stderr)

    @pytest.mark.parametrize(
        ("name", "content", "place"),
        [
            ("Procfile.dev", "one: touch started\nnot a service\n", "Procfile.dev:2"),
            (".env", "A=1\nB='\n", ".env:2"),
            ("devstack.toml", "[services.one]\nports = 7\n", "devstack.toml:2"),
            ("devstack.toml", "[services.one\n", "devstack.toml:1"),
            ("devstack.toml", '[services.one]\ndepends_on = ["two"]\n', "devstack.toml:2"),
        ],
    )
    def test_a_wrong_file_is_4_with_its_line(
        self, project: Project, name: str, content: str, place: str
    ) -> None:
        project.stack({"one": "touch started; echo up; exec sleep 1000"})
        (project.folder / name).write_text(content)
        done = project.run("up")
        assert (done.returncode, place in done.stderr) == (4, True), done.stderr
        self.assert_nothing_began(project, done.stderr)

    def test_no_procfile_is_4(self, project: Project) -> None:
        (project.folder / "devstack.toml").touch()
        done = project.run("up")
        assert done.returncode == 4
        assert "Procfile.dev" in done.stderr
        self.assert_nothing_began(project, done.stderr)

    def test_a_variable_of_the_shell_that_is_wrong_is_4(self, web: Project) -> None:
        done = web.run("up", PORT="eighty")
        assert (done.returncode, "shell" in done.stderr, "eighty" in done.stderr) == (4, True, True)
        self.assert_nothing_began(web, done.stderr)

    @pytest.mark.parametrize("command", ["status", "logs", "restart", "stop", "start"])
    def test_without_a_stack_the_others_end_with_5(self, project: Project, command: str) -> None:
        project.stack({"one": "true"})
        done = project.run(command, *(["one"] if command in ("restart", "stop", "start") else []))
        assert done.returncode == 5
        assert "devstack up" in done.stderr

    @staticmethod
    def assert_nothing_began(project: Project, said: str) -> None:
        assert "Traceback" not in said
        assert not (project.folder / "started").exists()
        assert not (project.folder / ".devstack" / "record.json").exists()
        project.assert_nothing_is_left()


class TestReadiness:
    def test_who_listens_elsewhere_is_named_with_where(self, web: Project) -> None:
        elsewhere = quiet_port()
        listener = (web.folder / "Procfile.dev").read_text().strip()
        (web.folder / "Procfile.dev").write_text(f"{listener} {elsewhere}\n")
        seconds = math.ceil(at_this_load(2))
        began = time.monotonic()
        done = web.run("up", "--timeout", str(seconds))
        assert done.returncode == 1
        assert seconds <= time.monotonic() - began < seconds + 40
        assert f"api (:{port_of(web)}) was not ready within {seconds} s" in done.stdout
        assert f"it listens on {elsewhere}, not on {port_of(web)}" in done.stdout
        assert "devstack |     listening" in done.stdout.splitlines()
        web.assert_nothing_is_left(elsewhere, port_of(web))

    def test_who_listens_nowhere_is_named_with_its_last_lines(self, web: Project) -> None:
        (web.folder / "Procfile.dev").write_text("api: echo reading the map; sleep 1000\n")
        done = web.run("up", "-d", "--timeout", "1")
        assert done.returncode == 1
        assert f"api (:{port_of(web)}) was not ready within 1 s: connection refused" in done.stdout
        assert "listens on no port at all" in done.stdout
        assert "devstack |     reading the map" in done.stdout.splitlines()
        web.assert_nothing_is_left()

    @pytest.mark.parametrize(
        ("command", "words"),
        [
            ("exec ./no-such-program", "command not found (exit code 127)"),
            ("exec ./not-executable", "command cannot be run (exit code 126)"),
        ],
    )
    def test_what_cannot_run_fails_at_once(self, project: Project, command: str, words: str) -> None:
        (project.folder / "not-executable").write_text("text")
        project.stack({"one": command, "two": child("calm")})
        began = time.monotonic()
        done = project.run("up", "--timeout", "30")
        assert done.returncode == 1
        assert time.monotonic() - began < 25
        assert f"one failed: {words}" in done.stdout
        assert "crashed" not in done.stdout
        project.assert_nothing_is_left()

    def test_a_folder_that_is_not_there_fails_at_once(self, project: Project) -> None:
        project.stack(
            {"one": "echo up", "two": child("calm")}, '[services.one]\nports = []\ncwd = "nowhere"\n'
        )
        done = project.run("up")
        assert done.returncode in (1, 4)
        assert "nowhere" in done.stdout + done.stderr
        project.assert_nothing_is_left()

    def test_a_crash_before_ready_is_tried_again(self, project: Project) -> None:
        tries = 'echo x >>tries; test "$(wc -l <tries)" -lt 3 && exit 7; echo up; exec sleep 1000'
        project.stack({"one": tries})
        up = project.up()
        assert up.text.count("crashed (exit code 7); starting again in") == 2
        assert project.status()["one"]["restarts"] == 2

    def test_who_crashes_again_and_again_before_ready_fails_the_start(self, project: Project) -> None:
        project.stack({"one": "echo broken; exit 7", "two": child("calm")}, restarts("one", 2))
        done = project.run("up", "-d", "--timeout", "30")
        assert done.returncode == 1
        assert "one failed: exit code 7, after 2 restarts" in done.stdout
        assert "devstack |     broken" in done.stdout.splitlines()
        project.assert_nothing_is_left()

    @pytest.mark.parametrize("arguments", [("up",), ("up", "-d")])
    @pytest.mark.parametrize("on_terminal", [False, True])
    def test_a_failure_is_said_once(
        self, project: Project, arguments: tuple[str, ...], on_terminal: bool
    ) -> None:
        project.stack({"one": "echo broken; exit 7"}, restarts("one", 0))
        up = (project.start_in_terminal if on_terminal else project.start)(*arguments)
        assert up.wait() == 1
        assert up.text.count("one failed: exit code 7") == 1, up.text
        assert "its last lines (1):" in up.text

    def test_nothing_is_called_ready_before_all_have_answered(self, project: Project) -> None:
        project.stack(
            {"one": child("calm"), "two": "until test -e go; do sleep 0.05; done; echo up; exec sleep 1000"}
        )
        up = project.start("up")
        up.until_said("one ready")
        assert "ready in" not in up.text
        (project.folder / "go").touch()
        up.until_said("two ready", "ready in")


def restarts(name: str, most: int) -> str:
    return (
        f'[services.{name}]\nports = []\nready = {{ log = "^up" }}\nstop = {{ grace = 0.5 }}\n'
        f"restart = {{ max = {most}, within = 60 }}\n"
    )


class TestCrashLoops:
    CRASHES = "echo up; until test -e go; do sleep 0.02; done; exit 9"

    def test_in_dev_the_service_is_failed_and_the_stack_stays_up(self, project: Project) -> None:
        project.stack({"one": self.CRASHES, "two": child("calm")}, restarts("one", 2))
        up = project.up()
        (project.folder / "go").touch()
        up.until_said("one failed: exit code 9, after 2 restarts")
        states = project.status()
        assert (states["one"]["state"], states["two"]["state"]) == ("failed", "ready")
        assert states["one"]["exit_code"] == 9
        assert up.process.poll() is None
        assert project.run("down").returncode == 0
        assert up.wait() == 0

    def test_in_prod_it_ends_the_stack_and_is_named_with_its_code(self, project: Project) -> None:
        services = {"one": self.CRASHES, "two": child("session")}
        project.stack(services, restarts("one", 2), mode="prod")
        up = project.up("--mode", "prod")
        (project.folder / "go").touch()
        assert up.wait() == 1
        assert "one failed: exit code 9, after 2 restarts" in up.text
        project.assert_nothing_is_left()

    def test_a_service_that_is_never_to_be_restarted_fails_at_its_first_crash(self, project: Project) -> None:
        settings = '[services.one]\nports = []\nready = { log = "^up" }\nrestart = { mode = "never" }\n'
        project.stack({"one": self.CRASHES, "two": child("calm")}, settings)
        up = project.up()
        (project.folder / "go").touch()
        up.until_said("one failed: exit code 9")
        assert project.status()["one"]["restarts"] == 0


class TestEnds:
    def test_a_one_shot_that_ends_with_0_counts_as_up_and_is_no_failure(self, project: Project) -> None:
        project.stack({"once": "echo migrated", "api": child("calm")})
        project.up_detached()
        states = project.status()
        assert (states["once"]["state"], states["once"]["exit_code"], states["once"]["restarts"]) == (
            "exited",
            0,
            0,
        )
        assert project.run("down").returncode == 0

    def test_when_all_have_ended_well_it_ends_with_0(self, project: Project) -> None:
        project.stack({"one": "echo up", "two": "echo up; sleep 0.3"})
        up = project.start("up")
        assert up.wait() == 0
        assert "every service has ended" in up.text
        project.assert_nothing_is_left()

    def test_when_all_have_ended_and_one_has_failed_it_ends_with_1(self, project: Project) -> None:
        settings = '[services.two]\nports = []\nready = { log = "^up" }\nrestart = { mode = "never" }\n'
        two = "echo up; until test -e go; do sleep 0.02; done; exit 5"
        project.stack({"one": "echo up", "two": two}, settings)
        up = project.up()
        (project.folder / "go").touch()
        assert up.wait() == 1
        assert "every service has ended; failed: two" in up.text
        project.assert_nothing_is_left()

    @pytest.mark.parametrize("code", [130, 143, 1])
    def test_what_a_service_ends_with_after_our_signal_is_no_failure(
        self, project: Project, code: int
    ) -> None:
        polite = f"trap 'exit {code}' TERM INT; echo up; while :; do sleep 0.05; done"
        project.stack({"one": polite, "two": child("calm")})
        up = project.up()
        assert project.run("restart", "one").returncode == 0
        assert project.run("stop", "one").returncode == 0
        states = project.status()
        assert (states["one"]["state"], states["one"]["exit_code"]) == ("stopped", code)
        assert "crashed" not in up.text
        assert "failed" not in up.text
        assert project.run("down").returncode == 0
        assert up.wait() == 0

    def test_stopped_one_by_one_it_waits_for_a_start(self, project: Project) -> None:
        project.stack({"one": child("calm"), "two": child("calm")})
        up = project.up()
        assert project.run("stop", "one", "two").returncode == 0
        assert project.run("start", "one").returncode == 0
        assert up.process.poll() is None
        assert project.run("down").returncode == 0
        assert up.wait() == 0

    @pytest.mark.parametrize(
        ("command", "code"), [("echo up; sleep 0.2", 0), ("echo up; sleep 0.2; exit 4", 1)]
    )
    def test_with_abort_on_exit_the_first_end_ends_the_stack(
        self, project: Project, command: str, code: int
    ) -> None:
        project.stack({"one": command, "two": child("session")})
        up = project.start("up", "--abort-on-exit")
        assert up.wait() == code
        assert f"one ended (exit code {code and 4})" in up.text
        project.assert_nothing_is_left()

    @pytest.mark.parametrize(
        ("command", "code"),
        [
            ("echo up; sleep 0.2; exit 7", 7),
            ("echo up; sleep 0.2", 0),
            ("echo up; sleep 0.2; kill -9 $$", 137),
        ],
    )
    def test_with_exit_code_from_its_code_is_ours(self, project: Project, command: str, code: int) -> None:
        project.stack({"tests": command, "two": child("session"), "once": "echo up"})
        up = project.start("up", "--exit-code-from", "tests")
        assert up.wait() == code
        project.assert_nothing_is_left()


class TestDependencies:
    def test_they_start_in_order_and_stop_in_reverse(self, project: Project) -> None:
        says = (
            "trap 'echo {0} ends >>order; exit' TERM; echo {0} starts >>order; "
            "echo up; while :; do sleep 0.05; done"
        )
        project.stack({name: says.format(name) for name in ("page", "api", "base")})
        text = (project.folder / "devstack.toml").read_text()
        text = text.replace("[services.page]\n", '[services.page]\ndepends_on = ["api"]\n')
        text = text.replace("[services.api]\n", '[services.api]\ndepends_on = ["base"]\n')
        (project.folder / "devstack.toml").write_text(text)
        up = project.up()
        up.signal(signal.SIGTERM)
        up.wait()
        assert (project.folder / "order").read_text().splitlines() == [
            "base starts",
            "api starts",
            "page starts",
            "page ends",
            "api ends",
            "base ends",
        ]

    def test_who_depends_on_what_failed_is_not_started(self, project: Project) -> None:
        project.stack({"base": "exec /does/not/exist", "page": "touch started; echo up; exec sleep 1000"})
        with open(project.folder / "devstack.toml", "a") as settings:
            settings.write('depends_on = ["base"]\n')
        done = project.run("up")
        assert done.returncode == 1
        assert "base failed" in done.stdout
        assert not (project.folder / "started").exists()
        project.assert_nothing_is_left()

    def test_who_waits_for_a_dependency_is_named_with_it(self, project: Project) -> None:
        project.stack({"base": "exec sleep 1000", "page": child("calm")})
        with open(project.folder / "devstack.toml", "a") as settings:
            settings.write('depends_on = ["base"]\n')
        done = project.run("up", "--timeout", "1")
        assert done.returncode == 1
        assert "page was not ready within 1 s: it waited for base" in done.stdout

    def test_a_one_shot_may_be_waited_for(self, project: Project) -> None:
        project.stack(
            {"migrate": "sleep 0.2; echo done >migrated", "page": "cat migrated; echo up; exec sleep 1000"}
        )
        with open(project.folder / "devstack.toml", "a") as settings:
            settings.write('depends_on = ["migrate"]\n')
        project.up()
        assert project.log("page") == "done\nup\n"


class TestChoices:
    def test_chosen_services_come_with_what_they_need(self, project: Project) -> None:
        project.stack({"base": child("calm"), "other": child("calm"), "page": child("calm")})
        with open(project.folder / "devstack.toml", "a") as settings:
            settings.write('depends_on = ["base"]\n')
        up = project.up("page")
        assert {name: one["state"] for name, one in project.status().items()} == {
            "base": "ready",
            "page": "ready",
        }
        up.signal(signal.SIGTERM)
        up.wait()

    def test_ports_of_services_that_were_not_chosen_may_be_taken(self, web: Project) -> None:
        with open(web.folder / "Procfile.dev", "a") as procfile:
            procfile.write("quiet: sleep 1000\n")
        (web.folder / "devstack.toml").write_text(CLAIM + "[services.quiet]\nports = []\n")
        with socket.create_server(("127.0.0.1", port_of(web))):
            web.up_detached("quiet")
        assert web.run("down").returncode == 0

    def test_scaled_services_have_names_and_ports_of_their_own(self, web: Project) -> None:
        port = port_of(web)
        (web.folder / ".env").unlink()
        listener = (web.folder / "Procfile.dev").read_text().partition(": ")[2]
        (web.folder / "Procfile.dev").write_text(f"worker: {listener}")
        settings = f'[services.worker]\nports = [{{ env = "PORT", default = {port} }}]\n'
        (web.folder / "devstack.toml").write_text(settings)
        up = web.up("--scale", "worker=2")
        states = web.status()
        assert {name: one["ports"] for name, one in states.items()} == {
            "worker": [port],
            "worker.2": [port + 1],
        }
        assert not is_free(port)
        assert not is_free(port + 1)
        assert web.run("stop", "worker.2").returncode == 0
        assert is_free(port + 1)
        assert web.status()["worker"]["pid"] == states["worker"]["pid"]
        assert web.run("start", "worker").returncode == 0
        assert not is_free(port + 1)
        up.signal(signal.SIGTERM)
        up.wait()
        web.assert_nothing_is_left(port, port + 1)

    def test_with_ports_auto_a_taken_port_is_no_matter(self, web: Project) -> None:
        with socket.create_server(("127.0.0.1", port_of(web))):
            up = web.up("--ports", "auto")
            (port,) = web.status()["api"]["ports"]
        assert port != port_of(web)
        assert not is_free(port)
        assert f"api: PORT={port} for this run instead of {port_of(web)}" in up.text
        assert f"http://localhost:{port}" in up.text or f"localhost:{port}" in up.text
        up.signal(signal.SIGTERM)
        up.wait()
        web.assert_nothing_is_left(port)

    def test_two_stacks_of_one_procfile_run_side_by_side_with_ports_auto(
        self, web: Project, tmp_path: Path
    ) -> None:
        with project_in(tmp_path / "other") as other:
            for name in ("Procfile.dev", ".env", "devstack.toml", "listener.py"):
                (other.folder / name).write_text((web.folder / name).read_text())
            web.up_detached("--ports", "auto")
            other.up_detached("--ports", "auto")
            assert web.status()["api"]["ports"] != other.status()["api"]["ports"]
            assert web.run("down").returncode == 0
            assert other.status()["api"]["state"] == "ready"
            assert other.run("down").returncode == 0


class TestWhileItRuns:
    def test_a_restart_leaves_the_others_as_they_are(self, project: Project) -> None:
        project.stack({"one": child("calm"), "two": child("calm"), "three": child("session")})
        project.up_detached()
        before = {name: one["pid"] for name, one in project.status().items()}
        for command in ("restart", "stop", "start"):
            assert project.run(command, "two").returncode == 0
        after = {name: one["pid"] for name, one in project.status().items()}
        assert before["two"] != after["two"]
        assert {**before, "two": None} == {**after, "two": None}
        assert project.run("down").returncode == 0

    def test_output_is_shown_from_the_spawn_on(self, project: Project) -> None:
        project.stack(
            {"one": "echo first words; until test -e go; do sleep 0.05; done; echo up; exec sleep 1000"}
        )
        up = project.start("up")
        up.until_said("first words")
        assert "ready" not in up.text
        (project.folder / "go").touch()
        up.until_said("ready in")

    def test_services_get_the_environment_that_is_promised(self, project: Project) -> None:
        project.stack({"one": "env; echo up; exec sleep 1000"})
        (project.folder / ".env").write_text("FROM_FILE=yes\n")
        project.up_detached(NODE_ENV="")
        found = dict(line.partition("=")[::2] for line in project.log("one").splitlines() if "=" in line)
        assert (found["DEVSTACK"], found["DEVSTACK_MODE"], found["DEVSTACK_SERVICE"]) == ("1", "dev", "one")
        assert found["DEVSTACK_PROJECT"] == str(project.folder)
        assert (found["FROM_FILE"], found["PYTHONUNBUFFERED"]) == ("yes", "1")
        assert "FORCE_COLOR" not in found

    def test_after_a_detached_start_the_caller_s_terminal_is_free(self, project: Project) -> None:
        project.stack({"one": "echo up; while :; do echo tick; sleep 0.05; done"})
        up = project.start_in_terminal("up", "-d")
        assert up.wait() == 0
        up.close()
        until(lambda: "tick" in project.run("logs").stdout, "the stack to go on")
        assert project.status()["one"]["state"] == "ready"
        assert project.run("down").returncode == 0
        project.assert_nothing_is_left()
