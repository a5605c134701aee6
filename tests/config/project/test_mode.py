"""Which mode and which Procfile, and why."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from devstack.errors import ConfigError, UsageError
from tests.config.projects import SEED_DEV, SEED_PROD, load, seen_by, write

BOTH = {"Procfile.dev": SEED_DEV, "Procfile.prod": SEED_PROD}


@pytest.mark.parametrize(
    ("option", "environ", "env_file", "mode", "reason"),
    [
        (None, {}, "", "dev", "the default"),
        ("prod", {"DEVSTACK_MODE": "dev"}, "", "prod", "--mode"),
        (None, {"DEVSTACK_MODE": "prod", "NODE_ENV": "development"}, "", "prod", "DEVSTACK_MODE from shell"),
        (None, {}, "\nDEVSTACK_MODE=prod\n", "prod", "DEVSTACK_MODE from .env:2"),
        (None, {"DEVSTACK_MODE": "dev"}, "DEVSTACK_MODE=prod\n", "dev", "DEVSTACK_MODE from shell"),
        (None, {"NODE_ENV": "production"}, "", "prod", "NODE_ENV=production from shell"),
        (None, {"NODE_ENV": "production"}, "DEVSTACK_MODE=dev\n", "dev", "DEVSTACK_MODE from .env:1"),
        (None, {}, "NODE_ENV=production\n", "prod", "NODE_ENV=production from .env:1"),
        (
            None,
            {"NODE_ENV": "development"},
            "NODE_ENV=production\n",
            "dev",
            "NODE_ENV=development from shell",
        ),
        (None, {"NODE_ENV": "test"}, "", "dev", "the default"),
        (None, {"NODE_ENV": "prod"}, "", "dev", "the default"),
        (None, {"DEVSTACK_MODE": ""}, "", "dev", "the default"),
    ],
)
def test_the_mode_and_its_reason(
    tmp_path: Path, option: str | None, environ: dict[str, str], env_file: str, mode: str, reason: str
) -> None:
    loaded = load(write(tmp_path, {**BOTH, ".env": env_file}), environ, mode=option)
    assert (loaded.stack.mode, loaded.mode_reason) == (mode, reason)
    assert loaded.stack.procfile == f"Procfile.{mode}"


@pytest.mark.parametrize("layer", [".env.local", ".env.dev", ".env.dev.local", ".env.prod"])
def test_no_other_layer_decides_the_mode(tmp_path: Path, layer: str) -> None:
    assert (
        load(write(tmp_path, {**BOTH, layer: "DEVSTACK_MODE=prod\nNODE_ENV=production\n"})).stack.mode
        == "dev"
    )


def test_the_file_that_replaces_all_layers_decides_the_mode_too(tmp_path: Path) -> None:
    write(tmp_path, {**BOTH, ".env": "DEVSTACK_MODE=dev\n", "ci.env": "DEVSTACK_MODE=prod\n"})
    loaded = load(tmp_path, env_file="ci.env")
    assert (loaded.stack.mode, loaded.mode_reason) == ("prod", "DEVSTACK_MODE from ci.env:1")


@pytest.mark.parametrize("mode", ["", "../x", ".hidden", "a b", "dév"])
def test_what_is_no_name_for_a_mode_is_refused(tmp_path: Path, mode: str) -> None:
    write(tmp_path, {"Procfile": "web: run\n"})
    with pytest.raises(UsageError, match="--mode"):
        load(tmp_path, mode=mode)
    if mode:
        with pytest.raises(ConfigError, match="no name for a mode") as caught:
            load(tmp_path, {"DEVSTACK_MODE": mode})
        assert caught.value.location == "shell"


def test_any_other_name_reads_its_own_procfile(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, {"Procfile.load-test.2": "web: run\n"}), mode="load-test.2")
    assert (loaded.stack.procfile, loaded.procfile_reason) == ("Procfile.load-test.2", "for mode load-test.2")


def test_the_plain_procfile_serves_where_the_modes_own_is_missing_and_that_is_said(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, {"Procfile": "web: run\n"}))
    assert (loaded.stack.procfile, loaded.procfile_reason) == (
        "Procfile",
        "no Procfile.dev here, so Procfile",
    )


def test_no_procfile_names_both_and_every_other_with_its_mode(tmp_path: Path) -> None:
    write(tmp_path, {"Procfile.prod": SEED_PROD, "Procfile.test": "web: run\n"})
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    assert "Procfile.dev" in caught.value.message
    assert "no Procfile in" in caught.value.message
    assert "Procfile.prod is here: --mode prod" in caught.value.hint
    assert "Procfile.test is here: --mode test" in caught.value.hint
    assert "web: npm run dev" in caught.value.hint


@pytest.mark.parametrize("name", ["Procfile.prod~", "Procfile.", "Procfile.my mode", "Procfile.d/web"])
def test_what_no_mode_can_read_is_not_offered(tmp_path: Path, name: str) -> None:
    write(tmp_path, {"Procfile.prod": SEED_PROD, name: "web: run\n"})
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    assert caught.value.hint.count("--mode") == 1
    with pytest.raises(UsageError) as refused:
        load(tmp_path, mode="prod", services=("web",))
    assert "--mode" not in refused.value.hint


def test_an_explicit_procfile_replaces_the_search(tmp_path: Path) -> None:
    write(tmp_path, {**BOTH, "other/My.procfile": "web: run\n"})
    loaded = load(tmp_path, procfile="other/My.procfile")
    assert (loaded.stack.procfile, loaded.procfile_reason) == ("other/My.procfile", "-f")
    assert str(tmp_path / "other/My.procfile") in loaded.stack.files


def test_an_explicit_procfile_that_is_not_there_is_named(tmp_path: Path) -> None:
    for name, words in (("Procfile.oops", "no such file"), (".", "is a folder")):
        with pytest.raises(ConfigError, match=words) as caught:
            load(write(tmp_path, BOTH), procfile=name)
        assert caught.value.source in {"Procfile.oops", str(tmp_path)}
        assert "-f" in caught.value.hint


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_an_explicit_procfile_may_be_what_a_shell_hands_over_as_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=("web: run\n",))
    writer.start()
    loaded = load(write(tmp_path, BOTH), procfile="pipe")
    writer.join()
    assert [service.name for service in loaded.stack.services] == ["web"]


@pytest.mark.parametrize(
    ("mode", "word"), [("dev", "development"), ("prod", "production"), ("staging", None)]
)
def test_services_get_the_mode_in_nodes_words_where_it_is_unset(
    tmp_path: Path, mode: str, word: str | None
) -> None:
    write(tmp_path, {"Procfile": "web: run\n"})
    assert seen_by(load(tmp_path, mode=mode), "web").get("NODE_ENV") == word
    assert seen_by(load(tmp_path, {"NODE_ENV": "test"}, mode=mode), "web")["NODE_ENV"] == "test"


def test_a_node_env_that_says_the_other_mode_is_left_alone_and_said(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, {**BOTH, ".env": "NODE_ENV=development\n"}), mode="prod")
    assert seen_by(loaded, "server")["NODE_ENV"] == "development"
    assert any("NODE_ENV=development from .env:1" in note for note in loaded.notes)
