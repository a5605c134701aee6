"""The `.env` layers: read as python-dotenv reads them, under the shell, each value with its source."""

from __future__ import annotations

import io
import os
from pathlib import Path
from unittest.mock import patch

import pytest
from dotenv import dotenv_values
from hypothesis import example, given
from hypothesis import strategies as st

from devstack.config.environment.env_file import EnvFile, layer_names, read_env_file
from devstack.config.environment.resolve import Variable, resolve
from devstack.errors import ConfigError


def layer(folder: Path, content: str | bytes, name: str = ".env") -> EnvFile:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    file = read_env_file(str(path), name)
    assert file is not None
    return file


def values(folder: Path, content: str | bytes, shell: dict[str, str] | None = None) -> dict[str, str]:
    return resolve(shell or {}, [layer(folder, content)]).values()


def refusal(folder: Path, content: str | bytes) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        values(folder, content)
    assert caught.value.source == ".env"
    return caught.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=1", "1"),
        ("export A=1", "1"),
        (" A = 1 ", "1"),
        ("A=", ""),
        ("A='a b'  # comment", "a b"),
        ('A="a\\nb"', "a\nb"),
        ("A='a\\nb'", "a\\nb"),
        ('A="first\nsecond"', "first\nsecond"),
        ('A="first\r\nsecond"\r\n', "first\nsecond"),
        ("A=5000           # Express server", "5000"),
        ("A=a#b", "a#b"),
        ("A=#b", "#b"),
        ("A= # b", ""),
        ("A=it's", "it's"),
        ("A=$HOME", "$HOME"),
        ("A=$(touch x)`touch y`", "$(touch x)`touch y`"),
        ("A=${B:-c}", "c"),
        ("A=${B}", ""),
        ("\ufeffA=1", "1"),
        ("A=1\rB=2", "1"),
        ("A=1\nA=2", "2"),
        ("A=grün", "grün"),
    ],
)
def test_a_value_is_read_as_python_dotenv_reads_it(tmp_path: Path, text: str, value: str) -> None:
    assert values(tmp_path, text)["A"] == value
    (tmp_path / "same").write_bytes(text.encode())
    assert dotenv_values(tmp_path / "same", encoding="utf-8")["A"] == value


LINES = st.lists(
    st.one_of(
        st.text("AB=${}:-'\"#\\ \t1", max_size=12),
        st.builds(
            "{}{}={}".format, st.sampled_from(["", "export "]), st.sampled_from("ABC"), st.text(max_size=8)
        ),
        st.builds("{}=x${{{}}}".format, st.sampled_from("ABC"), st.sampled_from(["A", "B", "C:-d", ""])),
        st.sampled_from(["A", "B='b\n\nc'", 'C="\\"${A}"', "# A=1", ""]),
    ),
    max_size=8,
)


@given(LINES, st.sampled_from(["\n", "\r\n", "\r"]))
@example(["A=1", "A=${A}2"], "\n")
@example(["A", "B=${A:-c}"], "\n")
def test_every_file_that_python_dotenv_takes_whole_gives_the_same_values(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], newline: str
) -> None:
    folder = tmp_path_factory.mktemp("e")
    text = newline.join(lines)
    try:
        ours = values(folder, text)
    except ConfigError:
        return
    translated = io.TextIOWrapper(io.BytesIO((folder / ".env").read_bytes()), encoding="utf-8")
    with patch.dict(os.environ, clear=True):
        theirs = dotenv_values(stream=translated)
    assert ours == {name: value for name, value in theirs.items() if value is not None}


def test_a_name_without_a_value_sets_nothing_and_leaves_a_lower_layers_value(tmp_path: Path) -> None:
    high, low = layer(tmp_path, "A\nB", ".env.local"), layer(tmp_path, "A=1")
    assert resolve({}, [high, low]).values() == {"A": "1"}


def test_the_layers_of_a_mode_come_in_the_order_of_the_contract() -> None:
    assert layer_names("dev") == (".env.dev.local", ".env.local", ".env.dev", ".env")
    assert layer_names("local") == (".env.local.local", ".env.local", ".env")


def test_the_shell_wins_over_the_files_and_a_higher_layer_over_a_lower_one(tmp_path: Path) -> None:
    high, low = layer(tmp_path, "A=high\nB=high\n", ".env.local"), layer(tmp_path, "A=low\nB=low\nC=low\n")
    found = resolve({"A": "shell", "D": "shell"}, [high, low])
    assert found.get("A") == Variable("A", "shell", "shell", None, (".env.local:1", ".env:1"))
    assert found.get("B") == Variable("B", "high", ".env.local", 2, (".env:2",))
    assert found.get("C") == Variable("C", "low", ".env", 3)
    assert found.get("D") == Variable("D", "shell", "shell")


def test_the_line_is_that_of_the_name_not_of_the_blank_lines_before_it(tmp_path: Path) -> None:
    found = resolve({}, [layer(tmp_path, "\n# c\n\nA='1\n2'\n\n\nexport B=3\n")])
    assert [(v.name, v.line) for v in found.variables.values()] == [("A", 4), ("B", 8)]


