"""Claims that nobody declared: when they are made, and when something else counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from devstack.config.options import StackOptions
from devstack.config.stack import LoadedStack, load_stack
from devstack.core.ports import PortClaim
from devstack.core.service import ProbeKind


def load(folder: Path, procfile: str, toml: str = "", **environ: str) -> LoadedStack:
    (folder / "Procfile.dev").write_text(procfile)
    if toml:
        (folder / "devstack.toml").write_text(toml)
    return load_stack(StackOptions(project=str(folder), environ=environ))


def claims(loaded: LoadedStack) -> dict[str, tuple[PortClaim, ...]]:
    return {service.name: service.claims for service in loaded.stack.services}


def test_a_command_that_names_its_port_claims_it(tmp_path: Path) -> None:
    loaded = load(tmp_path, "worker: sleep 5\nweb: bin/rails server -p 3000\n")
    (claim,) = claims(loaded)["web"]
    assert (claim.port, claim.variable, claim.source) == (3000, None, "Procfile.dev:2 -p 3000")
    assert claims(loaded)["worker"] == ()
    web = loaded.stack.services[1]
    assert [(probe.kind, probe.port) for probe in web.probes] == [(ProbeKind.TCP, 3000)]


def test_the_default_of_a_known_server(tmp_path: Path) -> None:
    (claim,) = claims(load(tmp_path, "redis: redis-server\n"))["redis"]
    assert (claim.port, claim.variable, claim.source) == (6379, None, "default of redis-server")


def test_a_server_that_reads_port_claims_the_one_of_foremans_rule(tmp_path: Path) -> None:
    (claim,) = claims(load(tmp_path, "worker: sleep 5\nweb: bundle exec rails s\n"))["web"]
    assert (claim.port, claim.variable) == (5100, "PORT")


def test_a_server_that_reads_port_claims_the_one_that_is_set(tmp_path: Path) -> None:
    (claim,) = claims(load(tmp_path, "web: bundle exec rails s\n", PORT="4567"))["web"]
    assert (claim.port, claim.variable) == (4567, "PORT")


@pytest.mark.parametrize("toml", ["[services.web]\nports = []\n", "[stack]\ninfer = false\n"])
def test_devstack_toml_has_the_last_word(tmp_path: Path, toml: str) -> None:
    assert claims(load(tmp_path, "web: bin/rails server -p 3000\n", toml))["web"] == ()


def test_the_table_comes_first(tmp_path: Path) -> None:
    (claim,) = claims(load(tmp_path, "api: uvicorn app:app --port 8000\n"))["api"]
    assert (claim.port, claim.source) == (5000, "table")


def test_a_command_that_names_the_variable_is_as_before(tmp_path: Path) -> None:
    (claim,) = claims(load(tmp_path, "web: bin/rails server -p $PORT\n"))["web"]
    assert (claim.port, claim.variable, claim.source) == (5000, "PORT", "Procfile.dev:1 $PORT")


def test_two_of_one_number_are_a_note_and_no_error(tmp_path: Path) -> None:
    loaded = load(tmp_path, "web: rails s -p 3000\nadmin: next dev -p 3000\n")
    assert [claim.port for claim in claims(loaded)["web"]] == [3000]
    assert claims(loaded)["admin"] == ()
    assert loaded.notes == (
        "admin seems to listen on port 3000 (Procfile.dev:2 -p 3000), which web claims: "
        "no claim is made for admin",
    )


def test_a_declared_claim_wins_over_one_that_is_read(tmp_path: Path) -> None:
    toml = "[services.one]\nports = [{ default = 3000 }]\n"
    loaded = load(tmp_path, "web: rails s -p 3000\none: ./one\n", toml)
    assert claims(loaded)["web"] == ()
    assert "which one claims" in loaded.notes[0]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("vite.config.ts", "export default { server: { port: 3000 } }"),
        ("vite.config.js", "port: Number(x)"),
        ("vite.config.mjs", 'import { port } from "./ports.mjs"'),
        ("vite.config.mts", "'port' : 3000"),
    ],
)
def test_a_default_is_in_doubt_where_the_servers_file_speaks_of_a_port(
    tmp_path: Path, name: str, text: str
) -> None:
    (tmp_path / name).write_text(text)
    assert claims(load(tmp_path, "web: vite\n"))["web"] == ()


def test_a_default_is_in_doubt_where_its_own_variable_is_set(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("FLASK_RUN_PORT=7000\n")
    assert claims(load(tmp_path, "web: flask run\n"))["web"] == ()


def test_a_script_of_package_json_is_followed_in_the_services_folder(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "package.json").write_text('{"scripts": {"dev": "vite --port 4000"}}')
    loaded = load(tmp_path, "web: npm run dev\n", "[services.web]\ncwd = 'site'\n")
    assert [claim.port for claim in claims(loaded)["web"]] == [4000]


def test_a_scaled_service_gets_no_such_claim(tmp_path: Path) -> None:
    (tmp_path / "Procfile.dev").write_text("web: uvicorn app:app --port 8000\n")
    loaded = load_stack(StackOptions(project=str(tmp_path), environ={}, scale={"web": 2}))
    assert [service.claims for service in loaded.stack.services] == [(), ()]
