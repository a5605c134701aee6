"""A run finds all that a tool started by its cookie, and leaves nothing, whatever the tool does."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from benchmarks.cases import Bench, Contender
from benchmarks.cases.age import measure as measure_age
from benchmarks.cases.start import measure_4
from benchmarks.cases.throughput import measure_1
from benchmarks.child import Child, build_child, lingerers
from benchmarks.peers import load
from benchmarks.ports import free_ports
from benchmarks.processes import COOKIE
from benchmarks.run import CaseFailedError, at_most, running

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the benchmarks read /proc")

PYTHON_CHILD = Child(
    (sys.executable, "-I", "-S", str(Path(__file__).parents[2] / "benchmarks" / "child" / "child.py")),
    "Python",
)


def floor() -> Contender:
    return Contender(load("floor"), sys.executable)


@pytest.fixture(params=["compiled", "python"])
def child(request: pytest.FixtureRequest, tmp_path: Path) -> Child:
    return build_child(tmp_path / "bench") if request.param == "compiled" else PYTHON_CHILD


def alive_with(cookie: bytes) -> list[str]:
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            environ = Path("/proc", name, "environ").read_bytes()
        except OSError:
            continue
        if cookie in environ.split(b"\0"):
            found.append(name)
    return found


@pytest.mark.parametrize("mode", ["linger", "deaf", "escape", "daemon"])
def test_nothing_is_left_of_a_run_even_of_a_service_that_will_not_go(child: Child, mode: str) -> None:
    contender = floor()
    with running(
        contender.peer,
        contender.executable,
        child,
        lambda stamps, _go: lingerers(child, stamps, [mode, "linger"]),
    ) as run:
        run.wait_for_stamps("ready", 3 if mode in ("escape", "daemon") else 2)
        (own,) = run.supervisors()
        environ = Path("/proc", str(own.pid), "environ").read_bytes().split(b"\0")
        cookie = next(each for each in environ if each.startswith(COOKIE.encode()))
        assert len(run.services()) == (3 if mode in ("escape", "daemon") else 2)
        folder = run.folder
    assert alive_with(cookie) == []
    assert not folder.exists()


def test_the_floor_starts_and_stops_four_services(child: Child) -> None:
    figures = measure_4(Bench(child, quick=True), floor())
    assert isinstance(figures["start4"], float)
    assert isinstance(figures["stop"], float)


def test_the_floor_loses_no_line(child: Child) -> None:
    figures = measure_1(Bench(child, lines=50_000), floor())
    assert [figures[f"log1_{kind}"] for kind in ("lost", "torn", "mixed", "filed")] == [0, 0, 0, 0]


def test_a_line_is_older_than_nothing_when_it_arrives(child: Child) -> None:
    figures = measure_age(Bench(child, quick=True), floor())
    age = figures["age_p50"]
    assert isinstance(age, float)
    assert age > 0


def test_a_tool_that_ends_early_fails_its_case_with_its_own_words(child: Child) -> None:
    contender = Contender(load("floor"), "/bin/false")
    with (
        pytest.raises(CaseFailedError, match="exited with 1"),
        running(
            contender.peer,
            contender.executable,
            child,
            lambda stamps, _go: lingerers(child, stamps, ["linger"]),
        ) as run,
    ):
        run.wait_for_stamps("ready", 1)


def test_a_tool_that_hangs_fails_its_case_and_nothing_is_left_of_it(child: Child) -> None:
    contender = floor()
    folders = []

    def _hang() -> None:
        with running(
            contender.peer,
            contender.executable,
            child,
            lambda stamps, _go: lingerers(child, stamps, ["linger"]),
        ) as run:
            folders.append(run.folder)
            run.wait_for_stamps("never comes", 1)

    with pytest.raises(CaseFailedError, match="not done after 1 s"), at_most(1):
        _hang()
    assert [folder.exists() for folder in folders] == [False]


def test_free_ports_are_as_many_as_asked_for_and_all_different() -> None:
    assert len(set(free_ports(200))) == 200
