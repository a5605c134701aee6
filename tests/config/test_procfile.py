"""A Procfile is read as honcho and foreman read it, and nothing that a person wrote is dropped in silence."""

from __future__ import annotations

from pathlib import Path

import pytest
from honcho.environ import PROCFILE_LINE, parse_procfile
from hypothesis import given
from hypothesis import strategies as st

from devstack.config.procfile import ProcfileLine, read_procfile, service_names
from devstack.errors import ConfigError

names = st.text("abzAZ09_-", min_size=1, max_size=8)
commands = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp")), min_size=1).filter(
    lambda text: text.strip() and not text.rstrip().endswith("\\")
)


def read(folder: Path, content: bytes | str) -> tuple[ProcfileLine, ...]:
    path = folder / "Procfile"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_procfile(str(path), "Procfile")


def refusal(folder: Path, content: bytes | str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        read(folder, content)
    assert caught.value.source == "Procfile"
    return caught.value


def test_services_come_in_their_order_with_their_lines(tmp_path: Path) -> None:
    assert read(
        tmp_path, "# the stack\n\nweb: npm run dev\n  # indented\nworker-2: a: b | c # not a comment\n"
    ) == (
        ProcfileLine("web", "npm run dev", 3),
        ProcfileLine("worker-2", "a: b | c # not a comment", 5),
    )


@pytest.mark.parametrize(
    ("content", "command"),
    [
        ("web:run", "run"),
        ("web:\trun", "run"),
        ("web: run\r\n", "run"),
        ("web: run\r", "run"),
        ("\ufeffweb: run", "run"),
        ("web: run \\", "run \\"),
        ("web: run \\\n\n", "run \\"),
        ("web: grep '\\\\'\n", "grep '\\\\'"),
    ],
)
def test_what_honcho_and_foreman_take_is_taken(tmp_path: Path, content: str, command: str) -> None:
    assert [line.command for line in read(tmp_path, content)] == [command]


def test_bytes_that_are_not_utf8_reach_the_command_as_they_are(tmp_path: Path) -> None:
    (line,) = read(tmp_path, b"# caf\xe9\nweb: echo caf\xe9\n")
    assert line.command.encode("utf-8", "surrogateescape") == b"echo caf\xe9"


def test_a_duplicate_names_both_lines(tmp_path: Path) -> None:
    error = refusal(tmp_path, "web: one\n\nweb: two\n")
    assert error.line == 3
    assert "line 1" in error.message
    assert "web" in error.message


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("web: a\nweb2 : b\n", 2, "blank before the colon"),
        ("\ufeffweb : a\n", 1, "blank before the colon"),
        ("web: a\n  api: b\n", 2, "blank before the service's name"),
        ("web: a\nnonsense\n", 2, "names no service: nonsense"),
        ("web:\n", 1, "has no command"),
        ("web:   \n", 1, "has no command"),
        ("web.1: a\n", 1, "is no name for a service"),
        ("my app: a\n", 1, "is no name for a service"),
        ("wéb: a\n", 1, "is no name for a service"),
        (": a\n", 1, "is no name for a service"),
        ("web: a\0b\n", 1, "NUL"),
        ("web: a \\\n  --port 1\n", 2, "line 1 ends with a backslash"),
        ("web: a \\  \n  --port 1\n", 2, "line 1 ends with a backslash"),
        ("web: a \\\napi: b\n", 2, "line 1 ends with a backslash"),
        ("web: a\r\r\noops\r\n", 3, "names no service"),
    ],
)
def test_a_line_that_is_none_is_named(tmp_path: Path, content: str, line: int, words: str) -> None:
    error = refusal(tmp_path, content)
    assert (error.line, words in error.message) == (line, True), error.message


def test_what_a_terminal_would_obey_is_written_out(tmp_path: Path) -> None:
    message = refusal(tmp_path, b"bad \x1b[31mred caf\xe9\n").message
    assert message == "this line names no service: bad \\x1b[31mred caf\\udce9"


@pytest.mark.parametrize("content", ["", "\n\n", "# only a comment\n"])
def test_a_file_without_a_service_is_refused(tmp_path: Path, content: str) -> None:
    error = refusal(tmp_path, content)
    assert (error.line, "no service" in error.message) == (None, True)
    assert "web: npm run dev" in error.hint


def test_utf16_is_called_by_its_name(tmp_path: Path) -> None:
    assert "UTF-16" in refusal(tmp_path, "web: run\n".encode("utf-16")).message


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        read_procfile(str(tmp_path / "Procfile"), "Procfile")


def test_the_names_can_be_had_from_a_file_that_is_wrong_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "Procfile").write_text("web: a\nnonsense\nweb: b\napi: c\n")
    assert service_names(str(tmp_path / "Procfile"), "Procfile") == {"web", "api"}


@given(st.dictionaries(names, commands, min_size=1), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_every_procfile_that_honcho_takes_whole_gives_the_same_services(
    tmp_path_factory: pytest.TempPathFactory, services: dict[str, str], newline: str, bom: bool
) -> None:
    text = newline.join(f"{name}: {command}" for name, command in services.items())
    read_lines = read(tmp_path_factory.mktemp("p"), ("\ufeff" if bom else "") + text + newline)
    expected = parse_procfile(text).processes
    assert {line.name: line.command for line in read_lines} == dict(expected)


@given(st.lists(st.text(max_size=20), max_size=6))
def test_every_line_is_a_service_or_blank_or_a_comment_or_the_file_is_refused(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    try:
        found = read(tmp_path_factory.mktemp("p"), "\n".join(lines).encode("utf-8", "surrogatepass"))
    except ConfigError:
        return
    text = "\n".join(lines).replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
    meant = [line for line in text.split("\n") if line.strip() and not line.strip().startswith("#")]
    assert len(found) == len(meant)
    assert all(PROCFILE_LINE.match(line) for line in meant)
