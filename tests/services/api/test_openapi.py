"""The API's description is true: generated requests find no answer that it does not describe."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.running import Running, serving

EXAMPLES = 60
"""For each of seven operations; 300 are run by hand before a release, some 2,000 in all."""


@pytest.fixture(scope="module")
def api() -> Iterator[Running]:
    with serving("api") as running:
        yield running


def test_every_path_of_the_contract_is_described(api: Running) -> None:
    described = api.get("/api/openapi.json").json
    assert set(described["paths"]) >= {
        "/api/health",
        "/api/config",
        "/api/symbols",
        "/api/quotes",
        "/api/candles/{symbol}",
    }


def test_every_error_is_described_as_a_problem(api: Running) -> None:
    for path in api.get("/api/openapi.json").json["paths"].values():
        for status, answer in path["get"]["responses"].items():
            if not status.startswith("2"):
                assert list(answer["content"]) == ["application/problem+json"]


def test_schemathesis_finds_nothing(api: Running, tmp_path: Path) -> None:
    found = subprocess.run(
        [
            sys.executable,
            "-m",
            "schemathesis.cli",
            "run",
            f"http://127.0.0.1:{api.port}/api/openapi.json",
            f"--max-examples={EXAMPLES}",
            "--no-color",
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
        cwd=tmp_path,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    assert "No issues found" in found.stdout
    assert api.complaints() == ""
