"""Which ports the services claim: the table, devstack.toml, PORT, and foreman's rule."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.core.ports import PortClaim, Protocol
from devstack.errors import ConfigError, UsageError
from tests.config.projects import SEED_DEV, SEED_PROD, load, numbers, seen_by, service, write

NAMED = "web: serve $PORT\nworker: work\nother: serve ${PORT}\n"


def refusal(folder: Path, environ: dict[str, str] | None = None, **options: object) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(folder, environ, **options)
    return caught.value


# The table.


def test_the_seeds_dev_stack_claims_the_seeds_four_ports(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, {"Procfile.dev": SEED_DEV}))
    assert numbers(loaded) == {"frontend": [3000], "hmr": [3002], "api": [5000], "trading": [3001]}
    assert service(loaded, "hmr").claims[0] == PortClaim(
        "hmr", 3002, "HMR_PORT", Protocol.WS, "hot-reload socket", "/", "vite-hmr"
    )


def test_the_seeds_prod_stack_claims_one(tmp_path: Path) -> None:
    (claim,) = load(write(tmp_path, {"Procfile.prod": SEED_PROD}), mode="prod").stack.claims
    assert (claim.port, claim.variable, claim.protocol, claim.path, claim.also_ws) == (
        5000,
        "PORT",
        Protocol.HTTP,
        "/api/ws",
        True,
    )


def test_without_an_hmr_line_the_frontend_takes_its_claim_too(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, {"Procfile.dev": "frontend: vite\napi: run\n"}))
    assert numbers(loaded) == {"frontend": [3000, 3002], "api": [5000]}
    assert {claim.service for claim in service(loaded, "frontend").claims} == {"frontend"}


@pytest.mark.parametrize("mode", ["prod", "staging"])
def test_a_row_of_another_mode_does_not_apply(tmp_path: Path, mode: str) -> None:
    write(tmp_path, {"Procfile": "frontend: run\napi: run\n"})
    assert numbers(load(tmp_path, mode=mode)) == {"frontend": [], "api": []}
    assert numbers(load(write(tmp_path, {"Procfile": "server: run\n"}), mode="dev")) == {"server": []}


@pytest.mark.parametrize(
    ("environ", "env_file", "port"),
    [
        ({}, "WS_PORT=4001\n", 4001),
        ({"WS_PORT": "4002"}, "WS_PORT=4001\n", 4002),
        ({"WS_PORT": " 4003 "}, "", 4003),
    ],
)
def test_a_variable_sets_the_number(
    tmp_path: Path, environ: dict[str, str], env_file: str, port: int
) -> None:
    loaded = load(write(tmp_path, {"Procfile.dev": SEED_DEV, ".env": env_file}), environ)
    assert numbers(loaded)["trading"] == [port]


@pytest.mark.parametrize(
    "text", ["abc", "", "0", "65536", "-1", "5000.0", "5e3", "٣٠٠٠", "99999999999", "5 000"]
)
def test_a_value_that_is_no_port_number_names_variable_and_place(tmp_path: Path, text: str) -> None:
    write(tmp_path, {"Procfile.dev": SEED_DEV, ".env": f"# c\nPORT='{text}'\n"})
    error = refusal(tmp_path)
    assert (error.location, "PORT" in error.message, repr(text) in error.message) == (".env:2", True, True)
    assert refusal(tmp_path, {"PORT": "abc"}).location == "shell"


def test_a_wrong_port_is_named_in_the_layer_it_came_from(tmp_path: Path) -> None:
    write(tmp_path, {"Procfile.dev": SEED_DEV, ".env": "WS_PORT=1\n", ".env.local": "\n\nWS_PORT=x\n"})
    assert refusal(tmp_path).location == ".env.local:3"


# devstack.toml.


def test_ports_in_the_file_replace_every_claim_of_the_service(tmp_path: Path) -> None:
    toml = """[services.frontend]
