"""Whatever a service writes, and however it ends its output, comes through byte for byte."""

from __future__ import annotations

import random
import re
import signal
from pathlib import Path

import pytest

from tests.commands import needs_setsid
from tests.stack import Project, until
from tests.supervisor.output.screens import Start, logged, until_file, writer

BYTES = bytes(byte for byte in range(256) if byte != 10)


def shown_bytes(running: object, name: str) -> bytes:
    """Return what was shown of service `name`, its prefix taken off each line."""
    lines = running.lines_of(name)  # type: ignore[attr-defined]
    return b"".join(line + b"\n" for line in lines)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(BYTES + b"\n" + b"\0" * 5000 + b"\n", id="every byte, and NULs"),
        pytest.param(
            b"\xff\xfe caf\xe9 \xc3\n\xa9 \xed\xa0\x80\n", id="invalid UTF-8, a character cut by a newline"
        ),
        pytest.param(b"  1%\r 50%\r100%\ndone\r\nend\n", id="a progress bar, a line of Windows"),
        pytest.param(b"\n\n\nthree empty lines before\n\n", id="empty lines"),
        pytest.param(b"\x1b[2J\x1b[H\x1b[31mred\x1b[0m\x1b]0;title\x07\n", id="control sequences"),
        pytest.param(
            b"[bold]no markup[/bold] %s {x} \\n | devstack | \n", id="what somebody else would read"
        ),
    ],
)
def test_a_pipe_gets_each_byte_as_it_was_written(
    project: Project, up: Start, tmp_path: Path, data: bytes
) -> None:
    (tmp_path / "data").write_bytes(data)
    running = up({"a": writer("file", tmp_path / "data")})
    assert running.wait() == 0
    assert shown_bytes(running, "a") == data
    assert logged(project, "a") == data


def test_a_line_of_ten_megabytes_is_one_line(project: Project, up: Start, tmp_path: Path) -> None:
    data = random.Random(1).randbytes(10 << 20).replace(b"\n", b"") + b"\n"
    (tmp_path / "data").write_bytes(data)
    others = {"b": writer("slow", "B", 0.01)}
    running = up({"a": writer("file", tmp_path / "data", "stay"), **others})
    until(lambda: data in running.shown, "the long line", 60)
    running.stop(signal.SIGINT)
    is_same = (shown_bytes(running, "a"), logged(project, "a")) == (data, data)
    assert is_same
    assert all(re.fullmatch(rb"@B \d{10} x{85}", line) for line in running.lines_of("b"))


def test_a_line_beyond_all_bounds_is_cut_and_said_and_whole_in_the_log(
    project: Project, up: Start, tmp_path: Path
) -> None:
    size = 40 << 20
    running = up({"a": f"head -c {size} /dev/zero | tr '\\0' z; echo; echo end"})
    assert running.wait(90) == 0
    long, rest, end = running.lines_of("a")
    assert (len(long) >= 32 << 20, len(long) + len(rest), end) == (True, size, b"end")
    assert "a line of a is longer than 32 MB" in running.text
    is_same = logged(project, "a") == b"z" * size + b"\nend\n"
    assert is_same


def test_a_service_that_closes_its_output_lives_on(project: Project, up: Start, tmp_path: Path) -> None:
    marker = tmp_path / "closed"
    running = up({"a": writer("close-stdout", marker), "b": writer("slow", "B", 0.05)})
    until_file(marker)
    running.until("ready in")
    running.until(r"@B 0000000040")
    assert project.status()["a"]["state"] == "ready"
    assert running.stop(signal.SIGINT) == 130
    assert running.lines_of("a") == [b"closing"]


def test_what_a_grandchild_writes_after_the_exit_is_shown_and_logged(
    project: Project, up: Start, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    running = up({"a": writer("leave-behind", f"wait:{go}", r"child\n", "600"), "b": "exec sleep 600"})
    running.until("a ended with exit code 0")
    go.touch()
    running.until(r"^a +\| child$")
    assert running.stop(signal.SIGINT) == 130
    assert running.lines_of("a") == [b"parent", b"child"]
    assert logged(project, "a") == b"parent\nchild\n"


@needs_setsid
def test_a_grandchild_that_floods_after_the_exit_holds_nobody_up(
    project: Project, up: Start, tmp_path: Path
) -> None:
    flood = writer("until-ended", "A", tmp_path / "count").removeprefix("exec ")
    running = up({"a": f"setsid {flood} & sleep 0.5", "b": writer("slow", "B", 0.02)})
    running.until("a ended with exit code 0")
    seen = len(running.lines_of("b"))
    until(lambda: len(running.lines_of("b")) > seen + 20, "more lines of b")
    assert project.status()["b"]["state"] == "ready"
    assert running.stop(signal.SIGINT, 60) == 130
    whole = running.lines_of("a")[:-1]
    is_whole = whole == [b"@A %010d " % number + b"x" * 85 for number in range(len(whole))]
    assert is_whole


@needs_setsid
def test_the_old_process_and_the_new_one_of_a_service_never_share_a_line(
    project: Project, up: Start, tmp_path: Path
) -> None:
    # The first run ends well and leaves a daemon without any mark of ours, which writes half lines into the
    # same output as the second run does.
    def _halves(word: str, *pauses: str) -> str:
        words = (f"{word} {word} ", pauses[0], f"{word}\\n", pauses[1])
        return writer("parts", *words * 40, "600").removeprefix("exec ")

    marker = tmp_path / "second"
    old = f"touch {marker}; setsid env -i {_halves('old', '0.01', '0.003')} &"
    (project.folder / "run.sh").write_text(
        f"if [ -e {marker} ]; then {_halves('new', '0.007', '0.004')}; else {old} fi\n"
    )
    running = up({"a": "sh run.sh", "b": "exec sleep 600"})
    running.until("a ended with exit code 0")
    assert project.run("start", "a").returncode == 0
    for word in (b"old old old", b"new new new"):
        until(lambda word=word: logged(project, "a").count(word) >= 40, f"40 times {word!r}")  # type: ignore[misc]
    running.stop(signal.SIGINT)
    whole = [b"new new new", b"old old old"]
    lines = [line for line in logged(project, "a").split(b"\n") if line]
    assert [lines.count(line) for line in whole] == [40, 40]
    # The line that was begun in the log when the other process came is there again, whole.
    assert len(lines) <= 81
    shown = running.lines_of("a")
    assert [shown.count(line) for line in whole] == [40, 40]
    assert set(shown) <= {*whole, b"old old ", b"new new "}
