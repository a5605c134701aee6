"""How the Node world reads a `.env` file: npm's dotenv, and dotenv-expand behind it.

devstack reads as python-dotenv does. Vite up to 7 reads with dotenv and expands, Vite 8 with Node's own
parser (which machine/tools.py asks, for it differs from Node to Node) and expands; a server mostly reads
with dotenv alone. Their rules are followed here, quirks included, to say where they differ from ours.
Nothing in a file is ever executed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_DOTENV_ENTRY = re.compile(
    r"""^\s*(?:export\s+)?(?P<name>[A-Za-z0-9_.-]+)   # NAME
    (?:\s*=\s*?|:\s+?)                                # = or YAML's colon
    (?P<value>
        \s*'(?:\\'|[^'])*'
      | \s*"(?:\\"|[^"])*"
      | \s*`(?:\\`|[^`])*`
      | [^#\r\n]+                                     # up to a hash, with or without a blank before it
    )?
    \s*(?:\#.*)?$""",
    re.MULTILINE | re.VERBOSE,
)
_SURROUNDED = re.compile(r"^(['\"`])([\s\S]*)\1$", re.MULTILINE)
_REFERENCE = re.compile(r"(?<!\\)\$\{([^{}]+)\}|(?<!\\)\$([A-Za-z_][A-Za-z0-9_]*)")
_OPERATOR = re.compile(r":\+|\+|:-|-")
_LONGEST = 64 * 1024  # of an expanded value: two that refer to each other would grow for ever


def read_like_dotenv(text: str) -> dict[str, str]:
    """Return what npm's dotenv (16) makes of a file."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    values = {}
    for entry in _DOTENV_ENTRY.finditer(text):
        value = (entry["value"] or "").strip()
        unquoted = _SURROUNDED.sub(r"\2", value)
        if value.startswith('"'):
            unquoted = unquoted.replace("\\n", "\n").replace("\\r", "\r")
        values[entry["name"]] = unquoted
    return values


def expand(values: Mapping[str, str]) -> dict[str, str]:
    """Return the values as dotenv-expand (11 to 13, and Vite) resolves `$NAME` and `${NAME:-default}`.

    Only what the file itself sets is known; `\\$` is a plain dollar.
    """
    running = dict(values)
    for name in values:
        running[name] = _expand_value(running[name], running).replace("\\$", "$")
    return running


def _expand_value(text: str, known: Mapping[str, str]) -> str:
    seen: set[str] = set()
    while (reference := _REFERENCE.search(text)) and len(text) < _LONGEST:
        seen.add(text)
        expression = reference[1] or reference[2]
        operator = _OPERATOR.search(expression)
        name = expression[: operator.start()] if operator else expression
        other = expression[operator.end() :] if operator else ""
        value = known.get(name, "")
        if operator and "+" in operator[0]:
            value = other if value else ""
        elif not value or value in seen:
            value = other
        text = text.replace(reference[0], _as_replacement(value, reference[0]), 1)
        if text == known.get(name):
            break
    return text


def _as_replacement(value: str, matched: str) -> str:
    """Return what JavaScript's String.replace makes of `value`: `$$` and `$&` mean something there."""
    return re.sub(r"\$([$&])", lambda match: "$" if match[1] == "$" else matched, value)
