"""The trading page in both modes, in a real browser: the seed's promises."""

from __future__ import annotations

import re
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devstack.services.pages.static import WEB_ROOT
from tests.browser.conftest import Tab
from tests.services.processes import Services, services

pytestmark = pytest.mark.browser

PRICE = "document.querySelector('#price').textContent"
PARTS = ("frontend", "hmr", "api", "trading")

Opener = Callable[[str], Tab]


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Services]:
    """The built-in page's own files, copied so that a test can edit them."""
    root = tmp_path / "web"
    shutil.copytree(WEB_ROOT, root)
    with services(tmp_path, root) as found:
        yield found


@pytest.fixture
def tab(stack: Services, open_tab: Opener) -> Tab:
    stack.start(*PARTS)
    found = open_tab(stack.url("frontend"))
    found.reach("live")
    found.wait_for_line("[hmr] connected")
    return found


def prices_move(tab: Tab) -> None:
    """Wait until the price has changed twice."""
    for _ in range(2):
        tab.page.wait_for_function(f"(before) => {PRICE} !== before", arg=first_price(tab))


def first_price(tab: Tab) -> str:
    tab.wait_until(f"/\\d/.test({PRICE})")
    return str(tab.page.evaluate(PRICE))


def root_of(stack: Services) -> Path:
    assert stack.root is not None
    return stack.root


def test_in_dev_prices_move_over_the_trading_port(tab: Tab, stack: Services) -> None:
    prices_move(tab)
    socket = f"ws://localhost:{stack.port('trading')}/api/ws"
    assert tab.page.get_attribute("#connection", "data-socket") == socket
    assert tab.page.get_attribute("#connection", "data-mode") == "dev"
    assert tab.logged(f"[trading] dev mode, socket {socket} (the server said dev")


def test_in_prod_prices_move_over_the_pages_own_origin(stack: Services, open_tab: Opener) -> None:
    stack.start("combined")
    tab = open_tab(stack.url("combined"))
    tab.reach("live")
    prices_move(tab)
    socket = f"ws://localhost:{stack.port('combined')}/api/ws"
    assert tab.page.get_attribute("#connection", "data-socket") == socket
    assert tab.page.get_attribute("#connection", "data-mode") == "prod"
    assert tab.logged(f"[trading] prod mode, socket {socket} (the server said prod: the page's own origin)")
    assert not tab.logged("[hmr]")


def test_a_style_edit_changes_the_colour_and_leaves_the_trading_connection_alone(
    tab: Tab, stack: Services
) -> None:
    before = tab.connection
    sheet = root_of(stack) / "style.css"
    sheet.write_text(sheet.read_text() + "\nh1 { color: rgb(1, 2, 3); }\n")
    tab.wait_until("getComputedStyle(document.querySelector('h1')).color === 'rgb(1, 2, 3)'")
    assert tab.connection == before != ""
    prices_move(tab)


def test_a_script_edit_is_taken_by_the_view_and_leaves_state_and_connection_alone(
    tab: Tab, stack: Services
) -> None:
    tab.page.click("[data-symbol='ETH-USD']")
    tab.wait_until("document.querySelector('#chart-symbol').textContent === 'ETH-USD'")
    before = tab.connection
    view = root_of(stack) / "app" / "connection.js"
    view.write_text(view.read_text().replace('live: "Live"', 'live: "Very live"'))
    tab.wait_until("document.querySelector('#connection .state').textContent === 'Very live'")
    assert tab.connection == before
    assert tab.page.inner_text("#chart-symbol") == "ETH-USD"
    prices_move(tab)


@pytest.mark.parametrize("name", ["watch-list", "chart", "ladder", "bots", "format"])
def test_each_view_is_replaced_while_it_runs(tab: Tab, stack: Services, name: str) -> None:
    tab.page.evaluate("globalThis.kept = 'yes'")
    view = root_of(stack) / "app" / f"{name}.js"
    view.write_text(view.read_text() + f"\nglobalThis.replaced = '{name}';\n")
    tab.wait_until(f"globalThis.replaced === '{name}'")
    prices_move(tab)
    assert tab.page.evaluate("globalThis.kept") == "yes"
    assert not tab.logged("uncaught")


def test_frontend_and_hmr_are_restarted_and_the_trading_socket_does_not_notice(
    tab: Tab, stack: Services
) -> None:
    before = tab.connection
    stack.end("frontend")
    stack.end("hmr")
    tab.wait_for_line("[hmr] lost the server")
    prices_move(tab)
    stack.start("frontend", "hmr")
    tab.page.wait_for_event("console", lambda message: "[hmr] connected" in message.text)
    prices_move(tab)
    assert tab.connection == before
    assert not tab.logged("[trading] lost")
    sheet = root_of(stack) / "style.css"
    sheet.write_text(sheet.read_text() + "\nh1 { color: rgb(1, 2, 3); }\n")
    tab.wait_until("getComputedStyle(document.querySelector('h1')).color === 'rgb(1, 2, 3)'")
    assert tab.connection == before


def test_the_trading_process_is_killed_and_the_page_goes_from_live_to_polling_to_live(
    tab: Tab, stack: Services
) -> None:
    before = tab.connection
    stack.end("trading", signal.SIGKILL)
    tab.reach("polling")
    prices_move(tab)
    stack.start("trading")
    tab.reach("live")
    prices_move(tab)
    assert tab.connection not in ("", before)