ports = [{ env = "WEB", default = 8080, protocol = "http" }, { default = 8081 }]
[services.api]
ports = []
"""
    loaded = load(write(tmp_path, {"Procfile.dev": "frontend: run\napi: run\n", "devstack.toml": toml}))
    assert numbers(loaded) == {"frontend": [8080, 8081], "api": []}
    assert "PORT" not in seen_by(loaded, "api")


def test_a_claim_whose_variable_is_set_nowhere_needs_a_default(tmp_path: Path) -> None:
    toml = '[services.web]\n\nports = [{ env = "WEB" }]\n'
    write(tmp_path, {"Procfile": "web: run\n", "devstack.toml": toml})
    error = refusal(tmp_path)
    assert (error.location, "WEB is set nowhere" in error.message) == ("devstack.toml:3", True)
    assert numbers(load(tmp_path, {"WEB": "8000"})) == {"web": [8000]}


def test_the_services_own_env_sets_its_number(tmp_path: Path) -> None:
    toml = '[services.api]\nenv = { PORT = "5050" }\n'
    loaded = load(write(tmp_path, {"Procfile.dev": SEED_DEV, "devstack.toml": toml}), {"PORT": "5000"})
    assert numbers(loaded)["api"] == [5050]
    assert (seen_by(loaded, "api")["PORT"], seen_by(loaded, "hmr")["PORT"]) == ("5050", "5000")
    bad = '[services.api]\n[services.api.env]\nA = "1"\nPORT = "x"\n'
    assert refusal(write(tmp_path, {"devstack.toml": bad})).location == "devstack.toml:4"


# PORT is set: every service that nothing is known of gets that value.


@pytest.mark.parametrize("environ", [{"PORT": "8000"}, {}])
def test_a_set_port_reaches_every_unknown_service_untouched(tmp_path: Path, environ: dict[str, str]) -> None:
    env_file = "" if environ else "PORT=8000\n"
    loaded = load(write(tmp_path, {"Procfile": "a: run\nb: run\n", ".env": env_file}), environ)
    assert [seen_by(loaded, name)["PORT"] for name in ("a", "b")] == ["8000", "8000"]
    assert numbers(loaded) == {"a": [], "b": []}


def test_a_set_port_is_claimed_by_the_one_command_that_names_it(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, {"Procfile": "a: serve $PORT\nb: run\n"}), {"PORT": "8000"})
    assert numbers(loaded) == {"a": [8000], "b": []}


def test_a_command_that_names_the_port_of_a_known_service_talks_to_it(tmp_path: Path) -> None:
    files = {"Procfile.dev": "api: run\nproxy: forward --to localhost:$PORT\n"}
    assert numbers(load(write(tmp_path, files), {"PORT": "8000"})) == {"api": [8000], "proxy": []}


def test_two_commands_that_name_a_set_port_claim_one_number(tmp_path: Path) -> None:
    error = refusal(write(tmp_path, {"Procfile": NAMED, ".env": "\nPORT=8000\n"}))
    assert "web" in error.message
    assert "other" in error.message
    assert (error.location, "8000" in error.message) == (".env:2", True)


def test_a_set_port_that_is_no_number_is_refused_although_nobody_claims_it(tmp_path: Path) -> None:
    assert refusal(write(tmp_path, {"Procfile": "a: run\n", ".env": "PORT=abc\n"})).location == ".env:1"


# PORT is not set: foreman's rule.


def test_foremans_numbers_go_by_position_and_only_a_command_that_names_port_claims_its_own(
    tmp_path: Path,
) -> None:
    loaded = load(write(tmp_path, {"Procfile": NAMED}))
    assert [seen_by(loaded, name)["PORT"] for name in ("web", "worker", "other")] == ["5000", "5100", "5200"]
    assert numbers(loaded) == {"web": [5000], "worker": [], "other": [5200]}
    assert service(loaded, "web").claims[0].protocol is Protocol.TCP


@pytest.mark.parametrize(
    ("command", "claims"),
    [
        ("serve $PORT", True),
        ("serve ${PORT}", True),
        ("serve ${PORT:-80}", True),
        ("serve -b 0:$PORT/x", True),
        ('sh -c "serve $PORT"', True),
        ("serve %PORT%", True),
        ("serve $PORTS", False),
        ("serve $PORT_2", False),
        ("serve ${PORTAL}", False),
        ("serve $WEB_PORT", False),
        ("serve PORT", False),
    ],
)
def test_which_commands_name_port(tmp_path: Path, command: str, claims: bool) -> None:
    assert numbers(load(write(tmp_path, {"Procfile": f"web: {command}\n"}))) == {
        "web": [5000] if claims else []
    }


def test_numbers_that_others_claim_are_left_out(tmp_path: Path) -> None:
    loaded = load(
        write(tmp_path, {"Procfile.dev": "worker: w $PORT\nmail: m $PORT\napi: run\nlast: l $PORT\n"})
    )
    assert numbers(loaded) == {"worker": [5100], "mail": [5200], "api": [5000], "last": [5300]}


def test_a_port_of_the_services_own_stands_above_foremans_rule(tmp_path: Path) -> None:
    toml = '[services.b]\nenv = { PORT = "5000" }\n'
    loaded = load(write(tmp_path, {"Procfile": "a: s $PORT\nb: s $PORT\nc: run\n", "devstack.toml": toml}))
    assert numbers(loaded) == {"a": [5100], "b": [5000], "c": []}
    assert [seen_by(loaded, name)["PORT"] for name in "abc"] == ["5100", "5000", "5200"]


def test_a_choice_of_services_moves_no_number(tmp_path: Path) -> None:
    folder = write(tmp_path, {"Procfile": NAMED})
    assert numbers(load(folder, services=("other",))) == {"other": [5200]}


def test_too_many_services_for_foremans_rule_is_an_error(tmp_path: Path) -> None:
    lines = "".join(f"s{i}: run $PORT\n" for i in range(700))
    error = refusal(write(tmp_path, {"Procfile": lines}))
    assert ("no port is left for s606" in error.message, error.location) == (True, "Procfile:607")


def test_past_the_last_port_a_service_that_asks_for_none_gets_none(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, {"Procfile": "".join(f"s{i}: run\n" for i in range(700))}))
    assert seen_by(loaded, "s605")["PORT"] == "65500"
    assert "PORT" not in seen_by(loaded, "s606")


# Conflicts.


def test_two_services_that_claim_one_number_are_both_named(tmp_path: Path) -> None:
    error = refusal(write(tmp_path, {"Procfile.dev": SEED_DEV, ".env": "PORT=3001\nWS_PORT=3001\n"}))
    assert error.message == "api (PORT from .env:1) and trading (WS_PORT from .env:2) both claim port 3001"
    assert error.location == ".env:2"


def test_a_conflict_with_a_default_names_the_file_that_can_be_mended(tmp_path: Path) -> None:
    error = refusal(write(tmp_path, {"Procfile.dev": SEED_DEV, ".env": "FRONTEND_PORT=3001\n"}))
    assert error.location == ".env:1"
    assert "frontend (FRONTEND_PORT from .env:1) and trading (WS_PORT) both claim port 3001" in error.message


def test_services_that_are_not_chosen_are_in_nobodys_way(tmp_path: Path) -> None:
    write(tmp_path, {"Procfile.dev": SEED_DEV, ".env": "FRONTEND_PORT=3001\n"})
    assert numbers(load(tmp_path, services=("frontend",))) == {"frontend": [3001]}


def test_one_service_may_serve_two_protocols_on_one_port(tmp_path: Path) -> None:
    write(tmp_path, {"Procfile.dev": "frontend: vite\n", ".env": "HMR_PORT=3000\n"})
    assert numbers(load(tmp_path)) == {"frontend": [3000, 3000]}


# Scale.


def test_further_instances_move_up_by_one_past_what_is_taken(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, {"Procfile.dev": SEED_DEV}), scale={"frontend": 3})
    assert [s.name for s in loaded.stack.services][:3] == ["frontend", "frontend.2", "frontend.3"]
    assert numbers(loaded)["frontend.2"] == [3003]
    assert numbers(loaded)["frontend.3"] == [3004]
    assert seen_by(loaded, "frontend.2")["FRONTEND_PORT"] == "3003"
    assert seen_by(loaded, "frontend.2")["DEVSTACK_SERVICE"] == "frontend.2"
    assert service(loaded, "frontend.2").base == "frontend"
    assert service(loaded, "frontend.2").claims[0].service == "frontend.2"
    assert seen_by(loaded, "api")["FRONTEND_PORT"] == "3000"


def test_foremans_further_instances_get_one_more_each(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, {"Procfile": NAMED}), scale={"worker": 2, "web": 3})
    assert numbers(loaded)["web.3"] == [5002]
    assert seen_by(loaded, "worker.2")["PORT"] == "5101"


def test_a_set_port_moves_up_for_further_instances_that_claim_it(tmp_path: Path) -> None:
    loaded = load(
        write(tmp_path, {"Procfile": NAMED.partition("other")[0]}), {"PORT": "8000"}, scale={"web": 2}
    )
    assert numbers(loaded) == {"web": [8000], "web.2": [8001], "worker": []}
    assert seen_by(loaded, "web.2")["PORT"] == "8001"


def test_a_claim_that_no_variable_sets_cannot_be_scaled(tmp_path: Path) -> None:
    toml = "[services.web]\nports = [{ default = 8000 }]\n"
    write(tmp_path, {"Procfile": "web: run\n", "devstack.toml": toml})
    with pytest.raises(UsageError, match="no variable sets port 8000"):
        load(tmp_path, scale={"web": 2})


def test_scaled_to_nothing_is_not_started(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, {"Procfile.dev": SEED_DEV}), scale={"hmr": 0})
    assert "hmr" not in numbers(loaded)


@pytest.mark.parametrize("scale", [{"oops": 2}, {"web": -1}])
def test_an_unknown_service_and_a_number_below_zero_are_refused(
    tmp_path: Path, scale: dict[str, int]
) -> None:
    with pytest.raises(UsageError):
        load(write(tmp_path, {"Procfile": NAMED}), scale=scale)


def test_nothing_left_to_start_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to start"):
        load(write(tmp_path, {"Procfile": "web: run\n"}), scale={"web": 0})


def test_no_port_left_above_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, {"Procfile": "web: serve $PORT\n"})
    assert "no port is left for web.2" in refusal(tmp_path, {"PORT": "65535"}, scale={"web": 2}).message


@given(
    st.lists(st.sampled_from(["run", "serve $PORT"]), min_size=1, max_size=5),
    st.lists(st.integers(0, 4), min_size=5, max_size=5),
    st.booleans(),
)
def test_no_two_processes_ever_claim_one_number(
    tmp_path_factory: pytest.TempPathFactory, commands: list[str], counts: list[int], with_api: bool
) -> None:
    lines = "".join(f"s{i}: {command}\n" for i, command in enumerate(commands)) + (
        "api: run\n" if with_api else ""
    )
    folder = write(tmp_path_factory.mktemp("c"), {"Procfile.dev": lines})
    scale = {f"s{i}": count for i, count in enumerate(counts[: len(commands)])}
    if not with_api and not any(scale.values()):
        return
    loaded = load(folder, scale=scale)
    ports = [claim.port for claim in loaded.stack.claims]
    assert len(set(ports)) == len(ports)
    own = [seen_by(loaded, s.name)["PORT"] for s in loaded.stack.services if s.base != "api"]
    assert len(set(own)) == len(own)


# Moved ports (--ports auto).


def test_moved_ports_reach_the_claims_the_services_and_every_reference(tmp_path: Path) -> None:
    env_file = "PORT=5000\nAPI_URL=http://localhost:${PORT}\nSOCKET=ws://localhost:${WS_PORT:-3001}/api/ws\n"
    write(tmp_path, {"Procfile.dev": SEED_DEV, ".env": env_file})
    moved = {("api", "PORT"): 6000, ("trading", "WS_PORT"): 6001}
    loaded = load(tmp_path, port_overrides=moved)
    assert numbers(loaded) == {"frontend": [3000], "hmr": [3002], "api": [6000], "trading": [6001]}
    for name in ("api", "frontend"):
        seen = seen_by(loaded, name)
        assert (seen["PORT"], seen["WS_PORT"], seen["API_URL"]) == ("6000", "6001", "http://localhost:6000")
        assert seen["SOCKET"] == "ws://localhost:6001/api/ws"


def test_a_port_from_the_shell_moves_too(tmp_path: Path) -> None:
    write(tmp_path, {"Procfile.dev": SEED_DEV, ".env": "URL=:${PORT}\n"})
    loaded = load(tmp_path, {"PORT": "5000"}, port_overrides={("api", "PORT"): 6000})
    assert (seen_by(loaded, "hmr")["PORT"], seen_by(loaded, "hmr")["URL"]) == ("6000", ":6000")


def test_foremans_ports_move_each_for_itself_and_no_reference_means_them(tmp_path: Path) -> None:
    write(tmp_path, {"Procfile": NAMED, ".env": "URL=:${PORT:-none}\n"})
    loaded = load(tmp_path, port_overrides={("web", "PORT"): 6000, ("other", "PORT"): 6001})
    assert numbers(loaded) == {"web": [6000], "worker": [], "other": [6001]}
    assert [seen_by(loaded, name)["PORT"] for name in ("web", "worker", "other")] == ["6000", "5100", "6001"]
    assert seen_by(loaded, "web")["URL"] == ":none"


def test_a_moved_port_leaves_no_gap_for_another_service_to_slip_into(tmp_path: Path) -> None:
    write(tmp_path, {"Procfile.dev": "worker: run\napi: run\n"})
    assert seen_by(load(tmp_path), "worker")["PORT"] == "5100"
    assert seen_by(load(tmp_path, port_overrides={("api", "PORT"): 6000}), "worker")["PORT"] == "5100"


def test_further_instances_move_too(tmp_path: Path) -> None:
    write(tmp_path, {"Procfile.dev": "api: run\n", ".env": "PORT=5000\n"})
    moved = {("api", "PORT"): 6000, ("api.2", "PORT"): 6500}
    loaded = load(tmp_path, scale={"api": 2}, port_overrides=moved)
    assert numbers(loaded) == {"api": [6000], "api.2": [6500]}
    assert [seen_by(loaded, name)["PORT"] for name in ("api", "api.2")] == ["6000", "6500"]
