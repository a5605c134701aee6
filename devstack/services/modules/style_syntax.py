"""The errors of a style sheet that no browser tells: what is opened and not closed (CSS Syntax Level 3).

A browser closes it silently at the end of the file, and the rules behind the error are lost.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

TOKEN = re.compile(
    r"""/\*.*?\*/
      | (?P<comment>/\*)
      | "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*'
      | (?P<string>["'])
      | url\(\s*(?!["'\s])(?:[^)\\]|\\.)*\)
      | \\.
      | (?P<bracket>[][(){}])""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
CLOSES = {")": "(", "]": "[", "}": "{"}
UNCLOSED = {"comment": "a comment is not closed", "string": "a string is not closed in its line"}


@dataclass(frozen=True, slots=True)
class StyleError:
    """What is wrong, and the offset in the text at which it begins."""

    message: str
    at: int


def find_style_error(text: str) -> StyleError | None:
    """Return the first error of a style sheet, or None."""
    opened: list[tuple[str, int]] = []
    for match in TOKEN.finditer(text):
        if match.lastgroup in UNCLOSED:
            return StyleError(UNCLOSED[match.lastgroup], match.start())
        bracket = match.group("bracket")
        if bracket in CLOSES:
            if not opened or opened[-1][0] != CLOSES[bracket]:
                return StyleError(f"nothing is open that this {bracket} would close", match.start())
            opened.pop()
        elif bracket:
            opened.append((bracket, match.start()))
    return StyleError(f"this {opened[-1][0]} is not closed", opened[-1][1]) if opened else None
