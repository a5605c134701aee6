"""Reads a file of the project; what cannot be read or decoded is an error that names file and line."""

from __future__ import annotations

import os

from devstack.errors import ConfigError

UTF8_BOM = b"\xef\xbb\xbf"


def shown_path(path: str, project: str) -> str:
    """Return `path` as a person in the project's folder would write it: relative where it lies inside."""
    inside = os.path.join(project, "")
    return path[len(inside) :] if path.startswith(inside) else path


def shown_text(text: str) -> str:
    """Return a file's `text` for a message: what a terminal would obey is written out."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text.strip())


def read_bytes(path: str, name: str) -> bytes | None:
    """Return the bytes of the file `path` without a UTF-8 BOM, or None where there is no such file.

    A folder is no file: a virtual environment may be called `.env`. ConfigError where it is there and
    cannot be read; `name` is what the message calls it.
    """
    try:
        with open(path, "rb") as stream:
            return stream.read().removeprefix(UTF8_BOM)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        if os.path.isdir(path):  # Windows says PermissionError
            return None
        raise ConfigError(f"cannot be read: {error.strerror}", source=name) from None


def read_text(path: str, name: str) -> str | None:
    r"""Return the UTF-8 text of the file `path` with every line ending as `\n`, or None without one.

    ConfigError with the line of the first byte that is not UTF-8.
    """
    data = read_bytes(path, name)
    if data is None:
        return None
    try:
        return whole_lines(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = whole_lines(data[: error.start].decode("utf-8")).count("\n") + 1
        bad = data[error.start]
        raise ConfigError(
            f"is not UTF-8: byte 0x{bad:02x}", source=name, line=line, hint="save the file as UTF-8"
        ) from None


def whole_lines(text: str) -> str:
    r"""Return `text` with `\r\n` and lone `\r` as `\n`, as Python's text mode reads it."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def names_in(folder: str) -> list[str]:
    """Return what a folder holds, sorted. ConfigError where it cannot be read."""
    try:
        return sorted(os.listdir(folder))
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", source=folder) from None
