from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from devstack.errors import RunDirectoryError
from devstack.services.hmr.token import hmr_token
from devstack.services.settings import Settings, read_settings


def test_processes_that_start_at_once_agree_on_one_token(tmp_path: Path) -> None:
    settings = Settings(state_folders=(str(tmp_path / "state"),))
    with ThreadPoolExecutor(16) as pool:
        tokens = set(pool.map(lambda _: hmr_token(settings, "/root"), range(64)))
    assert len(tokens) == 1
    assert [file.name for file in (tmp_path / "state").iterdir()] == ["hmr-secret"]


def test_another_root_and_another_user_have_other_tokens(tmp_path: Path) -> None:
    mine, theirs = (Settings(state_folders=(str(tmp_path / name),)) for name in ("mine", "theirs"))
    assert len({hmr_token(mine, "/a"), hmr_token(mine, "/b"), hmr_token(theirs, "/a")}) == 3


def test_the_secret_is_readable_by_its_user_alone(tmp_path: Path) -> None:
    hmr_token(Settings(state_folders=(str(tmp_path),)), "/root")
    assert stat.S_IMODE((tmp_path / "hmr-secret").stat().st_mode) == 0o600


def test_a_torn_secret_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "hmr-secret").write_bytes(b"half")
    settings = Settings(state_folders=(str(tmp_path),))
    assert hmr_token(settings, "/root") == hmr_token(settings, "/root")
    assert len((tmp_path / "hmr-secret").read_bytes()) == 32


def test_the_stacks_own_folder_comes_first_where_it_is_there(tmp_path: Path) -> None:
    (tmp_path / ".devstack").mkdir()
    settings = read_settings({"DEVSTACK_PROJECT": str(tmp_path), "HOME": str(tmp_path / "home")})
    hmr_token(settings, "/root")
    assert (tmp_path / ".devstack" / "hmr-secret").exists()
    assert not (tmp_path / "home").exists()


def test_without_the_stacks_folder_it_is_the_users(tmp_path: Path) -> None:
    settings = read_settings({"DEVSTACK_PROJECT": str(tmp_path / "gone"), "HOME": str(tmp_path / "home")})
    hmr_token(settings, "/root")
    assert (tmp_path / "home" / ".local" / "state" / "devstack" / "hmr-secret").exists()


def test_a_token_that_was_set_needs_no_folder() -> None:
    assert hmr_token(Settings(hmr_token="word"), "/root") == "word"


def test_no_place_for_the_secret_is_an_error_that_says_what_to_set() -> None:
    with pytest.raises(RunDirectoryError) as caught:
        hmr_token(Settings(state_folders=(os.devnull,)), "/root")
    assert "DEVSTACK_HMR_TOKEN" in caught.value.hint
