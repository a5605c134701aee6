"""Proposed services get names, variables and numbers that fit together."""

from __future__ import annotations

from devstack.config.proposal.proposed import ProposedPort, ProposedService
from devstack.config.proposal.settle_ports import settle


def service(name: str, command: str, *ports: ProposedPort) -> ProposedService:
    return ProposedService(name, command, "", ports)


SERVER = service("api", "node server.js", ProposedPort(5000, "PORT"))
PAGE = service("frontend", "react-scripts start", ProposedPort(3000, "PORT"))


def test_a_single_server_is_called_web() -> None:
    [web], _ = settle([SERVER], {})
    assert web.name == "web"


def test_a_server_without_evidence_has_no_name_of_the_port_table() -> None:
    services, _ = settle([service("api", "node x.js"), service("trading", "node y.js"), PAGE], {})
    assert [one.name for one in services] == ["backend", "socket", "frontend"]
    assert all("ports" not in one.toml() for one in services[:2])


def test_of_two_readers_of_port_the_page_is_handed_another_variable() -> None:
    (page, server), _ = settle([PAGE, SERVER], {"PORT": "5000"})
    assert (page.command, page.ports) == (
        "PORT=$FRONTEND_PORT react-scripts start",
        (ProposedPort(3000, "FRONTEND_PORT"),),
    )
    assert (server.name, server.command) == ("api", "node server.js")


def test_the_reader_whose_default_env_has_keeps_the_variable() -> None:
    (page, server), _ = settle([PAGE, SERVER], {"PORT": "3000"})
    assert page.command == "react-scripts start"
    assert server.command == "PORT=$API_PORT node server.js"


def test_a_command_that_names_the_variable_names_the_other_one() -> None:
    first = service("site", "next dev --port $PORT", ProposedPort(3000, "PORT"))
    second = service("docs", "next dev --port ${PORT}", ProposedPort(3000, "PORT"))
    services, _ = settle([first, second], {})
    assert [one.command for one in services] == ["next dev --port $PORT", "next dev --port $DOCS_PORT"]
    assert [one.ports for one in services] == [
        (ProposedPort(3000, "PORT"),),
        (ProposedPort(3001, "DOCS_PORT"),),
    ]


def test_a_command_of_several_parts_hands_the_variable_to_all_of_them() -> None:
    second = service("b", "prepare && node b.js", ProposedPort(4000, "PORT"))
    services, _ = settle([SERVER, second], {})
    assert services[1].command == "export PORT=$B_PORT; prepare && node b.js"


def test_a_variable_that_env_has_for_something_else_is_not_taken() -> None:
    (page, _), _ = settle([PAGE, SERVER], {"PORT": "5000", "FRONTEND_PORT": "9999"})
    assert page.ports == (ProposedPort(3000, "FRONTEND_2_PORT"),)


def test_two_lines_that_name_port_get_one_each_where_env_has_it() -> None:
    lines = [ProposedService(name, f"run {name} $PORT", "") for name in ("one", "two")]
    untouched, _ = settle(lines, {})
    assert [one.command for one in untouched] == ["run one $PORT", "run two $PORT"]
    settled, _ = settle(lines, {"PORT": "5000"})
    assert [one.command for one in settled] == ["run one $PORT", "run two $TWO_PORT"]
    assert settled[1].ports == (ProposedPort(5001, "TWO_PORT"),)


def test_numbers_that_stand_in_the_sources_are_not_given_to_others() -> None:
    movable = service("one", "next dev --port $PORT", ProposedPort(3000, "PORT"))
    fixed = service("two", "node two.js", ProposedPort(3000))
    services, notes = settle([movable, fixed], {})
    assert [one.ports for one in services] == [(ProposedPort(3001, "PORT"),), (ProposedPort(3000),)]
    assert notes == ()


def test_two_fixed_numbers_that_are_the_same_are_claimed_once_and_named() -> None:
    services, notes = settle(
        [
            service("one", "node one.js", ProposedPort(3000)),
            service("two", "node two.js", ProposedPort(3000)),
        ],
        {},
    )
    assert [one.ports for one in services] == [(ProposedPort(3000),), ()]
    assert notes == ("one and two both listen on port 3000: give one of them another number",)


def test_claims_that_the_table_has_too_are_not_written() -> None:
    (api, _), _ = settle([SERVER, service("worker", "node w.js")], {})
    assert (api.name, api.toml()) == ("api", "")
