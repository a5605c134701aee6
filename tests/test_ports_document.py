"""docs/ports-and-websockets.md says what is so."""

from __future__ import annotations

import re
from pathlib import Path

from devstack.core.handshake import accept_for
from devstack.core.ports import SEED_TABLE

ROOT = Path(__file__).parents[1]
DOCUMENT = (ROOT / "docs" / "ports-and-websockets.md").read_text(encoding="utf-8")


def test_the_documents_tables_are_the_ones_that_claims_come_from() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| `(\w+)` \|", DOCUMENT, re.MULTILINE)
    assert rows == [(row.name, str(row.default), row.variable) for row in SEED_TABLE]


def test_the_documents_env_file_is_the_example_in_the_repository() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    assert "\n".join(line for line in example if "=" in line) in DOCUMENT


def test_the_documents_curl_line_sends_a_key_that_is_one_and_tells_its_answer() -> None:
    key = re.search(r'-H "Sec-WebSocket-Key: ([^"]+)"', DOCUMENT)
    assert key is not None
    assert f"Sec-WebSocket-Accept: {accept_for(key[1])}" in DOCUMENT


def test_every_relative_link_leads_somewhere() -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", DOCUMENT):
        assert (ROOT / "docs" / link).exists(), link
