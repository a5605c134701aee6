"""Whatever bytes stand in a project's files: a stack, or one error that names the file; never a traceback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.config.stack import LoadedStack
from devstack.console.errors import error_text
from devstack.errors import ConfigError
from tests.config.projects import load, write
from tests.config.settings.samples import SEED

FILES = {
    ".env": "PORT=5000 # c\nexport A='b c'\nC=\"${A:-d}\\n\"\n\nPORT2=${PORT}\n",
    ".env.local": "A=${A}x\nWS_PORT=3001\n",
    "Procfile": "# c\nweb: serve $PORT\nworker: work ${PORT:-1} \\\\\n\ntrading:run\napi: run\n",
    "devstack.toml": SEED.replace('"server"', '"."'),
}
PIECES = [
    *(bytes([byte]) for byte in b"\0\t\n\r\x1b\"'#$%,.:=[\\]_{}`\x7f\x80\x85\xa0\xc3\xff"),
    *(
        text.encode()
        for text in ("\ufeff", "\u2028", "é", "𝄞", "\r\n", "${", '"""', "'''", "export ", "PORT=")
    ),
    *(b"0x", b"nan", b"inf", b"1e999", b"true", b"1979-05-27", b"9" * 5000, b"0x" + b"f" * 5000, b"[" * 2000),
    *(b"\xed\xa0\x80", b"\\ud800", b"web: ", b"web", b"[services.web]\n", b"[[services.web.ports]]\n"),
]
changes = st.lists(
    st.tuples(
        st.integers(0, 300), st.integers(0, 12), st.one_of(st.sampled_from(PIECES), st.binary(max_size=4))
    ),
    min_size=1,
    max_size=4,
)


def changed(text: str, pieces: list[tuple[int, int, bytes]]) -> bytes:
    """Return the bytes of `text` with pieces put in: (where, how many bytes they replace, what)."""
    data = text.encode()
    for at, length, piece in pieces:
        start = at % (len(data) + 1)
        data = data[:start] + piece + data[start + length :]
    return data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("project")


def stack_or_error(folder: Path, **options: Any) -> LoadedStack | ConfigError:
    try:
        return load(folder, {"PATH": "/bin", "ODD": "\udce9"}, **options)
    except ConfigError as error:
        return error


@given(st.sampled_from(sorted(FILES)), changes, st.sampled_from([None, "dev", "prod"]), st.booleans())
def test_every_project_is_a_stack_or_one_error_with_its_place(
    folder: Path, name: str, pieces: list[tuple[int, int, bytes]], mode: str | None, moved: bool
) -> None:
    write(folder, {**FILES, name: changed(FILES[name], pieces)})
    overrides = {("api", "PORT"): 6000} if moved else {}
    loaded = stack_or_error(folder, mode=mode, port_overrides=overrides)
    if isinstance(loaded, ConfigError):
        message = error_text(loaded, color=False)
        assert loaded.source in {*FILES, "shell"}, message
        assert message.replace("\n", "").isprintable()
        return
    for service in loaded.stack.services:
        environment = {**loaded.stack.environment, **service.env}
        assert "\0" not in service.command + "".join(environment) + "".join(environment.values())
        assert not any("=" in variable for variable in environment)
        json.dumps(environment)
