"""devstack.toml: what it says is taken, and what it gets wrong is named with file, key and line."""

from __future__ import annotations

import json
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from devstack.config.settings.read import read_settings
from devstack.config.settings.rules import READY_KINDS, SERVICE_KEYS, SIGNALS, parse_settings
from devstack.config.settings.types import NO_SETTINGS, PortSetting, ReadySetting
from devstack.core.ports import Protocol
from devstack.core.service import ProbeKind, RestartMode, RestartPolicy, StopPolicy
from devstack.errors import ConfigError
from tests.config.settings.samples import ACCEPTED, REFUSED, SEED

SCHEMA = json.loads((files("devstack.config") / "devstack.schema.json").read_text("utf-8"))
EDITOR = Draft7Validator(SCHEMA)


def refusal(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse_settings(text)
    assert caught.value.source == "devstack.toml"
    return caught.value


def test_the_contracts_example_says_what_it_says() -> None:
    api = parse_settings(SEED).services["api"]
    assert api.ports == (
        PortSetting("PORT", 5000, Protocol.HTTP, "REST API", source="devstack.toml", line=3),
    )
    assert api.ready == ReadySetting(ProbeKind.HTTP, "/api/health", line=4)
    assert api.depends_on == ("trading",)
    assert api.restart == RestartPolicy(RestartMode.ON_FAILURE, 5, 60)
    assert api.stop == StopPolicy("TERM", 10)
    assert (api.env, api.cwd, api.tty) == ({"LOG_LEVEL": "debug"}, "server", False)


def test_a_service_that_is_not_named_has_the_usual_settings() -> None:
    usual = parse_settings("").service("web")
    assert (usual.ports, usual.ready, usual.restart, usual.stop) == (
        None,
        None,
        RestartPolicy(),
        StopPolicy(),
    )


def test_no_port_at_all_is_not_the_same_as_nothing_said() -> None:
    settings = parse_settings("[services.a]\nports = []\n[services.b]\n")
    assert (settings.service("a").ports, settings.service("b").ports) == ((), None)


def test_a_signal_may_be_written_with_sig() -> None:
    assert parse_settings("[services.a]\nstop = { signal = 'SIGINT' }").service("a").stop.signal == "INT"


def test_one_status_and_several_are_both_taken() -> None:
    one = parse_settings("[services.a]\nready = { http = '/', status = 204 }").service("a").ready
    two = parse_settings("[services.a]\nready = { http = '/', status = [200, 204] }").service("a").ready
    assert one is not None
    assert two is not None
    assert (one.status, two.status) == ((204,), (200, 204))


@pytest.mark.parametrize("text", ACCEPTED)
def test_what_fits_is_taken_by_the_validator_and_by_the_schema(text: str) -> None:
    parse_settings(text)
    assert [error.message for error in EDITOR.iter_errors(tomllib.loads(text))] == []


@pytest.mark.parametrize(("text", "place"), REFUSED.items())
def test_what_does_not_fit_is_refused_by_the_validator_and_by_the_schema(
    text: str, place: tuple[int, str]
) -> None:
    line, words = place
    error = refusal(text)
    assert (error.line, words in error.message) == (line, True), (error.line, error.message)
    assert list(EDITOR.iter_errors(tomllib.loads(text)))


def test_one_variable_for_two_claims_of_a_service_is_refused() -> None:
    error = refusal("[services.a]\nports = [{ env = 'P', default = 1 }, { env = 'P', default = 2 }]")
    assert "two claims are set by the variable P" in error.message


def test_a_pattern_that_is_no_regular_expression_is_refused() -> None:
    error = refusal("\n[services.a]\nready = { log = '(' }")
    assert "is no regular expression" in refusal("[services.a]\nready = { log = '\\u00e9' }").message
    assert (error.line, "is no regular expression" in error.message) == (3, True)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a = 1\nb = \n", 2),
        ("[services.web]\nports = [\n\n", 3),
        ("[a]\n[a]\n", 2),
        ("a = 1\r\nb = ?\r\n", 2),
        ("a = '''\n\n", 2),
    ],
)
def test_what_is_no_toml_is_refused_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    (tmp_path / "devstack.toml").write_bytes(text.encode())
    with pytest.raises(ConfigError, match="no valid TOML") as caught:
        read_settings(str(tmp_path))
    assert (caught.value.source, caught.value.line) == ("devstack.toml", line)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("9" * 5000, "more than 64 bits"),
        ("{ restart = { max = 0x" + "f" * 5000 + " } }", "more than 64 bits"),
        ("{ stop = { grace = 0x" + "f" * 5000 + " } }", "more than 64 bits"),
        ("{ env = { A = 0x" + "f" * 5000 + " } }", "expected a string"),
        ("[" * 5000 + "]" * 5000, "too deep"),
        ("{ a = " * 1000 + "1" + " }" * 1000, "too deep"),
    ],
)
def test_no_size_of_a_value_is_too_much_for_a_message(value: str, words: str) -> None:
    assert words in refusal(f"services.web = {value}").message


def test_a_bom_and_crlf_are_read_and_lines_still_count(tmp_path: Path) -> None:
    (tmp_path / "devstack.toml").write_bytes(b"\xef\xbb\xbf[services.web]\r\n\r\ntty = 1\r\n")
    with pytest.raises(ConfigError) as caught:
        read_settings(str(tmp_path))
    assert caught.value.line == 3


def test_no_file_is_no_error(tmp_path: Path) -> None:
    assert read_settings(str(tmp_path)) == NO_SETTINGS


def test_the_schema_is_a_schema_and_knows_every_key_of_the_validator() -> None:
    Draft7Validator.check_schema(SCHEMA)
    definitions = SCHEMA["definitions"]
    assert set(definitions["service"]["properties"]) == set(SERVICE_KEYS)
    assert set(definitions["ready"]["properties"]) == {*READY_KINDS}.union(*READY_KINDS.values())
    assert all(name in definitions["stop"]["properties"]["signal"]["pattern"] for name in SIGNALS)
