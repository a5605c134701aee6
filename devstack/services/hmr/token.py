"""The token that a page carries and the HMR socket asks for: nobody else's page can know it.

`frontend` and `hmr` are two processes. Both derive it from a secret file of this user and the root they
serve, so another checkout's page has another token, and a restart of either changes nothing.
"""

from __future__ import annotations

import base64
import hmac
import os
import secrets
from collections.abc import Sequence

from devstack.errors import RunDirectoryError
from devstack.services.settings import Settings

SECRET_FILE = "hmr-secret"  # noqa: S105 - a file's name
SECRET_BYTES = 32
TOKEN_BYTES = 15


def hmr_token(settings: Settings, root: str) -> str:
    """Return the token for `root`: the one that was set, or the one that this user's secret gives.

    RunDirectoryError if no folder for the secret can be written.
    """
    if settings.hmr_token is not None:
        return settings.hmr_token
    digest = hmac.digest(_secret(settings.state_folders), os.fsencode(root), "sha256")
    return base64.urlsafe_b64encode(digest[:TOKEN_BYTES]).decode("ascii")


def _secret(folders: Sequence[str]) -> bytes:
    failures = []
    for place, folder in enumerate(folders):
        path = os.path.join(folder, SECRET_FILE)
        try:
            if place == len(folders) - 1:
                os.makedirs(folder, mode=0o700, exist_ok=True)
            return _read(path) or _create(path)
        except OSError as error:
            failures.append(f"{path}: {error.strerror}")
    raise RunDirectoryError(
        f"no place for the secret of page and HMR socket ({'; '.join(failures) or 'HOME is not set'})",
        hint="set DEVSTACK_HMR_TOKEN to a random word for frontend and hmr alike",
    )


def _read(path: str) -> bytes | None:
    """Return the secret, or None where there is none yet or only a part of one."""
    try:
        with open(path, "rb") as file:
            secret = file.read(SECRET_BYTES)
    except FileNotFoundError:
        return None
    return secret if len(secret) == SECRET_BYTES else None


def _create(path: str) -> bytes:
    """Write a new secret, whole from the first moment; of two processes that do so at once, one wins."""
    draft = f"{path}.{os.getpid()}.{secrets.token_hex(4)}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(SECRET_BYTES))
        _publish(draft, path)
    finally:
        if os.path.exists(draft):
            os.unlink(draft)
    return _read(path) or b""


def _publish(draft: str, path: str) -> None:
    """Give `draft` its name unless another process was first; a torn file is replaced."""
    try:
        os.link(draft, path)
    except FileExistsError:
        if _read(path) is None:
            os.replace(draft, path)
    except OSError:  # a file system without links
        if _read(path) is None:
            os.replace(draft, path)
