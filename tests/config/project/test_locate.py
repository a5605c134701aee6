"""Which folder is the project: the nearest one upwards that is ours to take."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from devstack.config.project.locate import find_project, procfile_project, project_folder, recorded_project
from devstack.errors import ConfigError, UsageError

ME = os.geteuid() if hasattr(os, "geteuid") else None


def find(start: Path, home: Path | str = "/no/such/home", user_id: int | None = ME) -> str | None:
    return find_project(str(start), home=str(home), user_id=user_id)


def make(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("web: run\n")
    return root


@pytest.mark.parametrize(
    "mark", ["Procfile", "Procfile.dev", "Procfile.anything", "devstack.toml", ".devstack/"]
)
def test_each_of_devstacks_own_files_marks_a_project(tmp_path: Path, mark: str) -> None:
    make(tmp_path, mark, "a/b/c/")
    assert find(tmp_path / "a/b/c") == str(tmp_path)


@pytest.mark.parametrize(
    "mark", ["procfile", "Procfiles", "Procfile/", "Procfile.d/", "devstack.toml/", ".env"]
)
def test_what_only_looks_like_one_marks_none(tmp_path: Path, mark: str) -> None:
    make(tmp_path, mark, ".git/")
    assert find(tmp_path) is None


def test_the_nearest_project_wins(tmp_path: Path) -> None:
    make(tmp_path, "Procfile", "inner/Procfile.dev", "inner/deep/")
    assert find(tmp_path / "inner/deep") == str(tmp_path / "inner")


def test_the_search_looks_into_the_folder_with_git_and_ends_there(tmp_path: Path) -> None:
    make(tmp_path, "Procfile", "repo/.git/", "repo/src/")
    assert find(tmp_path / "repo/src") is None
    make(tmp_path, "repo/Procfile")
    assert find(tmp_path / "repo/src") == str(tmp_path / "repo")


def test_a_work_trees_git_file_ends_the_search_too(tmp_path: Path) -> None:
    make(tmp_path, "Procfile", "tree/.git", "tree/src/")
    assert find(tmp_path / "tree/src") is None


def test_the_search_looks_into_the_home_folder_and_ends_there(tmp_path: Path) -> None:
    make(tmp_path, "Procfile", "home/me/shop/")
    assert find(tmp_path / "home/me/shop", home=tmp_path / "home/me") is None
    make(tmp_path, "home/me/Procfile")
    assert find(tmp_path / "home/me/shop", home=tmp_path / "home/me") == str(tmp_path / "home/me")


def test_a_link_to_the_home_folder_ends_the_search_as_well(tmp_path: Path) -> None:
    make(tmp_path, "Procfile", "real/shop/")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert find(tmp_path / "real/shop", home=tmp_path / "link") is None


@pytest.mark.skipif(ME is None, reason="this system knows no owners")
def test_a_folder_of_another_user_is_never_taken(tmp_path: Path) -> None:
    make(tmp_path, "Procfile", ".git/", "src/")
    assert ME is not None
    assert find(tmp_path / "src", user_id=ME + 1) is None


@pytest.mark.skipif(ME != 0, reason="only root can give a folder away")
def test_a_strangers_folder_is_passed_over_and_ones_own_above_it_is_found(tmp_path: Path) -> None:
    make(tmp_path, "Procfile", "stranger/Procfile", "stranger/mine/")
    os.chown(tmp_path / "stranger", 12345, -1)
    assert find(tmp_path / "stranger/mine") == str(tmp_path)


@pytest.mark.skipif(ME is None, reason="this system knows no owners")
def test_the_message_says_that_the_project_is_another_users(tmp_path: Path) -> None:
    make(tmp_path, "Procfile", ".git/")
    assert ME is not None
    with pytest.raises(ConfigError, match="belongs to another user"):
        project_folder(None, str(tmp_path), home="/no", user_id=ME + 1)


@pytest.mark.skipif(ME is None, reason="this system knows no owners")
def test_a_named_procfile_makes_no_project_of_another_users_folder(tmp_path: Path) -> None:
    make(tmp_path, ".git/")
    assert ME is not None
    assert procfile_project(str(tmp_path), home="/no", user_id=ME) == str(tmp_path)
    with pytest.raises(ConfigError, match="belongs to another user"):
        procfile_project(str(tmp_path), home="/no", user_id=ME + 1)


@pytest.mark.skipif(ME is None, reason="this system knows no owners")
def test_what_runs_is_not_read_from_another_users_record(tmp_path: Path) -> None:
    make(tmp_path, ".git/", "src/")
    assert ME is not None
    assert recorded_project(str(tmp_path / "src"), home="/no", user_id=ME + 1) == str(tmp_path / "src")
    make(tmp_path, ".devstack/")
    assert recorded_project(str(tmp_path / "src"), home="/no", user_id=ME) == str(tmp_path)
    with pytest.raises(ConfigError, match="belongs to another user"):
        recorded_project(str(tmp_path / "src"), home="/no", user_id=ME + 1)


def test_nothing_found_names_what_was_looked_for_and_what_to_do(tmp_path: Path) -> None:
    make(tmp_path, ".git/", "src/")
    with pytest.raises(ConfigError) as caught:
        project_folder(None, str(tmp_path / "src"), home="/no", user_id=ME)
    assert str(tmp_path / "src") in caught.value.message
    assert f"up to {tmp_path}" in caught.value.message
    assert "Procfile" in caught.value.message
    assert "devstack.toml" in caught.value.message
    assert "web: npm run dev" in caught.value.hint
    assert "devstack init" in caught.value.hint


def test_the_explicit_folder_is_where_the_search_begins(tmp_path: Path) -> None:
    make(tmp_path, "a/Procfile", "a/src/", "b/")
    assert project_folder(str(tmp_path / "a/src"), str(tmp_path / "b"), home="/no", user_id=ME) == str(
        tmp_path / "a"
    )
    assert project_folder("../a", str(tmp_path / "b"), home="/no", user_id=ME) == str(tmp_path / "a")


@pytest.mark.parametrize(("name", "words"), [("missing", "no such folder"), ("file", "that is no folder")])
def test_an_explicit_folder_that_is_none_is_a_usage_error(tmp_path: Path, name: str, words: str) -> None:
    make(tmp_path, "file", "Procfile")
    with pytest.raises(UsageError, match=words):
        project_folder(name, str(tmp_path), home="/no", user_id=ME)
