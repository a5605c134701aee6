"""Files over HTTP, asked for byte by byte, of the dev server and of prod's: they share one implementation."""

from __future__ import annotations

import asyncio
import gzip
import os
import socket
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devstack.services.http.served_files import ServedFile, split_url_path
from devstack.services.pages.static import page_app
from devstack.services.settings import Settings
from tests.services.processes import Answer, Services, ask, services

SECRET = "secret outside"


def make_root(folder: Path) -> Path:
    root = folder / "root"
    (root / "sub").mkdir(parents=True)
    (root / "index.html").write_text(
        "<!doctype html><html><head><title>t</title></head><body>home</body></html>"
    )
    (root / "sub" / "index.html").write_text("<html><head></head><body>sub</body></html>")
    (root / "app.js").write_text("export const n = 1;\n" * 200)
    (root / "app.3f2a9c1b.js").write_text("export const n = 2;\n")
    (root / "style.css").write_text("h1 { color: red }\n")
    (root / "data.bin").write_bytes(bytes(range(256)) * 4)
    (root / "große datei.txt").write_text("umlaut")
    (root / ".env").write_text(SECRET)
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text(SECRET)
    (root / "empty.txt").write_text("")
    (folder / "outside.txt").write_text(SECRET)
    (folder / "root-twin").mkdir()
    (folder / "root-twin" / "x.txt").write_text(SECRET)
    os.symlink(folder / "outside.txt", root / "link-out.txt")
    os.symlink(folder, root / "folder-out")
    os.symlink(root / ".env", root / "link-to-dotfile.txt")
    os.symlink(root / "style.css", root / "link-inside.css")
    os.symlink(folder / "outside.txt", root / "link-out")
    (root / "node").mkdir()
    os.mkfifo(root / "pipe.txt")
    os.mkfifo(root / "pipe")
    return root


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    folder = tmp_path_factory.mktemp("site")
    with services(folder, make_root(folder)) as found:
        found.start("frontend", "combined")
        yield found


@pytest.fixture(params=["frontend", "combined"])
def port(request: pytest.FixtureRequest, site: Services) -> int:
    return site.port(request.param)


@pytest.fixture
def prod(site: Services) -> int:
    return site.port("combined")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/index.html", "text/html; charset=utf-8"),
        ("/app.js", "text/javascript; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/data.bin", "application/octet-stream"),
        ("/gro%C3%9Fe%20datei.txt", "text/plain; charset=utf-8"),
        ("/link-inside.css", "text/css; charset=utf-8"),
        ("/sub/", "text/html; charset=utf-8"),
        ("/app.js?t=123", "text/javascript; charset=utf-8"),
    ],
)
def test_a_file_has_its_media_type_and_is_not_to_be_guessed_at(port: int, path: str, kind: str) -> None:
    answer = ask(port, path)
    assert (answer.status, answer.headers["content-type"]) == (200, kind)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


OUTSIDE = [
    "/../outside.txt",
    "/..%2foutside.txt",
    "/%2e%2e/outside.txt",
    "/%2e%2e%2foutside.txt",
    "/sub/../../outside.txt",
    "/sub/%2e%2e/%2e%2e/outside.txt",
    "/..\\outside.txt",
    "/..%5coutside.txt",
    "/%5c..%5coutside.txt",
    "/%252e%252e/outside.txt",
    "/.%00./outside.txt",
    "/outside.txt%00.html",
    "/app.js%00",
    "/%c0%ae%c0%ae/outside.txt",
    "//outside.txt",
    "/root-twin/x.txt",
    "/../root-twin/x.txt",
    "/link-out.txt",
    "/folder-out/outside.txt",
    "/link-to-dotfile.txt",
    "/.env",
    "/%2eenv",
    "/.git/config",
    "/sub/../.env",
    "/./.env",
    "/.env/",
    "/C:/outside.txt",
    "/app.js::$DATA",
    "/app.js.",
    "/pipe.txt",
    "/link-out",
    "/pipe",
    "/folder-out/root-twin",
    "/node",
    "/node/",
    "/sub/gone",
    "/folder-out/gone",
    "/sub//index.html",
    "/" + "a" * 5000,
]


