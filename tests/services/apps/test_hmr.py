"""The HMR socket as browsers and Vite's tools meet it: handshake, messages, and files that editors save."""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from devstack.services.apps.hmr import HotReload
from tests.services.processes import Services, ask, services, until

SELF = "import.meta.hot.accept();"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Services]:
    root = tmp_path / "root"
    root.mkdir()
    (root / "index.html").write_text(
        '<link rel="stylesheet" href="style.css"><script type="module" src="a.js"></script>'
    )
    (root / "style.css").write_text("h1 {}")
    (root / "a.js").write_text(SELF)
    with services(tmp_path, root) as found:
        found.start("frontend", "hmr")
        yield found


def root_of(site: Services) -> Path:
    assert site.root is not None
    return site.root


def token_of(site: Services) -> str:
    found = re.search(r'wsToken = "([^"]+)"', ask(site.port("frontend"), "/@vite/client").text)
    assert found is not None
    return found.group(1)


def open_socket(
    site: Services, *, token: str | None = None, origin: str | None = None, protocol: str = "vite-hmr"
) -> ClientConnection:
    query = f"?token={token}" if token is not None else ""
    return connect(
        f"ws://127.0.0.1:{site.port('hmr')}/{query}",
        origin=Origin(origin) if origin else None,
        subprotocols=[Subprotocol(protocol)],
        proxy=None,
    )


def next_message(socket: ClientConnection, wanted: set[str] | None = None) -> dict[str, Any]:
    """Return the next message of a wanted type; by default what says that something changed."""
    while True:
        message: dict[str, Any] = json.loads(socket.recv(timeout=20))
        if message["type"] in (wanted or {"update", "full-reload", "error", "prune"}):
            return message


def status_of(site: Services, **arguments: Any) -> int:
    try:
        with open_socket(site, **arguments):
            return 101
    except InvalidStatus as refusal:
        return refusal.response.status_code


def test_a_browser_connects_with_the_token_that_its_page_carries(site: Services) -> None:
    origin = f"http://localhost:{site.port('frontend')}"
    with open_socket(site, token=token_of(site), origin=origin) as socket:
        assert socket.subprotocol == "vite-hmr"
        assert next_message(socket, {"connected"}) == {"type": "connected"}


def test_who_sends_no_origin_needs_no_token_but_a_wrong_one_is_refused(site: Services) -> None:
    assert status_of(site) == 101
    assert status_of(site, token="wrong") == 400


@pytest.mark.parametrize("token", [None, "", "wrong"])
def test_a_browser_without_the_token_is_refused(site: Services, token: str | None) -> None:
    assert status_of(site, token=token, origin=f"http://localhost:{site.port('frontend')}") == 400


@pytest.mark.parametrize("protocol", ["vite-hmr", "vite-ping"])
def test_another_origins_page_is_refused_even_with_the_token(site: Services, protocol: str) -> None:
    assert status_of(site, token=token_of(site), origin="http://evil.example", protocol=protocol) == 403


def test_another_subprotocol_is_refused(site: Services) -> None:
    assert status_of(site, protocol="graphql-ws") == 400


def test_a_ping_is_taken_and_closed_at_once_without_a_token(site: Services) -> None:
    with open_socket(
        site, protocol="vite-ping", origin=f"http://localhost:{site.port('frontend')}"
    ) as socket:
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=10)
        assert socket.close_code == 1000


def test_a_plain_get_is_426(site: Services) -> None:
    answer = ask(site.port("hmr"))
    assert (answer.status, answer.headers["upgrade"]) == (426, "websocket")
    assert (answer.headers["connection"], answer.headers["sec-websocket-version"]) == ("upgrade", "13")


