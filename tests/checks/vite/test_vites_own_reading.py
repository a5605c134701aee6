"""Our account of how Vite reads a `.env` file, against Vite's own."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from devstack.checks.dotenv.node import expand
from devstack.machine.tools import read_env_with_node, tool_version

pytestmark = pytest.mark.node

LOAD = """
import { loadEnv } from 'vite';
console.log(JSON.stringify(loadEnv('development', process.cwd(), 'VITE_')));
"""
TEXT = """# a comment
VITE_PLAIN=1
export VITE_EXPORTED = two words # and a comment
VITE_HASH=a#b
VITE_QUOTED='a#b'
VITE_ESCAPED="a\\nb"
VITE_BRACES=${VITE_PLAIN}/x
VITE_BARE=$VITE_PLAIN/x
VITE_PASSWORD=pa$word
VITE_ESCAPED_DOLLAR=pa\\$word
VITE_DEFAULT=${VITE_NOWHERE:-fallback}
VITE_FORWARD=$VITE_LAST
VITE_EMPTY=
VITE_LAST=last
"""


def test_node_and_expansion_together_read_as_vite_does(tmp_path: Path, node_modules: Path) -> None:
    (tmp_path / "node_modules").symlink_to(node_modules)
    (tmp_path / ".env").write_text(TEXT)
    (tmp_path / "load.mjs").write_text(LOAD)
    environment = {"PATH": os.environ["PATH"]}
    said = subprocess.run(
        ["node", "load.mjs"], cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
    )
    read = read_env_with_node(TEXT)
    assert read is not None
    assert expand(read) == json.loads(said.stdout)


def test_node_says_its_version() -> None:
    version = tool_version("node")
    assert version is not None
    assert version[0].isdigit()


def test_a_tool_that_is_not_there_has_no_version() -> None:
    assert tool_version("no-such-tool-anywhere") is None