@pytest.mark.parametrize("path", OUTSIDE)
def test_no_spelling_and_no_link_leads_out_of_the_root_or_to_a_dotfile(port: int, path: str) -> None:
    answer = ask(port, path)
    assert answer.status == 404
    assert SECRET not in answer.text


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.sampled_from(
            ["..", ".", "%2e", "%2E%2e", "/", "%2f", "\\", "%5c", "%00", "sub", "~", ".env", "root"]
        )
    )
)
def test_a_path_either_is_refused_or_has_no_segment_that_leads_out(parts: list[str]) -> None:
    segments = split_url_path(("/" + "".join(parts)).encode())
    assert segments is None or not {"..", ".", ".env"} & set(segments)


class Vanishing:
    """Pages under whose hands a file goes away, after it was found and before it is read."""

    def rewrites(self, file: ServedFile) -> bool:
        os.unlink(file.path)
        return True

    def rewrite(self, _file: ServedFile, content: bytes) -> bytes:
        return content

    def own_file(self, _path: str, _query: str) -> None:
        return None


def test_a_file_that_goes_away_while_it_is_asked_for_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "app.js").write_text("1")
    app = page_app(Settings(), root=str(tmp_path), port=3000, pages=Vanishing())
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/app.js",
        "raw_path": b"/app.js",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
    }
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 404


def test_a_folder_is_not_listed(port: int) -> None:
    assert ask(port, "/folder-out/").status == 404
    redirect = ask(port, "/sub")
    assert (redirect.status, redirect.headers["location"]) == (308, "/sub/")
    assert ask(port, "/sub?a=1&b").headers["location"] == "/sub/?a=1&b"


def test_a_navigation_to_a_route_gets_the_page_and_a_missing_asset_404(port: int) -> None:
    assert "home" in ask(port, "/markets/BTC-USD", accept="text/html,*/*;q=0.8").text
    for accept in ("*/*", ""):
        assert "home" in ask(port, "/markets/BTC-USD", accept=accept).text
    assert "home" in ask(port, "/markets/BTC-USD").text
    assert ask(port, "/markets/BTC-USD", accept="*/*", Sec_Fetch_Dest="script").status == 404
    assert ask(port, "/markets/BTC-USD", accept="application/json").status == 404
    assert ask(port, "/assets/gone.js", accept="text/html").status == 404


def test_head_says_what_get_would_and_sends_no_body(port: int) -> None:
    got, head = ask(port, "/style.css"), ask(port, "/style.css", "HEAD")
    assert head.body == b""
    assert {**got.headers, "date": ""} == {**head.headers, "date": ""}
    assert ask(port, "/gone.css", "HEAD").status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods_are_405_and_told_which_are_allowed(port: int, method: str) -> None:
    answer = ask(port, "/style.css", method)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/", "/app.js", "/style.css", "/data.bin"])