def test_a_reference_sees_the_shell_then_the_higher_layers_then_its_own_file(tmp_path: Path) -> None:
    high = layer(tmp_path, "B=high\n", ".env.local")
    low = layer(tmp_path, "A=low\nB=low\nC=low\nALL=${A} ${B} ${C}\n")
    assert resolve({"A": "shell"}, [high, low]).values()["ALL"] == "shell high low"


def test_a_higher_layer_can_refer_to_a_lower_one_and_add_to_the_same_name(tmp_path: Path) -> None:
    high = layer(tmp_path, "URL=http://x:${PORT}\nFLAGS=${FLAGS} --more\n", ".env.local")
    low = layer(tmp_path, "PORT=5000\nFLAGS=--some\n")
    found = resolve({}, [high, low]).values()
    assert found["URL"] == "http://x:5000"
    assert found["FLAGS"] == "--some --more"


def test_variables_that_refer_to_each_other_across_files_are_an_error(tmp_path: Path) -> None:
    high, low = layer(tmp_path, "\nA=${B}\n", ".env.local"), layer(tmp_path, "B=${A}\n")
    with pytest.raises(ConfigError, match="circle") as caught:
        resolve({}, [high, low])
    assert caught.value.location in {".env.local:2", ".env:1"}
    assert "A → B → A" in caught.value.message


def test_a_long_chain_of_references_is_followed_or_refused(tmp_path: Path) -> None:
    chain = layer(tmp_path, "A=\n" + "A=${A}x\n" * 2000)
    assert resolve({}, [chain]).values()["A"] == "x" * 2000
    with pytest.raises(ConfigError, match="B refers to too long a chain") as caught:
        resolve({}, [layer(tmp_path, "\nB=${A}\n", ".env.local"), chain])
    assert caught.value.location == ".env.local:2"


def test_a_moved_port_replaces_the_value_and_every_reference_follows(tmp_path: Path) -> None:
    file = layer(tmp_path, "PORT=5000\nURL=http://x:${PORT}\nOTHER=${UNSET:-no}\n")
    found = resolve({}, [file], {"PORT": "6000", "UNSET": "7000"})
    assert found.get("PORT") == Variable("PORT", "6000", "devstack", None, (".env:1",))
    assert found.values()["URL"] == "http://x:6000"
    assert found.values()["OTHER"] == "7000"
    assert "UNSET" not in found.values()


@pytest.mark.parametrize(
    ("text", "line", "offending"),
    [
        ("A=1\nnot an entry\n", 2, "not an entry"),
        ("\n\nA='unclosed\nB=1\n", 3, "A='unclosed"),
        ("=1\n", 1, "=1"),
        ("A='1' trailing\n", 1, "A='1' trailing"),
        ("KEY: yaml\n", 1, "KEY: yaml"),
        ("export DB_PASSWORD='geheim\n", 1, "export DB_PASSWORD=********"),
    ],
)
def test_an_entry_that_python_dotenv_would_skip_is_an_error(
    tmp_path: Path, text: str, line: int, offending: str
) -> None:
    error = refusal(tmp_path, text)
    assert (error.line, offending in error.message) == (line, True), error.message


def test_a_byte_that_is_not_utf8_is_named_with_its_line(tmp_path: Path) -> None:
    error = refusal(tmp_path, b"A=1\r\nB=caf\xe9\r\n")
    assert (error.line, "0xe9" in error.message) == (2, True)


@pytest.mark.parametrize("text", ["A=1\nB=a\0b\n", "A=1\n'B=C'=1\n"])
def test_what_no_process_can_be_given_is_an_error(tmp_path: Path, text: str) -> None:
    assert refusal(tmp_path, text).line == 2


def test_what_a_terminal_would_obey_is_written_out(tmp_path: Path) -> None:
    assert refusal(tmp_path, "A \x1b[31mB\n").message == r"this is no `NAME=value`: A \x1b[31mB"


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / ".env").symlink_to(tmp_path / ".env")
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        read_env_file(str(tmp_path / ".env"), ".env")
    assert caught.value.location == ".env"


def test_a_folder_called_env_is_no_file(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    assert read_env_file(str(tmp_path / ".env"), ".env") is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_is_read_as_password_managers_offer_it(tmp_path: Path) -> None:
    import threading

    os.mkfifo(tmp_path / ".env")
    writer = threading.Thread(target=(tmp_path / ".env").write_text, args=("A=1\n",))
    writer.start()
    file = read_env_file(str(tmp_path / ".env"), ".env")
    writer.join()
    assert file is not None
    assert resolve({}, [file]).values() == {"A": "1"}


def test_python_dotenvs_own_switch_has_no_effect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_DOTENV_DISABLED", "1")
    assert values(tmp_path, "A=1", {"PYTHON_DOTENV_DISABLED": "1"})["A"] == "1"


def test_nothing_in_a_file_is_ever_executed(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    values(tmp_path, f'A=$(touch {mark})\nB=`touch {mark}`\nC="$(touch {mark})"\nD=${{E:-$(touch {mark})}}\n')
    assert not mark.exists()