def test_another_checkouts_page_has_another_token(site: Services, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with services(tmp_path, other) as second:
        second.start("frontend")
        assert token_of(second) != token_of(site)


def test_the_token_outlives_a_restart_of_either(site: Services) -> None:
    before = token_of(site)
    site.restart("frontend", "hmr")
    assert token_of(site) == before
    assert status_of(site, token=before, origin=f"http://localhost:{site.port('frontend')}") == 101


def test_a_changed_style_sheet_and_a_changed_module_are_updates_as_vite_words_them(site: Services) -> None:
    with open_socket(site) as socket:
        next_message(socket, {"connected"})
        (root_of(site) / "style.css").write_text("h1 { color: red }")
        css = next_message(socket)
        assert css["type"] == "update"
        assert {key: css["updates"][0][key] for key in ("type", "path", "acceptedPath")} == {
            "type": "css-update",
            "path": "/style.css",
            "acceptedPath": "/style.css",
        }
        (root_of(site) / "a.js").write_text(f"{SELF} 2")
        js = next_message(socket)["updates"][0]
        assert (js["type"], js["path"]) == ("js-update", "/a.js")
        assert f"/a.js?t={js['timestamp']}" not in ask(site.port("frontend"), "/a.js").text
        assert f"a.js?t={js['timestamp']}" in ask(site.port("frontend"), "/").text


def test_an_atomic_save_is_one_update(site: Services) -> None:
    with open_socket(site) as socket:
        draft = root_of(site) / ".a.js.swp"
        draft.write_text(f"{SELF} 2")
        os.replace(draft, root_of(site) / "a.js")
        assert next_message(socket)["type"] == "update"
        assert [one["type"] for one in the_rest(site, socket)] == []


def test_a_save_by_deleting_and_writing_anew_is_an_update_and_no_reload(site: Services) -> None:
    with open_socket(site) as socket:
        (root_of(site) / "a.js").unlink()
        (root_of(site) / "a.js").write_text(f"{SELF} 2")
        seen = [next_message(socket), *the_rest(site, socket)]
        # On a machine so busy that the two are far apart, the missing file is said in between.
        assert [one["type"] for one in seen if one["type"] != "error"] == ["update"]


def test_many_writes_of_one_save_are_told_together(site: Services) -> None:
    # Never emptied in between: what is read in such a moment takes no change, and is loaded again.
    with open_socket(site) as socket, (root_of(site) / "a.js").open("r+") as script:
        for number in range(50):
            script.seek(0)
            script.write(f"{SELF} {number}")
            script.flush()
        seen = [next_message(socket), *the_rest(site, socket)]
        assert 1 <= len(seen) <= 3
        assert {one["type"] for one in seen} == {"update"}


def test_editors_passing_files_and_dotfiles_say_nothing(site: Services) -> None:
    with open_socket(site) as socket:
        for name in ("a.js~", ".a.js.swp", "4913", "#a.js#", "download.part", ".env"):
            (root_of(site) / name).write_text("x")
        assert the_rest(site, socket) == []


def test_a_deleted_module_is_an_error_that_a_later_page_is_told_too(site: Services) -> None:
    (root_of(site) / "b.js").write_text("1")
    with open_socket(site) as socket:
        (root_of(site) / "a.js").write_text(f'import "./b.js"; {SELF}')
        next_message(socket, {"update"})
        (root_of(site) / "b.js").unlink()
        assert next_message(socket, {"error"})["err"]["loc"]["file"] == "/a.js"
        with open_socket(site) as later:
            assert next_message(later, {"error"})["err"]["loc"]["line"] == 1
        (root_of(site) / "b.js").write_text("2")
        assert next_message(socket)["type"] == "update"


def test_a_name_that_cannot_be_printed_does_not_end_hot_replacement(site: Services) -> None:
    with open_socket(site) as socket:
        (root_of(site) / "a.js").write_text(r'import "./\u{D800}.js";')
        assert next_message(socket)["type"] == "error"
        (root_of(site) / "a.js").write_text(SELF)
        assert next_message(socket)["type"] == "update"
    assert site.running["hmr"].said(r"a.js imports /\ud800.js")


def test_a_folder_that_is_moved_away_is_noticed_with_all_that_is_in_it(site: Services) -> None:
    folder = root_of(site) / "lib"
    folder.mkdir()
    (folder / "b.js").write_text("1")
    with open_socket(site) as socket:
        (root_of(site) / "a.js").write_text(f'import "./lib/b.js"; {SELF}')
        next_message(socket, {"update"})
        folder.rename(root_of(site) / "moved")
        assert "/lib/b.js" in next_message(socket, {"error"})["err"]["message"]


def test_an_invalidated_module_sends_its_importers(site: Services) -> None:
    (root_of(site) / "b.js").write_text(SELF)
    (root_of(site) / "a.js").write_text(f'import "./b.js"; {SELF}')
    until(lambda: site.running["hmr"].said("/a.js"), "the change to be seen")
    with open_socket(site) as socket:
        next_message(socket, {"connected"})
        data = {"path": "/b.js", "message": "no", "firstInvalidatedBy": "/b.js"}
        socket.send(json.dumps({"type": "custom", "event": "vite:invalidate", "data": data}))
        update = next_message(socket, {"update"})["updates"][0]
        assert (update["path"], update["firstInvalidatedBy"]) == ("/a.js", "/b.js")


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"type":"custom"}', '{"type":"custom","event":"vite:invalidate","data":7}'],
)
def test_nonsense_from_a_page_does_no_harm(site: Services, text: str) -> None:
    with open_socket(site) as socket:
        socket.send(text)
        (root_of(site) / "style.css").write_text("h2 {}")
        assert next_message(socket)["type"] == "update"


def test_after_an_unforeseen_error_every_page_is_loaded_again_and_the_next_change_is_told(
    tmp_path: Path,
) -> None:
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        if len(said) == 1:
            raise RuntimeError("unforeseen")

    hot = HotReload(os.path.realpath(tmp_path), say)

    async def talk() -> list[dict[str, Any]]:
        messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

        async def send(message: dict[str, Any]) -> None:
            messages.put_nowait(json.loads(message["text"]))

        async def next_change() -> dict[str, Any]:
            while (message := await messages.get())["type"] not in ("update", "full-reload"):
                pass
            return message

        await hot.start()
        passing_on = asyncio.create_task(hot.join().pass_on(send))
        async with asyncio.timeout(20):
            (tmp_path / "a.js").write_text(f"{SELF} // 1")
            changes = [await next_change()]
            (tmp_path / "a.js").write_text(f"{SELF} // 2")
            changes.append(await next_change())
        passing_on.cancel()
        await hot.stop()
        return changes

    (tmp_path / "index.html").write_text('<script type="module" src="a.js"></script>')
    (tmp_path / "a.js").write_text(SELF)
    reload, update = asyncio.run(talk())
    assert (reload["type"], reload["path"], update["type"]) == ("full-reload", "*", "update")
    assert "RuntimeError('unforeseen')" in said[1]


def test_a_graceful_end_closes_with_service_restart(site: Services) -> None:
    with open_socket(site) as socket:
        next_message(socket, {"connected"})
        site.end("hmr")
        with pytest.raises(ConnectionClosed):
            next_message(socket)
        assert socket.close_code == 1012


def the_rest(site: Services, socket: ClientConnection) -> list[dict[str, Any]]:
    """Return what else comes before a change that was made last is told."""
    mark = root_of(site) / f"mark-{time.monotonic_ns()}.svg"  # a new picture is told as a reload
    mark.write_text("<svg/>")
    seen: list[dict[str, Any]] = []
    while True:
        message = next_message(socket)
        if message.get("triggeredBy") == f"/{mark.name}":
            return seen
        seen.append(message)
