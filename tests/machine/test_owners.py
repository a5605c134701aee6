"""Each kind of owner, by a process that is one or looks like one."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from devstack.core.port_report import BusyReason, Owner, PortState
from devstack.core.stack import COOKIE
from devstack.machine import containers, system
from devstack.machine.listeners import Listener
from devstack.machine.owners import OurStack, describe_owners
from devstack.machine.preflight import check_claims
from tests.machine.strangers import claim, named_python, quiet_port, stranger

LINUX = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="a process is named after a link here"
)


def describe(listener: Listener, stack: OurStack | None = None) -> Owner:
    return describe_owners([listener], stack or OurStack())[listener.port][0]


def test_a_descendant_of_our_running_stack_is_ours() -> None:
    me = system.identify(os.getpid())
    assert me is not None
    with stranger() as child:
        report = check_claims([claim(child.port)], [me])[0]
    assert report.state is PortState.OURS
    assert report.reason is None
    assert report.owners[0].pid == child.pid


def test_what_carries_the_runs_cookie_is_ours_whoever_its_parent_is() -> None:
    with stranger(env={COOKIE: "run-7"}) as other:
        claims = [claim(other.port)]
        assert check_claims(claims, cookie="run-7")[0].state is PortState.OURS
        assert check_claims(claims, cookie="run-8")[0].state is PortState.BUSY


@pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="no SO_REUSEPORT")
def test_a_stranger_beside_our_own_service_makes_the_port_busy_and_is_named_alone() -> None:
    with stranger(ways=["reuse"]) as ours, stranger(port=ours.port, ways=["reuse"]) as other:
        identity = system.identify(ours.pid)
        assert identity is not None
        report = check_claims([claim(ours.port)], [identity])[0]
    assert report.state is PortState.BUSY
    assert [owner.pid for owner in report.owners] == [other.pid]


def test_a_service_of_another_project_is_told_with_its_folder(tmp_path: Path) -> None:
    elsewhere = tmp_path / "else"
    elsewhere.mkdir()
    env = {"DEVSTACK_PROJECT": str(elsewhere), "DEVSTACK_SERVICE": "web"}
    with stranger(env=env) as other:
        report = check_claims([claim(other.port)], project=str(tmp_path))[0]
    assert report.reason is BusyReason.OTHER_PROJECT
    assert report.owners[0].detail == str(elsewhere)
    assert report.end_command == ""


def test_a_service_of_a_project_whose_folder_is_gone_is_ended_itself(tmp_path: Path) -> None:
    env = {"DEVSTACK_PROJECT": str(tmp_path / "gone"), "DEVSTACK_SERVICE": "web"}
    with stranger(env=env) as other:
        report = check_claims([claim(other.port)], project=str(tmp_path))[0]
    assert report.reason is BusyReason.OTHER_PROJECT
    assert report.end_command == system.end_command([other.pid])


@LINUX
def test_a_service_of_this_projects_dead_stack_is_a_leftover(tmp_path: Path) -> None:
    folder = tmp_path / "real"
    folder.mkdir()
    link = tmp_path / "link"
    link.symlink_to(folder)
    env = {"DEVSTACK_PROJECT": str(link), "DEVSTACK_SERVICE": "web"}
    with stranger(env=env) as other:
        report = check_claims([claim(other.port)], project=str(folder))[0]
    assert report.reason is BusyReason.LEFTOVER


def test_a_command_that_devstack_run_started_is_an_ordinary_process(tmp_path: Path) -> None:
    with stranger(env={"DEVSTACK_PROJECT": str(tmp_path)}) as other:
        report = check_claims([claim(other.port)], project=str(tmp_path))[0]
    assert report.reason is BusyReason.STRANGER


def test_an_owner_that_has_ended_is_left_out() -> None:
    with stranger() as other:
        pass
    assert describe_owners([Listener(other.port, "127.0.0.1", other.pid)], OurStack()) == {}


@LINUX
def test_airplay_receiver_is_known_by_its_process_and_port(tmp_path: Path) -> None:
    with stranger(program=named_python(tmp_path, "ControlCenter")) as mac:
        assert describe(Listener(5000, "0.0.0.0", mac.pid)).reason is BusyReason.AIRPLAY
        assert describe(Listener(7000, "[::]", mac.pid)).reason is BusyReason.AIRPLAY
        assert describe(Listener(3000, "0.0.0.0", mac.pid)).reason is BusyReason.STRANGER


def fake_engine(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@LINUX
@pytest.mark.parametrize("engine", ["docker", "podman"])
def test_a_containers_port_is_told_with_the_containers_name(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = quiet_port()
    lines = f"printf 'db\\t5432/tcp\\nweb-1\\t0.0.0.0:{port}->80/tcp, [::]:{port}->80/tcp\\n'"
    fake_engine(tmp_path, engine, f'[ "$1" = ps ] && {lines}')
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    with stranger(port=port, program=named_python(tmp_path, "docker-proxy")):
        report = check_claims([claim(port)])[0]
    assert report.reason is BusyReason.CONTAINER
    assert (report.owners[0].detail, report.owners[0].engine) == ("web-1", engine)
    assert report.end_command == ""


@LINUX
@pytest.mark.parametrize("script", ["echo daemon asleep >&2; exit 1", "exec sleep 60"])
def test_a_container_engine_that_does_not_answer_leaves_the_name_unknown(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_engine(tmp_path, "docker", script)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setattr(containers, "ANSWER_WITHIN", 0.3)
    with stranger(program=named_python(tmp_path, "docker-proxy")) as other:
        report = check_claims([claim(other.port)])[0]
    assert report.reason is BusyReason.CONTAINER
    assert report.owners[0].detail == ""


@LINUX
def test_a_port_that_a_container_holds_without_a_listener_is_the_containers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        fake_engine(tmp_path, "docker", f"printf 'web-1\\t127.0.0.1:{port}->80/tcp\\n'")
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
        report = check_claims([claim(port)])[0]
    assert report.reason is BusyReason.CONTAINER
    assert report.owners == (Owner(reason=BusyReason.CONTAINER, detail="web-1", engine="docker"),)


@LINUX
def test_a_container_engine_is_asked_once_for_all_ports_without_a_listener(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_engine(tmp_path, "docker", f"echo asked >>{tmp_path}/calls; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    with socket.socket() as one, socket.socket() as other:
        for held in (one, other):
            held.bind(("127.0.0.1", 0))
        claims = [claim(held.getsockname()[1]) for held in (one, other)]
        reports = check_claims(claims)
    assert [report.reason for report in reports] == [BusyReason.NO_OWNER] * 2
    assert (tmp_path / "calls").read_text() == "asked\n"


def test_published_ports_are_read_as_docker_and_podman_write_them() -> None:
    listing = (
        "web\t0.0.0.0:5000->80/tcp, [::]:5000->80/tcp\n"
        "old\t:::7000->70/tcp\n"
        "range\t127.0.0.1:8000-8002->9000-9002/tcp, 9100/tcp\n"
        "dns\t0.0.0.0:53->53/udp\n"
        "idle\t\n"
    )
    assert containers.parse_published(listing) == {
        5000: "web",
        7000: "old",
        8000: "range",
        8001: "range",
        8002: "range",
    }


@LINUX
def test_a_command_line_is_told_as_one_would_type_it(tmp_path: Path) -> None:
    folder = tmp_path / "two words"
    folder.mkdir()
    with stranger(program=named_python(folder, "py thon")) as other:
        owner = describe(Listener(other.port, "127.0.0.1", other.pid))
    assert owner.command is not None
    assert owner.command.startswith(f"'{folder}/py thon' -c ")
