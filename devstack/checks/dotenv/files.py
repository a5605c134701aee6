"""`.env` against `.env.example`, secrets that would reach the browser, and readers that read differently."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from devstack.core.findings import Finding, Level

EXAMPLE_CHECK = "env-example"
SECRET_CHECK = "browser-secrets"  # noqa: S105 the check's name
READERS_CHECK = "env-readers"

SECRET_WORDS = re.compile(
    r"(?:^|_)(SECRET|SECRETS|TOKEN|PASSWORD|PASSWD|PASSPHRASE|PWD|PRIVATE|CREDENTIALS?|SERVICE_ROLE"
    r"|DATABASE_URL|DB_URL|REDIS_URL|DSN|ACCESS_KEY|API_SECRET|SIGNING_KEY|ENCRYPTION_KEY)(?:_|$)"
)
PUBLIC_WORDS = re.compile(r"(?:^|_)(PUBLIC|PUBLISHABLE|ANON|SENTRY|MAPBOX|SITE_KEY)(?:_|$)")
SECRET_VALUES = (
    ("a Stripe secret key", re.compile(r"[sr]k_(live|test)_\w{8,}")),
    ("a GitHub token", re.compile(r"gh[pousr]_\w{20,}|github_pat_\w{20,}")),
    ("an AWS access key", re.compile(r"\bA(KIA|SIA)[0-9A-Z]{16}\b")),
    ("a private key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY")),
    ("a Slack token", re.compile(r"xox[abprs]-[\w-]{10,}")),
    ("an API key of a model's provider", re.compile(r"\bsk-(ant-|proj-)?[\w-]{20,}")),
    ("an address with a password", re.compile(r"\w+://[^\s:/@]+:[^\s@/]+@")),
)


@dataclass(frozen=True, slots=True)
class EnvValue:
    """One variable of a `.env` file as devstack reads it; `location` is `file:line`."""

    name: str
    value: str
    location: str


def compare_with_example(
    example: Iterable[EnvValue], layers: Iterable[EnvValue], shell: Collection[str] = ()
) -> tuple[Finding, ...]:
    """Compare the names in `.env.example` with those that the `.env` layers and the shell set."""
    wanted = {one.name: one for one in example}
    have = {one.name: one for one in layers}
    findings = []
    missing = [one for name, one in wanted.items() if name not in have and name not in shell]
    empty = [one for one in missing if not one.value]
    if empty:
        findings.append(
            Finding(
                EXAMPLE_CHECK,
                Level.WARNING,
                f".env.example asks for {_names(empty)}, and no .env file sets "
                + ("them" if len(empty) > 1 else "it"),
                "a service that needs a value gets none",
                f"set in .env: {', '.join(f'{one.name}=…' for one in empty)}",
            )
        )
    unknown = [one for name, one in have.items() if name not in wanted]
    if unknown and wanted:
        findings.append(
            Finding(
                EXAMPLE_CHECK,
                Level.WARNING,
                f"{_names(unknown)} ({unknown[0].location}) {'are' if len(unknown) > 1 else 'is'} "
                "not in .env.example",
                "who clones this project does not learn that there is such a variable",
                f"add to .env.example: {', '.join(f'{one.name}=' for one in unknown)}",
            )
        )
    if not findings and wanted and not have:
        findings.append(Finding(EXAMPLE_CHECK, Level.OK, "no .env file, and .env.example asks for none"))
    elif not findings and wanted:
        using = f"; {_names(missing)} left at the default" if missing else ""
        findings.append(Finding(EXAMPLE_CHECK, Level.OK, f".env agrees with .env.example{using}"))
    return tuple(findings)


def find_browser_secrets(
    values: Iterable[EnvValue], prefixes: Iterable[str] = ("VITE_",)
) -> tuple[Finding, ...]:
    """Return an error for every variable that Vite puts into the page and that looks like a secret."""
    prefixes = tuple(prefix for prefix in prefixes if prefix)
    findings = []
    for one in values:
        prefix = next((prefix for prefix in prefixes if one.name.startswith(prefix)), None)
        sign = _secret_sign(one.name, one.value) if prefix and one.value else ""
        if prefix and sign:
            findings.append(
                Finding(
                    SECRET_CHECK,
                    Level.ERROR,
                    f"{one.name} ({one.location}) looks like a secret: {sign}",
                    f"Vite writes every {prefix}* variable into the JavaScript that anybody can read",
                    f"call it {one.name.removeprefix(prefix)}, read it on the server, and change the secret",
                )
            )
    return tuple(findings)


def _secret_sign(name: str, value: str) -> str:
    """Return what makes a variable look secret, or nothing."""
    for words, pattern in SECRET_VALUES:
        if pattern.search(value):
            return f"its value is {words}"
    found = SECRET_WORDS.search(name)
    return f"its name says {found[1]}" if found and not PUBLIC_WORDS.search(name) else ""


def compare_readings(
    values: Iterable[EnvValue], theirs: Mapping[str, str], reader: str
) -> tuple[Finding, ...]:
    """Return a warning for every variable of one file that `reader` reads differently than devstack.

    The values themselves are not shown: they may be secrets.
    """
    findings = []
    for one in values:
        other = theirs.get(one.name)
        if other != one.value:
            findings.append(
                Finding(
                    READERS_CHECK,
                    Level.WARNING,
                    f"{one.name} ({one.location}): {reader} {_difference(one.value, other)}",
                    "a service gets one value under devstack and another one when it is started without",
                    _remedy(one, other),
                )
            )
    return tuple(findings)


def _difference(ours: str, theirs: str | None) -> str:
    """Say in words how a reading differs, without showing a value."""
    if theirs is None:
        return "does not see it"
    if not theirs:
        return "reads nothing"
    if ours.startswith(theirs) and ours[len(theirs) :].lstrip().startswith("#"):
        return "ends the value at the #"
    if "$" in ours and "$" not in theirs:
        return "replaces what follows the $"
    if theirs.replace("\\", "") == ours.replace("\\", "") or "\\" in ours + theirs:
        return "reads the \\ differently"
    if ours.startswith(theirs):
        return f"reads only the first {len(theirs)} of {len(ours)} characters"
    return "reads another value"


def _remedy(one: EnvValue, theirs: str | None) -> str:
    if "$" in one.value:
        return "write ${NAME} where another variable is meant; for a plain $ no spelling suits both readers"
    if theirs is None:
        return f"write {one.name}=… at the start of a line of its own"
    return f"quote the value, {one.name}='…', which every reader understands alike"


def _names(several: list[EnvValue]) -> str:
    return ", ".join(one.name for one in several)
