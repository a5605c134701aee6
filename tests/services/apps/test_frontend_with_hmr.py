"""A frontend that claims HMR_PORT too, as without an `hmr` line in the Procfile: one process does both."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.services.processes import Services, ask, services
from tests.stack import project_in
from tests.waiting import at_this_load

BOTH = {"DEVSTACK_CLAIMS": "FRONTEND_PORT,HMR_PORT"}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Services]:
    root = tmp_path / "root"
    root.mkdir()
    (root / "index.html").write_text('<link rel="stylesheet" href="style.css">')
    (root / "style.css").write_text("h1 {}")
    with services(tmp_path, root, **BOTH) as found:
        yield found


def test_it_serves_the_page_and_tells_it_of_changes(site: Services) -> None:
    site.start("frontend")
    assert ask(site.port("frontend")).status == 200
    url = f"ws://127.0.0.1:{site.port('hmr')}/"
    with connect(url, subprotocols=[Subprotocol("vite-hmr")], proxy=None) as browser:
        assert site.root is not None
        (site.root / "style.css").write_text("h1 { color: red }")
        while (message := json.loads(browser.recv(timeout=20)))["type"] != "update":
            pass
    assert [update["path"] for update in message["updates"]] == ["/style.css"]


def test_it_says_both_addresses_and_one_signal_ends_both(site: Services) -> None:
    site.start("frontend")
    begun = time.monotonic()
    assert site.end("frontend") == 0
    assert time.monotonic() - begun < at_this_load(2.0)
    assert site.running["frontend"].lines[:2] == [
        f"frontend listening on http://127.0.0.1:{site.port('frontend')}/",
        f"hmr listening on ws://127.0.0.1:{site.port('hmr')}/",
    ]


def test_if_either_port_is_taken_neither_is_served(site: Services) -> None:
    with socket.create_server(("127.0.0.1", site.port("hmr"))):
        ran = subprocess.run(
            [sys.executable, "-m", "devstack", "serve", "frontend"],
            env=site.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ran.returncode == 3
    assert f"port {site.port('hmr')} on 127.0.0.1 is taken" in ran.stderr
    assert ran.stdout == ""


def test_a_stack_without_an_hmr_line_is_ready_and_passes_smoke(tmp_path: Path) -> None:
    with project_in(tmp_path) as project:
        serve = f'exec "{project.python}" -m devstack serve'
        (tmp_path / "Procfile.dev").write_text(f"frontend: {serve} frontend\ntrading: {serve} trading\n")
        done = project.run("smoke", "--ports", "auto")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "subprotocol: vite-hmr" in done.stdout