def test_without_trading_and_api_the_page_says_offline_and_comes_back(tab: Tab, stack: Services) -> None:
    stack.end("trading", signal.SIGKILL)
    stack.end("api", signal.SIGKILL)
    tab.reach("offline")
    stack.start("trading", "api")
    tab.reach("live")
    prices_move(tab)


def test_a_restarted_trading_service_is_resumed_where_it_was(tab: Tab, stack: Services) -> None:
    frames: list[str] = []
    tab.page.on("websocket", lambda socket: socket.on("framesent", lambda text: frames.append(str(text))))
    prices_move(tab)
    stack.restart("trading")
    tab.page.wait_for_event("console", lambda message: "→ live" in message.text)
    prices_move(tab)
    assert any(re.search(r'"quotes","resume":\{"session":"\w+","seq":\d+\}', text) for text in frames)


def test_another_origins_page_cannot_use_the_trading_socket(
    tab: Tab, stack: Services, open_tab: Opener
) -> None:
    stranger = open_tab(stack.url("frontend").replace("localhost", "evil.localhost"))
    outcome = stranger.page.evaluate(
        """(url) => new Promise((resolve) => {
            const socket = new WebSocket(url);
            socket.onopen = () => resolve("open");
            socket.onerror = () => resolve("refused");
        })""",
        f"ws://localhost:{stack.port('trading')}/api/ws",
    )
    assert outcome == "refused"


def test_a_bots_message_goes_out_and_comes_back(tab: Tab) -> None:
    tab.page.fill("[name=text]", "hello bots")
    tab.page.press("[name=text]", "Enter")
    tab.wait_until("document.querySelector('#bot-messages').textContent.includes('hello bots')")


def test_the_page_is_used_by_keyboard_alone(tab: Tab) -> None:
    tab.wait_until("document.querySelectorAll('#watch-list li').length > 3")
    tab.page.focus("#watch-list")
    for key, symbol in (("ArrowDown", "ETH-USD"), ("End", "XAU-USD"), ("Home", "BTC-USD"), ("s", "SOL-USD")):
        tab.page.keyboard.press(key)
        tab.wait_until(f"document.querySelector('#chart-symbol').textContent === '{symbol}'")
    tab.page.keyboard.press("Tab")
    assert tab.page.evaluate("document.activeElement.closest('#intervals') !== null")
    tab.page.keyboard.press("Enter")
    tab.wait_until("document.querySelector('#intervals [aria-pressed=true]').textContent === '5s'")


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_is_wider_than_the_screen(tab: Tab, width: int) -> None:
    tab.page.set_viewport_size({"width": width, "height": 800})
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= width


BOOK_FITS = """() => {
    const book = document.querySelector(".book");
    return book.scrollHeight <= book.clientHeight && document.querySelector(".bids tr").offsetHeight > 0;
}"""


def test_the_best_bid_and_ask_are_in_sight_without_scrolling(tab: Tab) -> None:
    for width, height in ((1280, 800), (1280, 700), (1000, 900), (900, 800), (900, 700)):
        tab.page.set_viewport_size({"width": width, "height": height})
        assert tab.page.evaluate(BOOK_FITS), (width, height)


def test_long_names_leave_room_for_what_bots_say(tab: Tab) -> None:
    tab.page.set_viewport_size({"width": 360, "height": 800})
    tab.page.fill("#bot-form [name=to]", "n" * 32)
    tab.page.fill("#bot-form [name=text]", "a rather long message " * 5)
    tab.page.keyboard.press("Enter")
    tab.wait_until("document.querySelector('#bot-messages li:not(.empty) > span')?.offsetWidth > 250")


MEASURE_FRAMES = """async () => {
    const loaded = performance.getEntriesByType("resource").map((one) => one.name);
    const { Store } = await import(loaded.find((name) => name.includes("/app/store.js")));
    const take = Store.prototype.takeQuotes;
    let store;
    Store.prototype.takeQuotes = function (quotes) { store = this; return take.call(this, quotes); };
    while (!store) await new Promise(requestAnimationFrame);
    Store.prototype.takeQuotes = take;
    const quotes = [...store.quotes.values()];
    let updates = 0;
    const timer = setInterval(() => {
        updates += 1;
        const price = (quote) => (Number(quote.price) + updates / 100).toFixed(2);
        store.takeQuotes(quotes.map((quote) => ({ ...quote, price: price(quote) })));
        store.takeBooks([...store.books.values()]);
    }, 1000 / 60);
    const gaps = [];
    const begun = performance.now();
    for (let last = begun; last - begun < 3000; ) {
        const now = await new Promise(requestAnimationFrame);
        gaps.push(now - last);
        last = now;
    }
    clearInterval(timer);
    gaps.sort((one, other) => one - other);
    return { median: gaps[gaps.length >> 1], late: gaps.filter((gap) => gap > 50).length / gaps.length };
}"""


def test_sixty_updates_a_second_are_drawn_without_dropped_frames(tab: Tab) -> None:
    prices_move(tab)
    measured = tab.page.evaluate(MEASURE_FRAMES)
    assert measured["median"] < 25  # ms; 16.7 on a machine that does nothing else
    assert measured["late"] < 0.1
