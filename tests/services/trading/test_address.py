from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from devstack.services.pages.static import WEB_ROOT
from devstack.services.trading.address import NoConnectionError, decide_connection

TABLE = Path(__file__).with_name("connection_cases.json")
CASES: list[dict[str, Any]] = json.loads(TABLE.read_text(encoding="utf-8"))

RUN_CASES = """
import { readFileSync } from "node:fs";
import { decideConnection } from "./trading-client.mjs";
const answer = ({ page, config }) => {
  try {
    return { expect: decideConnection(page, config) };
  } catch (error) {
    return { error: error.about };
  }
};
console.log(JSON.stringify(JSON.parse(readFileSync(process.argv[2], "utf8")).map(answer)));
"""


def test_the_table_has_at_least_forty_rows_and_each_its_own_name() -> None:
    names = [case["name"] for case in CASES]
    assert len(names) == len(set(names)) >= 40


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_decision_in_python(case: dict[str, Any]) -> None:
    if "error" in case:
        with pytest.raises(NoConnectionError) as caught:
            decide_connection(case["page"], case["config"])
        assert caught.value.about == case["error"]
    else:
        found = decide_connection(case["page"], case["config"])
        assert {"mode": found.mode, "socket": found.socket, "quotes": found.quotes, "why": found.why} == case[
            "expect"
        ]


@pytest.mark.node
@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
def test_the_decision_of_the_page_is_the_same_in_every_row(tmp_path: Path) -> None:
    shutil.copy(Path(WEB_ROOT) / "trading-client.js", tmp_path / "trading-client.mjs")
    (tmp_path / "run.mjs").write_text(RUN_CASES, encoding="utf-8")
    ran = subprocess.run(
        ["node", "run.mjs", str(TABLE)], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    for case, answer in zip(CASES, json.loads(ran.stdout), strict=True):
        told = {key: case[key] for key in ("expect", "error") if key in case}
        assert answer == told, case["name"]


@pytest.mark.node
@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
def test_the_client_keeps_its_promises_by_a_played_socket_and_clock(tmp_path: Path) -> None:
    shutil.copy(Path(WEB_ROOT) / "trading-client.js", tmp_path / "trading-client.mjs")
    shutil.copy(Path(__file__).with_name("trading_client.test.mjs"), tmp_path)
    ran = subprocess.run(
        ["node", "--test", "trading_client.test.mjs"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stdout
