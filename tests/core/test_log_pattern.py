"""What a `log` probe may look for, and what is said of that which it may not."""

from __future__ import annotations

import re
import warnings

import pytest

from devstack.core.log_pattern import log_pattern


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("listening on \\d+", b"now listening on 80\n"),
        ("^ready$", b"not ready\nready\n"),
        ("grün", "ist grün\n".encode()),
        ("[[]INFO] up", b"[INFO] up\n"),
        ("a--&&b||c", b"a--&&b\n"),
    ],
)
def test_what_is_looked_for_is_found_and_python_warns_nobody(text: str, output: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert log_pattern(text).search(output)


@pytest.mark.parametrize(
    ("text", "words"),
    [("(", "missing )"), ("a{99999999999999}", "too large"), ("(" * 5000 + ")" * 5000, "too deep")],
)
def test_what_is_no_expression_is_said_in_words(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        log_pattern(text)
