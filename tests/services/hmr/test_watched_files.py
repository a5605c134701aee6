from __future__ import annotations

import os
from pathlib import Path

import pytest

from devstack.services.hmr.watched_files import WatchedFiles
from devstack.services.modules.graph import ModuleGraph


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "lib").mkdir()
    (tmp_path / "a.js").write_text("1")
    (tmp_path / "lib" / "b.js").write_text("2")
    return Path(os.path.realpath(tmp_path))


@pytest.fixture
def files(root: Path) -> WatchedFiles:
    return WatchedFiles(ModuleGraph(str(root)))


def test_a_file_is_told_once_for_each_of_its_contents(root: Path, files: WatchedFiles) -> None:
    path = str(root / "a.js")
    assert files.compare([path]).all == set()
    (root / "a.js").write_text("2")
    assert files.compare([path]).modified == {"/a.js"}
    assert files.compare([path]).all == set()


def test_created_and_deleted_files_are_told_apart(root: Path, files: WatchedFiles) -> None:
    (root / "c.js").write_text("3")
    (root / "a.js").unlink()
    changes = files.compare([str(root / "a.js"), str(root / "c.js")])
    assert (*changes.created, *changes.deleted) == ("/c.js", "/a.js")


def test_a_file_that_is_gone_or_empty_for_a_moment_looks_unfinished(root: Path, files: WatchedFiles) -> None:
    path = root / "a.js"
    assert not files.looks_unfinished([str(path)])
    path.write_text("")
    assert files.looks_unfinished([str(path)])
    path.unlink()
    assert files.looks_unfinished([str(path)])
    assert not files.looks_unfinished([str(root / "never.js"), str(root / ".env")])


def test_a_folder_that_moves_takes_its_files_along(root: Path, files: WatchedFiles) -> None:
    (root / "lib").rename(root / "moved")
    gone = files.compare([str(root / "lib")])
    came = files.compare([str(root / "moved")])
    assert (*gone.deleted, *came.created) == ("/lib/b.js", "/moved/b.js")


def test_what_was_missed_is_found_by_looking_everywhere(root: Path, files: WatchedFiles) -> None:
    (root / "lib" / "b.js").write_text("3")
    assert files.compare().modified == {"/lib/b.js"}


def test_the_fingerprint_is_that_of_the_files_whoever_takes_it(root: Path, files: WatchedFiles) -> None:
    assert WatchedFiles(ModuleGraph(str(root))).fingerprint() == files.fingerprint()
    before = files.fingerprint()
    (root / "a.js").write_text("2")
    files.compare()
    assert files.fingerprint() != before


@pytest.mark.parametrize(
    "name", [".env", "a.js~", "a.js.swp", "4913", "#a.js#", "x.tmp", "node_modules/p/i.js"]
)
def test_passing_and_hidden_files_have_no_id(root: Path, files: WatchedFiles, name: str) -> None:
    assert files.id_of(str(root / name)) is None
