"""What counts as alike when dev and prod answer the same requests, and what does not."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.checks.parity.documents import (
    Surroundings,
    content_type_words,
    differences,
    live_fields,
    read_document,
    without_live,
)
from devstack.checks.parity.parity import Answer, Request, ask_all, compare, requests_for
from devstack.core.ports import PortClaim, Protocol
from devstack.core.service import ProbeKind, ReadinessProbe, Service
from devstack.core.stack import Stack
from tests.raw_servers import free_port, response, saying, serving

DEV, PROD = Surroundings("dev", (3000, 5000)), Surroundings("prod", (8080,))
JSON = "application/json; charset=utf-8"
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


def found(dev: str, prod: str, kind: str = JSON) -> list[str]:
    return differences({"dev": read_document(dev, kind, DEV), "prod": read_document(prod, kind, PROD)})


def stack(mode: str, *services: tuple[str, str, tuple[PortClaim, ...]], health: str = "") -> Stack:
    return Stack(
        "/project",
        mode,
        f"Procfile.{mode}",
        tuple(
            Service(
                name,
                command,
                "/project",
                claims=claims,
                probes=tuple(ReadinessProbe(ProbeKind.HTTP, one.port, health) for one in claims if health),
            )
            for name, command, claims in services
        ),
    )


class TestDocuments:
    def test_ports_times_and_the_modes_name_are_no_difference(self) -> None:
        dev = {"mode": "dev", "port": 5000, "at": "2026-01-01T00:00:00Z", "url": "http://localhost:3000/x"}
        prod = {
            "mode": "prod",
            "port": None,
            "at": "2027-02-03T04:05:06.7Z",
            "url": "http://localhost:8080/x",
        }
        assert found(json.dumps(dev), json.dumps(prod)) == []

    def test_nodes_words_for_the_modes_are_no_difference_either(self) -> None:
        assert found('{"env": "development"}', '{"env": "production"}') == []

    def test_another_value_is_named_with_its_place(self) -> None:
        assert found('{"user": {"name": "a"}}', '{"user": {"name": "b"}}') == [
            "body.user.name: dev 'a', prod 'b'"
        ]

    def test_a_field_that_only_one_has_is_named(self) -> None:
        assert found('{"a": 1, "debug": true}', '{"a": 1}') == ["body.debug: dev True, prod nothing"]
        assert found("[1]", "[1, 2]") == ["body[1]: dev nothing, prod 2"]

    def test_one_and_true_are_not_alike(self) -> None:
        assert found('{"ok": 1}', '{"ok": true}') == ["body.ok: dev 1, prod True"]

    def test_what_a_dev_server_adds_to_a_page_is_no_difference(self) -> None:
        dev = (
            '<html><head><script type="module" src="/@vite/client"></script><title>T</title></head>'
            '<body><div id="root"></div><script type="module" src="/src/main.tsx"></script></body></html>'
        )
        prod = (
            '<html><head><link rel="stylesheet" href="/assets/x.css"><title>T</title>'
            '<script type="module" src="/assets/x.js"></script></head><body><div id="root"></div></body>'
            "</html>"
        )
        assert found(dev, prod, "text/html") == []
        assert found(dev, prod.replace("<title>T", "<title>U"), "text/html") == [
            f"body[{_title_at(dev)}]: dev 'T', prod 'U'"
        ]

    def test_many_differences_are_counted_and_not_all_shown(self) -> None:
        lines = found(json.dumps(list(range(20))), json.dumps(list(range(1, 21))))
        assert len(lines) == 9
        assert lines[-1] == "and 12 more"

    def test_json_that_is_none_is_compared_as_text(self) -> None:
        assert found("{not json", "{not json") == []
        assert len(found("{not json", "{}")) == 1

    @given(VALUES)
    def test_every_document_is_like_itself(self, value: object) -> None:
        text = json.dumps(value)
        trees = {name: read_document(text, JSON, DEV) for name in ("dev", "prod")}
        assert differences(trees) == []
        assert live_fields(trees["dev"], trees["prod"]) == frozenset()

    @given(VALUES, VALUES)
    def test_what_differs_between_two_rounds_is_no_difference_between_modes(
        self, one: object, other: object
    ) -> None:
        live = live_fields(one, other)
        trees = {"dev": without_live(one, live), "prod": without_live(other, live)}
        assert differences(trees) == []

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("text/html", "text/html; charset=utf-8"),
            ("text/html;charset=UTF-8", 'text/HTML; charset="utf-8"'),
            ("application/javascript", "text/javascript; charset=utf-8"),
        ],
    )
    def test_two_spellings_of_one_content_type_are_alike(self, one: str, other: str) -> None:
        assert content_type_words(one) == content_type_words(other)

    def test_another_type_or_charset_is_not(self) -> None:
        kinds = ("text/html", "text/plain", "text/html; charset=latin-1", "")
        assert len({content_type_words(kind) for kind in kinds}) == 4


class TestLive:
    def test_a_field_that_changes_by_itself_is_left_out_and_the_rest_is_not(self) -> None:
        live = live_fields({"price": "1.5", "id": "x"}, {"price": "1.6", "id": "x"})
        assert live == {"price"}
        dev = without_live({"price": "1.7", "id": "x"}, live)
        prod = without_live({"price": "2.9", "id": "y"}, live)
        assert differences({"dev": dev, "prod": prod}) == ["body.id: dev 'x', prod 'y'"]

    def test_beside_a_live_field_a_number_may_change_as_well(self) -> None:
        dev, prod = (without_live({"seq": 1, "volume": volume}, {"seq"}) for volume in (7, 8))
        assert dev == prod

    def test_where_nothing_is_live_a_number_is_compared(self) -> None:
        assert without_live({"count": 7}, ()) == {"count": 7}


class TestRequests:
    def test_the_built_in_stack_is_asked_for_its_own_list(self) -> None:
        dev = stack(
            "dev",
            ("frontend", "devstack serve frontend", (PortClaim("frontend", 1, protocol=Protocol.HTTP),)),
            ("api", "devstack serve api", (PortClaim("api", 2, protocol=Protocol.HTTP),)),
            ("hmr", "devstack serve hmr", (PortClaim("hmr", 3, None, Protocol.WS, subprotocol="vite-hmr"),)),
            (
                "trading",
                "devstack serve trading",
                (PortClaim("trading", 4, None, Protocol.WS, path="/api/ws"),),
            ),
        )
        assert [request.name for request in requests_for([dev])] == [
            "GET /",
            "GET /no-such-asset.js",
            "GET /api/health",
            "GET /api/config",
            "GET /api/symbols",
            "GET /api/quotes",
            "GET /api/no-such-path",
            "WebSocket /api/ws",
        ]

    def test_another_project_is_asked_for_its_readiness_paths_each_once(self) -> None:
        claim = PortClaim("web", 1, protocol=Protocol.HTTP)
        stacks = [stack(mode, ("web", "serve", (claim,)), health="/up") for mode in ("dev", "prod")]
        assert requests_for(stacks) == (Request("/up", "web"),)


class TestAnswers:
    def test_alike_and_different_are_told_apart(self) -> None:
        health, page, gone = Request("/h", "api"), Request("/", "page"), Request("/g", "api")
        answers = {
            "dev": {health: Answer("200, text/plain", ["ok"]), page: Answer("200, text/html", ["a"])},
            "prod": {
                health: Answer("200, text/plain", ["ok"]),
                page: Answer("404, text/html", ["b"]),
                gone: Answer("200, text/plain", []),
            },
        }
        alike, different, alone = compare(answers, (health, page, gone))
        assert (alike.ok, alike.detail) == (True, "200, text/plain, alike")
        assert not different.ok
        assert different.detail.splitlines() == [
            "2 differences: dev 200, text/html; prod 404, text/html",
            "body[0]: dev 'a', prod 'b'",
        ]
        assert (alone.ok, alone.detail) == (False, "1 difference: dev has no port that could be asked")

    def test_one_process_answers_for_all_that_dev_has_several_for(self) -> None:
        async def run() -> dict[Request, Answer]:
            body = response(200, b'{"a": 1}', "Content-Type: application/json\r\n")
            async with serving(saying(body), "127.0.0.1") as port:
                prod = stack("prod", ("server", "x", (PortClaim("server", port, protocol=Protocol.HTTP),)))
                return await ask_all(prod, [Request("/api", "api"), Request("/ws", "trading", True)])

        [(request, answer)] = asyncio.run(run()).items()
        assert request.path == "/api"
        assert answer == Answer("200, application/json", {"a": 1})

    def test_who_does_not_answer_is_told(self) -> None:
        claim = PortClaim("web", free_port(), protocol=Protocol.HTTP)
        request = Request("/", "web")
        answers = asyncio.run(ask_all(stack("dev", ("web", "x", (claim,))), [request]))
        assert answers[request].head == "no answer"


def _title_at(page: str) -> int:
    document = read_document(page, "text/html", DEV)
    assert isinstance(document, list)
    return document.index("T")
