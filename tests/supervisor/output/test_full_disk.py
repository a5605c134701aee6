"""A disk without room for the logs: said once; services and screen go on, the log does when it can."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.supervisor.output.service_log import RETRY_AFTER
from tests.stack import Project, pause, until
from tests.supervisor.output.screens import Start, assert_all_there, logged, writer

TINY = 1 << 20


@pytest.fixture
def tiny_disk(project: Project) -> Iterator[Path]:
    """A file system of one megabyte where the project's logs are."""
    folder = project.folder / ".devstack" / "logs"
    folder.mkdir(parents=True)
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={TINY},nr_inodes=64", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("this machine lets nobody mount a file system")
    yield folder
    project.clean_up()
    # Whoever lists the machine's processes and their files, another test perhaps, holds it for a moment.
    umount = ["umount", str(folder)]
    until(lambda: subprocess.run(umount, check=False).returncode == 0, "the small disk to be let go")


def test_a_full_disk_is_said_once_and_the_services_go_on(
    project: Project, up: Start, tiny_disk: Path, tmp_path: Path
) -> None:
    flood, go = tmp_path / "flood", tmp_path / "go"
    services = {
        "a": f"{writer('flood', 'A', 30_000, flood).removeprefix('exec ')}; "
        f"{writer('parts', f'wait:{go}', 'torn? ', 'no', chr(92) + 'n', '600')}",
        "b": writer("slow", "B", 0.02),
    }
    running = up(services)
    running.until("@B")
    flood.touch()
    running.until("the log of a cannot be written: No space left on device; it is tried again")
    until(lambda: len(running.lines_of("a")) >= 30_000, "all lines of a on the screen")
    assert_all_there(b"\n".join(running.lines_of("a")), {"A": 30_000})
    seen = len(running.lines_of("b"))
    until(lambda: len(running.lines_of("b")) > seen + 50, "more lines of b")
    assert running.text.count("the log of a cannot be written") == 1

    # There is room again: the log goes on with a whole line of its own.
    full = logged(project, "a")
    subprocess.run(["mount", "-o", f"remount,size={8 * TINY}", str(tiny_disk)], check=True)
    pause(RETRY_AFTER + 0.2)
    go.touch()
    running.until(r"the log of a is written again; [\d,]+ bytes are missing in it")
    until(lambda: logged(project, "a").endswith(b"\ntorn? no\n"), "the line after it")
    assert logged(project, "a").startswith(full)


def test_logs_that_somebody_removes_do_not_stop_the_stack(
    project: Project, up: Start, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    running = up({"a": f"{writer('slow', 'A', 0.02)}", "b": writer("flood", "B", 50_000, go)})
    running.until("@A 0000000010")
    for path in (project.folder / ".devstack" / "logs").iterdir():
        path.unlink()
    go.touch()
    running.until("b ended with exit code 0")
    assert_all_there(b"\n".join(running.lines_of("b")), {"B": 50_000})
    running.until("@A 0000000050")
