"""Which values a person should not see on a screen or in a log, and what is shown instead."""

from __future__ import annotations

import re
from collections.abc import Iterable

MASK = "********"
SHORTEST_REPEATED = 6
"""A shorter secret is found inside of harmless values by chance."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z]+|[a-z]+")
_ENDINGS = (
    "KEY",
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "PASS",
    "CREDENTIAL",
    "DSN",
    "PRIVATE",
    "AUTH",
    "COOKIE",
)
_ANYWHERE = ("SECRET", "PASSWORD", "CREDENTIAL", "PRIVATE", "TOKEN")
_WORKING_FOLDERS = frozenset({"PWD", "OLDPWD"})
# After the colon stands a password, which some write with a bare / or #, and not a port and a path. A scheme
# without a bound would look through a certificate of 200 kB from each of its letters.
_USERINFO = re.compile(
    r"([A-Za-z][A-Za-z0-9+.-]{0,30}://)([^/?#\s@:]*)(:[^/?#\s]*(?=@)|:(?!\d*[/?#])\S*?(?=@))?@"
)
_KNOWN_SHAPES = re.compile(
    r"-----BEGIN |\bgh[pousr]_\w{20}|\bgithub_pat_|\bsk[-_](?:live|test|ant|proj)|\bxox[abprs]-"
    r"|\bAKIA[0-9A-Z]{16}|\beyJ[\w-]{8,}\.eyJ|(?i:password|passwd|pwd|secret|token|api_?key)=\S"
)


def is_secret(name: str, value: str) -> bool:
    """Say whether the variable `name`, or the look of its `value`, tells of a secret.

    Rather one too many: a masked harmless value costs a look into the file, a shown password costs more.
    """
    if not value:
        return False
    return _name_tells(name) or bool(_USERINFO.search(value) or _KNOWN_SHAPES.search(value))


def _name_tells(name: str) -> bool:
    if name in _WORKING_FOLDERS:
        return False
    words = [
        word.upper().removesuffix("S") if word.upper() != "PASS" else "PASS" for word in _WORD.findall(name)
    ]
    upper = name.upper()
    return any(word.endswith(_ENDINGS) or word == "PWD" for word in words) or any(
        part in upper for part in _ANYWHERE
    )


def holds_secret(value: str, secrets: Iterable[str]) -> bool:
    """Say whether `value` repeats one of `secrets`, as a `${PASSWORD}` in another variable does."""
    return any(len(secret) >= SHORTEST_REPEATED and secret in value for secret in secrets)


def masked(value: str) -> str:
    """Return what is shown of a secret `value`: of a URL all but user and password, else nothing.

    The mask has one length, for the length of a password tells something too.
    """
    if not _USERINFO.search(value):
        return MASK
    return _USERINFO.sub(_without_password, value)


def _without_password(match: re.Match[str]) -> str:
    scheme, user, password = match.groups()
    # A user without a password is often the secret itself: https://<token>@host.
    return f"{scheme}{user}:{MASK}@" if password else f"{scheme}{MASK}@"
