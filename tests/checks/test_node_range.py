from __future__ import annotations

import pytest

from devstack.checks.node_range import fits


@pytest.mark.parametrize(
    ("version", "wanted", "answer"),
    [
        ("20.20.2", ">=20.19", True),
        ("20.18.9", ">=20.19", False),
        ("20.19.0", "^20.19.0 || >=22.12.0", True),
        ("21.7.0", "^20.19.0 || >=22.12.0", False),
        ("22.12.0", "^20.19.0 || >=22.12.0", True),
        ("18.2.0", "18.x", True),
        ("19.0.0", "18.x", False),
        ("18.2.0", "18", True),
        ("18.2.1", "~18.2.0", True),
        ("18.3.0", "~18.2.0", False),
        ("20.0.0", ">=18 <20", False),
        ("19.9.9", ">=18 <20", True),
        ("20.5.0", "18 - 20", True),
        ("21.0.0", "18 - 20", False),
        ("0.2.9", "^0.2.3", True),
        ("0.3.0", "^0.2.3", False),
        ("20.0.0", "*", True),
        ("20.0.0", "", True),
        ("20.0.0", "lts/*", True),
    ],
)
def test_ranges_are_understood_as_npm_does(version: str, wanted: str, answer: bool) -> None:
    assert fits(version, wanted) is answer
