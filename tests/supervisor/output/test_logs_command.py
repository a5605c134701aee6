"""`devstack logs` on a running stack: the last lines of all, then what comes, for people and for scripts."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.stack import Project, until
from tests.supervisor.output.emulator import Terminal
from tests.supervisor.output.screens import Start, assert_all_there, logged, until_logged, writer


def bytes_of(project: Project, *arguments: str) -> bytes:
    """Return what `devstack logs` prints."""
    done = subprocess.run(
        [sys.executable, "-m", "devstack", "logs", *arguments],
        cwd=project.folder,
        env=project.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


def test_the_last_lines_of_several_services_are_in_the_order_in_which_they_came(
    project: Project, up: Start, tmp_path: Path
) -> None:
    # a and b take turns: each writes when the other's line has come to its log.
    (project.folder / "turns.sh").write_text(
        "n=0; while [ $n -lt 20 ]; do\n"
        "  if [ $1 = a ]; then other=b; before=$((n-1)); else other=a; before=$n; fi\n"
        "  log=.devstack/logs/$other.log\n"
        '  until [ $before -lt 0 ] || grep -sq "$other $before$" $log; do sleep 0.01; done\n'
        '  echo "$1 $n"; n=$((n+1))\n'
        "done; exec sleep 600\n"
    )
    running = up({"a": "sh turns.sh a", "b": "sh turns.sh b"})
    running.until("b 19")
    expected = [f"{name}        | {name} {number}" for number in range(20) for name in "ab"]
    assert bytes_of(project).decode().splitlines() == expected
    assert bytes_of(project, "-n", "5").decode().splitlines() == expected[-5:]
    assert bytes_of(project, "-n", "3", "b").decode().splitlines() == expected[-5::2]
    assert bytes_of(project, "-n", "0") == b""
    assert bytes_of(project, "-n", "1000000").decode().splitlines() == expected


def test_json_has_one_object_a_line_with_its_time(project: Project, up: Start, tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b'plain\nquo"ted \\ \t\xff caf\xc3\xa9\r\nunfinished')
    before = datetime.now(UTC)
    up({"a": writer("file", tmp_path / "data", "stay")})
    until_logged(project, "a", b"unfinished")
    rows = [json.loads(line) for line in bytes_of(project, "--json").splitlines()]
    assert [row["line"] for row in rows] == ["plain", 'quo"ted \\ \t\ufffd café', "unfinished"]
    assert {row["service"] for row in rows} == {"a"}
    for row in rows:
        at = datetime.fromisoformat(row["time"])
        assert before - timedelta(milliseconds=1) <= at <= datetime.now(UTC)


def test_following_gets_every_line_once_over_rotations_and_a_restart(
    project: Project, up: Start, tmp_path: Path
) -> None:
    """With a hundred services a log is rotated at 1.3 MB."""
    go = tmp_path / "go"
    services = {
        "a": f"{writer('flood', 'A', 40_000, go).removeprefix('exec ')}; echo run ended; exec sleep 600",
        "b": writer("slow", "B", 0.1),
        "idle": "exec sleep 600",
    }
    running = up(services, "--scale", "idle=100")
    running.until("ready in")
    follower = project.start("logs", "-f", "-n", "0", "a", "b")
    jsons = project.start("logs", "-f", "-n", "0", "--json", "a", "b")
    follower.until_said("@B")
    jsons.until_said("@B")
    go.touch()
    follower.until_said("run ended")
    assert project.run("restart", "a").returncode == 0
    until(lambda: follower.text.count("run ended") == 2, "the second run")
    until(lambda: jsons.text.count("run ended") == 2, "the second run as JSON")
    assert (project.folder / ".devstack" / "logs" / "a.log.3").exists()
    assert running.stop(signal.SIGINT) == 130
    assert (follower.wait(), jsons.wait()) == (0, 0)
    texts = re.findall(r"^a +\| (.*)$", follower.text, re.MULTILINE)
    rows = [row["line"] for row in map(json.loads, jsons.text.splitlines()) if row["service"] == "a"]
    for lines in (texts, rows):
        middle = lines.index("run ended")
        for part in (lines[:middle], lines[middle + 1 : -1]):
            assert_all_there("\n".join(part).encode(), {"A": 40_000})
        assert lines[-1] == "run ended"


def test_a_line_that_is_unfinished_when_following_begins_comes_whole(
    project: Project, up: Start, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    up({"a": writer("parts", "done\\nbegun ", f"wait:{go}", "ended\\n", "600")})
    until_logged(project, "a", b"begun ")
    follower = project.start("logs", "-f", "-n", "1")
    follower.until_said("done")
    go.touch()
    follower.until_said("begun ended")
    assert follower.text == "a        | done\na        | begun ended\n"


def test_following_ends_with_the_stack_and_with_ctrl_c(project: Project, up: Start) -> None:
    running = up({"a": writer("slow", "A", 0.02)})
    running.until("@A")
    one, other = project.start("logs", "-f"), project.start("logs", "-f")
    for follower in (one, other):
        follower.until_said("@A")
    other.signal(signal.SIGINT)
    assert other.wait() == 130
    assert "Traceback" not in other.text
    running.stop(signal.SIGINT)
    assert one.wait() == 0
    lines = logged(project, "a").decode().splitlines()
    assert one.text.splitlines()[-1] == f"a        | {lines[-1]}"


def test_a_reader_that_has_enough_ends_it_without_a_word(project: Project, up: Start) -> None:
    running = up({"a": writer("slow", "A", 0.01)})
    running.until("@A 0000000100")
    for options in ("-n 100000", "-f"):
        done = subprocess.run(
            ["/bin/sh", "-c", f"'{sys.executable}' -m devstack logs {options} | head -n 1"],
            cwd=project.folder,
            env=project.environment(),
            capture_output=True,
            check=True,
            timeout=60,
        )
        assert re.fullmatch(rb"a        \| @A \d{10} x{85}\n", done.stdout)
        assert done.stderr == b""


def test_the_lines_of_two_hundred_services_are_found_quickly(project: Project, up: Start) -> None:
    running = up({"a": "echo I am $DEVSTACK_SERVICE; exec sleep 600"}, "--scale", "a=200")
    running.until("ready in")
    lines = bytes_of(project, "-n", "1000").decode().splitlines()
    assert len(lines) == 200
    assert bytes_of(project, "-n", "7").decode().splitlines() == lines[-7:]


def test_a_terminal_gets_no_control_sequences_that_move(project: Project, up: Start, tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"before\n\x1b[2J\x1b[H\x1b[31mred\nafter\r\n 1%\r 2%\n")
    up({"a": writer("file", tmp_path / "data", "stay")})
    until_logged(project, "a", b" 2%\n")
    shown = project.start_in_terminal("logs")
    assert shown.wait() == 0
    terminal = Terminal((24, 80))
    terminal._stream.feed(bytes(shown.output))
    assert terminal.rows() == [f"a        | {text}" for text in ("before", "red", "after", " 2%")]
    data = (tmp_path / "data").read_bytes()
    assert bytes_of(project) == re.sub(rb"(?m)^(?=.)", b"a        | ", data)
