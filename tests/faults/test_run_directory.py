"""A run directory that cannot be written gives an error that says so, and leaves nothing running."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack import Project, child, until

SIZE = 256 * 1024


def can_mount() -> bool:
    if os.getuid() != 0 or shutil.which("mount") is None:
        return False
    return subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0


@pytest.fixture
def disk(project: Project) -> Iterator[Path]:
    """The project's run directory on a disk of its own, a small one."""
    if not can_mount():
        pytest.skip("only root may mount a disk")
    folder = project.folder / ".devstack"
    folder.mkdir()
    options = f"size={SIZE},mode=700"
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=False).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        yield folder
    finally:
        project.clean_up()
        subprocess.run(["umount", "-l", folder], check=True)


def fill(disk: Path) -> Path:
    """Fill `disk` to the last byte; return the file that does it."""
    path = disk / "filler"
    with open(path, "wb", buffering=0) as file:
        size = 65536
        while size:
            try:
                file.write(b"x" * size)
            except OSError:
                size //= 2
    return path


def remount(disk: Path, way: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{way}", disk], check=True)


@pytest.mark.parametrize("arguments", [("up",), ("up", "-d")])
@pytest.mark.parametrize("trouble", ["full", "read-only"])
def test_a_start_says_what_is_wrong_with_the_disk(
    project: Project, disk: Path, arguments: tuple[str, ...], trouble: str
) -> None:
    project.stack({"one": child("session")})
    if trouble == "full":
        fill(disk)
    else:
        remount(disk, "ro")
    done = project.run(*arguments)
    if trouble == "read-only":
        remount(disk, "rw")
    assert done.returncode == 1
    assert f"cannot write the run directory {disk}" in done.stderr
    assert {"full": "No space left on device", "read-only": "Read-only file system"}[trouble] in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    project.assert_nothing_is_left()


@pytest.mark.parametrize("arguments", [("up",), ("up", "-d")])
def test_a_folder_that_cannot_be_made_is_said(project: Project, arguments: tuple[str, ...]) -> None:
    project.stack({"one": child("calm")})
    (project.folder / ".devstack").write_text("a file in its place")
    done = project.run(*arguments)
    assert done.returncode == 1
    assert "cannot write the run directory" in done.stderr
    project.assert_nothing_is_left()


def test_a_disk_that_fills_up_ends_nothing(project: Project, disk: Path) -> None:
    project.stack(
        {
            "floods": "echo up; until [ -e go ]; do sleep 0.05; done; while :; do echo a line, again; done",
            "calm": child("calm"),
            "crashes": "echo up; sleep 0.2; exit 1",
        },
        '[services.crashes]\nports = []\nready = { log = "^up" }\nrestart = { max = 1000 }\n',
    )
    project.up_detached()
    (project.folder / "go").touch()
    filler = fill(disk)
    until(lambda: shutil.disk_usage(disk).free == 0, "the disk to be full")
    assert project.status()["calm"]["state"] == "ready"
    restarts = project.status()["crashes"]["restarts"]
    until(lambda: project.status()["crashes"]["restarts"] > restarts, "restarts to go on")
    assert project.run("restart", "calm").returncode == 0
    filler.unlink()
    assert project.run("restart", "calm").returncode == 0
    fill(disk)
    done = project.run("down")
    assert done.returncode == 0, done.stderr
    project.assert_nothing_is_left()


def test_a_disk_that_becomes_read_only_ends_nothing(project: Project, disk: Path) -> None:
    project.stack({"ticks": "echo up; while :; do echo tick; sleep 0.1; done", "calm": child("calm")})
    up = project.up()
    # Lazily: what is open for writing keeps a disk from becoming read-only.
    subprocess.run(["mount", "--bind", disk, disk], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", disk], check=True)
        assert project.status()["calm"]["state"] == "ready"
        done = project.run("down")
        assert done.returncode == 0, done.stderr + done.stdout
        assert up.wait() == 0
        project.assert_nothing_is_left()
    finally:
        subprocess.run(["umount", disk], check=True)
    assert project.run("status").returncode == 5
    up = project.up()
    assert project.run("down").returncode == 0


def test_a_supervisor_killed_on_a_full_disk_leaves_nothing(project: Project, disk: Path) -> None:
    project.stack({"one": child("session"), "two": child("orphan")})
    record = project.up_detached()
    fill(disk)
    os.kill(record.supervisor.pid, 9)
    project.until_nothing_is_left(5)
    (disk / "filler").unlink()
    project.up_detached()
    assert project.run("down").returncode == 0


def test_a_removed_run_directory_ends_nothing_and_stops_nobody_from_stopping(project: Project) -> None:
    """`git clean -fdx` removes what git ignores."""
    project.stack({"one": child("session"), "two": child("calm")})
    up = project.up()
    record = project.record()
    shutil.rmtree(project.folder / ".devstack")
    second = project.run("up")
    assert second.returncode == 6
    assert f"whose run directory was removed: supervisor pid {record.supervisor.pid}" in second.stderr
    done = project.run("down")
    assert done.returncode == 0, done.stdout + done.stderr
    assert up.wait() == 128 + 15
    project.assert_nothing_is_left()
    project.up_detached()
    assert project.run("down").returncode == 0
    project.assert_nothing_is_left()


def test_a_removed_socket_does_not_keep_down_from_its_work(project: Project) -> None:
    project.stack({"one": child("session"), "two": child("deaf")})
    up = project.up()
    (project.folder / ".devstack" / "control.sock").unlink()
    assert project.run("status").returncode == 1
    done = project.run("down")
    assert done.returncode == 0, done.stderr
    project.assert_nothing_is_left()
    assert up.wait() == 128 + 15


def test_logs_of_another_run_are_not_shown(project: Project) -> None:
    project.stack({"one": child("calm")})
    project.up_detached()
    assert project.run("down").returncode == 0
    project.stack({"two": child("calm")})
    project.up_detached()
    assert sorted(path.name for path in (project.folder / ".devstack" / "logs").glob("*.log")) == ["two.log"]
    assert project.run("down").returncode == 0


def test_the_folder_ignores_itself_in_git(project: Project) -> None:
    if shutil.which("git") is None:
        pytest.skip("no git here")
    project.stack({"one": child("calm")})
    subprocess.run(["git", "init", "-q", project.folder], check=True)
    project.up_detached()
    status = subprocess.run(
        ["git", "-C", project.folder, "status", "--porcelain"], capture_output=True, text=True, check=True
    )
    assert ".devstack" not in status.stdout
    assert project.run("down").returncode == 0
