"""Finds the project: the nearest folder upwards that holds something of devstack's."""

from __future__ import annotations

import os
from collections.abc import Iterator

from devstack.errors import ConfigError, UsageError

LOOKED_FOR = "a Procfile, a Procfile.<mode>, a devstack.toml or a .devstack folder"


def find_project(start: str, *, home: str, user_id: int | None) -> str | None:
    """Return the project's folder for somebody who stands in `start`, or None.

    The search goes up and ends with the first folder that holds `.git`, or with `home`. A folder that
    another user owns is passed over (`user_id` None: the system knows no owners): what it holds would run
    as this user.
    """
    for folder in _upwards(start, home):
        if _holds_project(folder) and _owner(folder, user_id) is None:
            return folder
    return None


def project_folder(explicit: str | None, start: str, *, home: str, user_id: int | None) -> str:
    """Return the project's folder, searched from `explicit` (-C) where given, else from `start`.

    UsageError where `explicit` is no folder; ConfigError, with what was looked for, where nothing is found.
    """
    origin = starting_folder(explicit, start)
    found = find_project(origin, home=home, user_id=user_id)
    if found is None:
        raise _nothing_found(origin, home, user_id)
    return found


def procfile_project(start: str, *, home: str, user_id: int | None) -> str:
    """Return the project's folder for a Procfile that was named: without a project round it `start` itself.

    ConfigError where `start` is another user's: its `.env` and devstack.toml would run as this user.
    """
    found = find_project(start, home=home, user_id=user_id)
    owner = _owner(start, user_id) if found is None else None
    if owner is not None:
        raise _strangers("folder", start, owner)
    return found or start


def recorded_project(start: str, *, home: str, user_id: int | None) -> str:
    """Return the project's folder for who only asks what runs: without a project `start`, where nothing does.

    ConfigError where the project is another user's: what his record says would be believed.
    """
    found = find_project(start, home=home, user_id=user_id)
    strangers = _strangers_project(start, home, user_id) if found is None else None
    if strangers is not None:
        raise strangers
    return found or start


def starting_folder(explicit: str | None, start: str) -> str:
    """Return the folder where the search begins; UsageError where `explicit` (-C) is no folder."""
    if explicit is None:
        return start
    folder = os.path.join(start, explicit)
    if not os.path.isdir(folder):
        missing = "that is no folder" if os.path.lexists(folder) else "there is no such folder"
        raise UsageError(f"-C {explicit}: {missing}", hint="give -C a folder of the project")
    return os.path.realpath(folder)


def _upwards(start: str, home: str) -> Iterator[str]:
    # By their true names: a link must not lead the search round the home folder.
    folder, last = os.path.realpath(start), os.path.realpath(home)
    while True:
        yield folder
        parent = os.path.dirname(folder)
        if folder in (last, parent) or os.path.lexists(os.path.join(folder, ".git")):
            return
        folder = parent


def _holds_project(folder: str) -> bool:
    if os.path.isdir(os.path.join(folder, ".devstack")) or os.path.isfile(
        os.path.join(folder, "devstack.toml")
    ):
        return True
    return bool(procfile_names(folder))


def procfile_names(folder: str) -> tuple[str, ...]:
    """Return the names of the files `Procfile` and `Procfile.*` in `folder`, sorted."""
    try:
        names = os.listdir(folder)
    except OSError:  # a folder on the way up that may be passed through and not read holds nothing for us
        return ()
    found = (name for name in names if name == "Procfile" or name.startswith("Procfile."))
    return tuple(sorted(name for name in found if os.path.isfile(os.path.join(folder, name))))


def _owner(folder: str, user_id: int | None) -> int | None:
    """Return the id of the other user who owns `folder`; None where it is this user's own."""
    if user_id is None:
        return None
    owner = os.stat(folder).st_uid
    return owner if owner != user_id else None


def _strangers_project(origin: str, home: str, user_id: int | None) -> ConfigError | None:
    """Return the error for a project that only another user may run, None where there is none."""
    for folder in _upwards(origin, home):
        owner = _owner(folder, user_id)
        if owner is not None and _holds_project(folder):
            return _strangers("project in", folder, owner)
    return None


def _strangers(what: str, folder: str, owner: int) -> ConfigError:
    return ConfigError(
        f"the {what} {folder} belongs to another user (id {owner})",
        hint="run devstack as that user, or make the folder yours (chown)",
    )


def _nothing_found(origin: str, home: str, user_id: int | None) -> ConfigError:
    strangers = _strangers_project(origin, home, user_id)
    if strangers is not None:
        return strangers
    folders = tuple(_upwards(origin, home))
    above = f" or above it, up to {folders[-1]}" if len(folders) > 1 else ""
    return ConfigError(
        f"no project in {folders[0]}{above}: looked for {LOOKED_FOR}",
        hint="write a Procfile with a line such as `web: npm run dev`, or let `devstack init` propose one\n"
        "or name the project's folder with -C DIR",
    )