def test_what_has_not_changed_is_304_with_its_validators(port: int, path: str) -> None:
    first = ask(port, path)
    again = ask(port, path, If_None_Match=first.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["cache-control"] == "no-cache"
    assert ask(port, path, If_None_Match='"other"').status == 200


def test_a_changed_file_has_another_entity_tag(port: int, site: Services) -> None:
    assert site.root is not None
    file = site.root / f"changing-{port}.txt"
    file.write_text("one")
    before = ask(port, f"/{file.name}").headers["etag"]
    file.write_text("two")
    after = ask(port, f"/{file.name}", If_None_Match=before)
    assert (after.status, after.text) == (200, "two")


def part(port: int, text: str, **more: str) -> Answer:
    return ask(port, "/data.bin", headers=[("Host", "localhost"), ("Range", text), *more.items()])


def test_a_part_of_a_file_is_206_with_its_place(port: int) -> None:
    whole = ask(port, "/data.bin").body
    for text, expected, place in (
        ("bytes=0-9", whole[:10], "bytes 0-9/1024"),
        ("bytes=1000-", whole[1000:], "bytes 1000-1023/1024"),
        ("bytes=-4", whole[-4:], "bytes 1020-1023/1024"),
        ("bytes=1020-9999", whole[1020:], "bytes 1020-1023/1024"),
    ):
        answer = part(port, text)
        assert (answer.status, answer.body, answer.headers["content-range"]) == (206, expected, place)


def test_a_part_beyond_the_end_is_416_and_says_how_long_the_file_is(port: int) -> None:
    answer = part(port, "bytes=1024-")
    assert (answer.status, answer.headers["content-range"]) == (416, "bytes */1024")
    assert ask(port, "/empty.txt", Range="bytes=0-0").status == 416


def test_a_part_of_what_has_changed_since_is_the_whole(port: int) -> None:
    etag = ask(port, "/data.bin").headers["etag"]
    assert part(port, "bytes=0-9", **{"If-Range": etag}).status == 206
    assert part(port, "bytes=0-9", **{"If-Range": '"old"'}).status == 200
    assert part(port, "bytes=0-1,5-6").status == 200


def test_prod_compresses_what_gains_by_it_and_says_that_it_varies(prod: int) -> None:
    plain, coded = ask(prod, "/app.js"), ask(prod, "/app.js", Accept_Encoding="gzip, br")
    assert coded.headers["content-encoding"] == "gzip"
    assert gzip.decompress(coded.body) == plain.body
    assert len(coded.body) < len(plain.body)
    assert plain.headers["vary"] == coded.headers["vary"] == "Accept-Encoding"
    assert plain.headers["etag"] != coded.headers["etag"]
    assert ask(prod, "/app.js", Accept_Encoding="gzip", If_None_Match=coded.headers["etag"]).status == 304
    assert "content-encoding" not in ask(prod, "/app.js", Accept_Encoding="gzip;q=0").headers
    assert "content-encoding" not in ask(prod, "/data.bin", Accept_Encoding="gzip").headers


def test_a_part_of_a_compressible_file_is_a_part_of_its_plain_bytes(prod: int) -> None:
    answer = ask(prod, "/app.js", Accept_Encoding="gzip", Range="bytes=0-5")
    assert (answer.status, answer.body) == (206, b"export")


def test_only_a_hashed_name_is_cached_for_long_and_only_in_prod(site: Services) -> None:
    hashed = "/app.3f2a9c1b.js"
    assert "immutable" in ask(site.port("combined"), hashed).headers["cache-control"]
    assert ask(site.port("combined"), "/app.js").headers["cache-control"] == "no-cache"
    assert ask(site.port("frontend"), hashed).headers["cache-control"] == "no-cache"


def test_the_page_is_told_its_mode_and_prod_carries_no_reload_client(site: Services) -> None:
    dev, prod = ask(site.port("frontend")).text, ask(site.port("combined")).text
    assert f'{{"mode":"dev","base":"/","wsPort":{site.port("trading")}}}' in dev
    assert "/@vite/client" in dev
    assert '{"mode":"prod","base":"/"}' in prod
    assert "@vite" not in prod
    assert ask(site.port("combined"), "/@vite/client").status == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([], 400),
        ([("Host", "localhost"), ("Host", "localhost")], 400),
        ([("Host", "")], 400),
        ([("Host", "evil.example")], 403),
        ([("Host", "localhost"), ("Origin", "http://evil.example")], 403),
        ([("Host", "localhost"), ("Origin", "null")], 403),
        ([("Host", "127.0.0.1:1234")], 200),
        ([("Host", "[::1]")], 200),
    ],
)
def test_host_and_origin_are_checked(port: int, headers: list[tuple[str, str]], status: int) -> None:
    assert ask(port, "/style.css", headers=headers).status == status


@pytest.mark.parametrize(
    "request_text",
    [
        b"GET /style.css HTTP/1.1\r\n\r\n",
        b"GET /style.css HTTP/1.0\r\n\r\n",
        b"GET /style.css HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        b"nonsense\r\n\r\n",
    ],
)
def test_a_request_that_is_none_is_400(port: int, request_text: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request_text)
        assert connection.recv(4096).split(b" ", 2)[1] == b"400"


def test_a_file_larger_than_what_is_kept_in_memory_is_sent_in_parts(port: int, site: Services) -> None:
    assert site.root is not None
    content = os.urandom(1024) * 5000
    (site.root / "large.dat").write_bytes(content)
    answer = ask(port, "/large.dat")
    assert answer.body == content
    assert ask(port, "/large.dat", Range="bytes=-7").body == content[-7:]
