"""load_stack: files and options in, a complete and resolved stack out."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from devstack.config.options import StackOptions
from devstack.config.stack import load_stack
from devstack.core.service import ProbeKind, ReadinessProbe, RestartMode
from devstack.errors import ConfigError, UsageError
from tests.config.projects import SEED_DEV, SEED_PROD, load, seen_by, service, write


def refusal(folder: Path, **options: object) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(folder, **options)
    return caught.value


def kinds(folder: Path, name: str, mode: str = "dev") -> list[tuple[str, int | None, str]]:
    return [(p.kind.value, p.port, p.target) for p in service(load(folder, mode=mode), name).probes]


# Layers.


def test_the_layers_win_in_the_order_of_the_contract(tmp_path: Path) -> None:
    names = [".env", ".env.dev", ".env.local", ".env.dev.local"]
    files = {
        name: "".join(f"V{i}={name}\n" for i in range(at + 1)) for at, name in enumerate(reversed(names))
    }
    folder = write(tmp_path, {"Procfile": "web: run\n", ".env.prod": "V0=no\n", **files})
    loaded = load(folder, {"V0": "shell"})
    assert [loaded.stack.environment[f"V{i}"] for i in range(4)] == ["shell", *reversed(names[:3])]
    first = loaded.environment.get("V0")
    assert first is not None
    assert first.hides == tuple(f"{name}:1" for name in reversed(names))


def test_an_explicit_file_replaces_all_layers(tmp_path: Path) -> None:
    write(
        tmp_path, {"Procfile": "web: run\n", ".env": "A=1\nB=1\n", ".env.local": "B=2\n", "x/ci.env": "A=3\n"}
    )
    loaded = load(tmp_path, {}, env_file="x/ci.env")
    assert loaded.stack.environment == {"A": "3"}
    found = loaded.environment.get("A")
    assert found is not None
    assert found.location == "x/ci.env:1"


def test_an_explicit_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    error = refusal(write(tmp_path, {"Procfile": "web: run\n"}), env_file="ci.env")
    assert (error.source, error.exit_code) == ("ci.env", 4)


def test_every_file_that_was_read_is_listed(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"Procfile.dev": SEED_DEV, ".env": "", ".env.local": "", ".env.prod": "", "devstack.toml": ""},
    )
    names = {os.path.relpath(path, tmp_path) for path in load(tmp_path).stack.files}
    assert names == {"Procfile.dev", ".env", ".env.local", "devstack.toml"}


def test_files_that_were_read_are_not_read_again_for_moved_ports(tmp_path: Path) -> None:
    write(tmp_path, {"Procfile": "web: s $PORT\n", ".env": "PORT=5000\nURL=:${PORT}\n", "devstack.toml": ""})
    first = load(tmp_path)
    for name in ("Procfile", ".env", "devstack.toml"):
        (tmp_path / name).unlink()  # as a pipe is: `--env-file <(…)`
    options = StackOptions(str(tmp_path), {}, port_overrides={("web", "PORT"): 6000})
    moved = load_stack(options, first.files)
    assert (seen_by(moved, "web")["URL"], moved.stack.claims[0].port) == (":6000", 6000)


# What devstack adds.


def test_a_service_knows_its_name_its_mode_its_project_and_every_claims_variable(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, {"Procfile.dev": SEED_DEV}))
    assert service(loaded, "trading").env == {
        "DEVSTACK": "1",
        "DEVSTACK_MODE": "dev",
        "DEVSTACK_PROJECT": str(tmp_path),
        "DEVSTACK_SERVICE": "trading",
        "NODE_ENV": "development",
        "PYTHONUNBUFFERED": "1",
        "FRONTEND_PORT": "3000",
        "HMR_PORT": "3002",
        "PORT": "5000",
        "WS_PORT": "3001",
    }


def test_a_service_with_several_claims_is_told_which_variables_are_its_own(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, {"Procfile.dev": "frontend: run\napi: run\ntrading: run\n"}))
    assert seen_by(loaded, "frontend")["DEVSTACK_CLAIMS"] == "FRONTEND_PORT,HMR_PORT"
    assert "DEVSTACK_CLAIMS" not in seen_by(loaded, "api")


def test_the_claims_of_a_service_that_started_devstack_are_not_passed_on(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, {"Procfile.dev": SEED_DEV}), {"DEVSTACK_CLAIMS": "FRONTEND_PORT,HMR_PORT"})
    assert seen_by(loaded, "frontend")["DEVSTACK_CLAIMS"] == "FRONTEND_PORT"


def test_the_claims_of_services_that_are_not_chosen_are_known_too(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, {"Procfile.dev": SEED_DEV}), services=("frontend",))
    assert [s.name for s in loaded.stack.services] == ["frontend"]
    assert seen_by(loaded, "frontend")["WS_PORT"] == "3001"


def test_a_services_own_claim_wins_for_its_own_variable(tmp_path: Path) -> None:
    toml = '[services.web]\nports = [{ env = "PORT", default = 8000 }]\n'
    loaded = load(write(tmp_path, {"Procfile.dev": "api: run\nweb: run\nhmr: run\n", "devstack.toml": toml}))
    assert [seen_by(loaded, name)["PORT"] for name in ("api", "web", "hmr")] == ["5000", "8000", "5000"]


def test_what_the_files_say_reaches_every_service_untouched(tmp_path: Path) -> None:
    env_file = "PORT='05000'\nNODE_ENV=test\nPYTHONUNBUFFERED=\nX=${PORT}\n"
    loaded = load(write(tmp_path, {"Procfile.dev": SEED_DEV, ".env": env_file}))
    for name in ("api", "frontend"):
        seen = seen_by(loaded, name)
        assert (seen["PORT"], seen["NODE_ENV"], seen["PYTHONUNBUFFERED"], seen["X"]) == (
            "05000",
            "test",
            "",
            "05000",
        )


def test_devstacks_own_names_are_always_true(tmp_path: Path) -> None:
    toml = '[services.web]\nenv = { DEVSTACK_SERVICE = "no", DEVSTACK_MODE = "no", A = "own", B = "" }\n'
    write(
        tmp_path, {"Procfile": "web: run\n", "devstack.toml": toml, ".env": "DEVSTACK_PROJECT=no\nA=file\n"}
    )
    seen = seen_by(load(tmp_path, {"DEVSTACK_SERVICE": "outer", "DEVSTACK": "0"}), "web")
    assert (seen["DEVSTACK"], seen["DEVSTACK_SERVICE"], seen["DEVSTACK_MODE"]) == ("1", "web", "dev")
    assert (seen["DEVSTACK_PROJECT"], seen["A"], seen["B"]) == (str(tmp_path), "own", "")


def test_the_tools_folder_is_appended_to_the_search_path_once(tmp_path: Path) -> None:
    write(tmp_path, {"Procfile": "web: run\n"})
    shell = {"PATH": os.pathsep.join(("/a", "/b"))}
    assert seen_by(load(tmp_path, shell, tool_folder="/t"), "web")["PATH"] == os.pathsep.join(
        ("/a", "/b", "/t")
    )
    assert seen_by(load(tmp_path, shell, tool_folder="/b"), "web")["PATH"] == shell["PATH"]
    assert seen_by(load(tmp_path, {}, tool_folder="/t"), "web")["PATH"].endswith(os.pathsep + "/t")
    assert load(tmp_path, shell).stack.environment["PATH"] == shell["PATH"]


# Probes.


def test_each_claim_is_probed_by_its_protocol(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "Procfile.dev": "frontend: vite\ntrading: run\nworker: w\nweb: s $PORT\n",
            "Procfile.prod": SEED_PROD,
        },
    )
    assert kinds(tmp_path, "frontend") == [("http", 3000, "/"), ("ws", 3002, "/")]
    assert kinds(tmp_path, "trading") == [("ws", 3001, "/api/ws")]
    assert kinds(tmp_path, "worker") == [("alive", None, "")]
    assert kinds(tmp_path, "web") == [("tcp", 5300, "")]
    assert kinds(tmp_path, "server", "prod") == [("http", 5000, "/"), ("ws", 5000, "/api/ws")]
    assert service(load(tmp_path), "frontend").probes[1].subprotocol == "vite-hmr"


@pytest.mark.parametrize(
    ("ready", "probe"),
    [
        ('{ http = "/health" }', ReadinessProbe(ProbeKind.HTTP, 3000, "/health")),
        (
            '{ http = "/h", status = [200, 204], body = "ok", every = 5 }',
            ReadinessProbe(ProbeKind.HTTP, 3000, "/h", 5, status=(200, 204), body="ok"),
        ),
        ("{ tcp = true }", ReadinessProbe(ProbeKind.TCP, 3000)),
        ("{ tcp = 4000 }", ReadinessProbe(ProbeKind.TCP, 4000)),
        ('{ tcp = "HMR_PORT" }', ReadinessProbe(ProbeKind.TCP, 3002)),
        (
            '{ ws = "/x", port = "HMR_PORT", first_message = "hi" }',
            ReadinessProbe(ProbeKind.WS, 3002, "/x", subprotocol="vite-hmr", first_message="hi"),
        ),
        ('{ ws = "/x", subprotocol = "chat" }', ReadinessProbe(ProbeKind.WS, 3000, "/x", subprotocol="chat")),
        ('{ log = "ready in .* ms" }', ReadinessProbe(ProbeKind.LOG, None, "ready in .* ms")),
        ('{ command = "true", every = 1 }', ReadinessProbe(ProbeKind.COMMAND, None, "true", 1)),
    ],
)
def test_a_given_probe_replaces_what_the_claims_would_ask(
    tmp_path: Path, ready: str, probe: ReadinessProbe
) -> None:
    write(
        tmp_path,
        {"Procfile.dev": "frontend: vite\n", "devstack.toml": f"[services.frontend]\nready = {ready}\n"},
    )
    assert service(load(tmp_path), "frontend").probes == (probe,)


def test_a_one_shot_is_ready_when_it_has_ended(tmp_path: Path) -> None:
    write(tmp_path, {"Procfile.dev": "api: run\n", "devstack.toml": "[services.api]\noneshot = true\n"})
    assert service(load(tmp_path), "api").probes == (ReadinessProbe(ProbeKind.EXIT),)


@pytest.mark.parametrize(
    ("ready", "words"),
    [('{ http = "/" }', "the service claims none"), ('{ tcp = "DB_PORT" }', "no claim that DB_PORT sets")],
)
def test_a_probe_without_a_port_is_refused(tmp_path: Path, ready: str, words: str) -> None:
    write(tmp_path, {"Procfile": "web: run\n", "devstack.toml": f"[services.web]\nready = {ready}\n"})
    error = refusal(tmp_path)
    assert (error.location, words in error.message) == ("devstack.toml:2", True)


def test_a_probe_may_ask_on_a_port_that_nobody_claims(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"Procfile": "web: run\n", "devstack.toml": '[services.web]\nready = { http = "/", port = 99 }\n'},
    )
    assert kinds(tmp_path, "web") == [("http", 99, "/")]


def test_an_instance_is_probed_on_its_own_port(tmp_path: Path) -> None:
    toml = '[services.api]\nready = { http = "/h", port = "PORT" }\n'
    loaded = load(write(tmp_path, {"Procfile.dev": "api: run\n", "devstack.toml": toml}), scale={"api": 2})
    assert [s.probes[0].port for s in loaded.stack.services] == [5000, 5001]


# Settings of a service.


def test_settings_reach_the_service(tmp_path: Path) -> None:
    toml = """[services.web]
cwd = "app"
tty = true
socket = true
ports = [{ default = 8000 }]
watch = ["src", "/etc/x"]
restart = { mode = "never" }
stop = { signal = "INT", grace = 1.5 }
"""
    write(tmp_path, {"Procfile": "web: run\n", "devstack.toml": toml, "app/x": ""})
    web = service(load(tmp_path), "web")
    assert (web.cwd, web.tty, web.socket) == (str(tmp_path / "app"), True, True)
    assert web.watch == (str(tmp_path / "app/src"), "/etc/x")
    assert (web.restart.mode, web.stop.signal, web.stop.grace) == (RestartMode.NEVER, "INT", 1.5)


@pytest.mark.parametrize(
    ("setting", "words"),
    [('cwd = "no/such"', "there is no folder"), ("socket = true", "needs a port claim")],
)
def test_a_setting_that_cannot_hold_names_its_line(tmp_path: Path, setting: str, words: str) -> None:
    write(tmp_path, {"Procfile": "web: run\n", "devstack.toml": f"[services.web]\n\n{setting}\n"})
    error = refusal(tmp_path)
    assert (error.location, words in error.message) == ("devstack.toml:3", True)


def test_watch_without_its_extra_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"Procfile": "web: run\n", "devstack.toml": '[services.web]\nwatch = ["src"]\n'})
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    error = refusal(tmp_path)
    assert (error.location, "devstack[watch]" in error.hint) == ("devstack.toml:2", True)


def test_a_service_that_no_procfile_has_is_an_error_with_a_suggestion(tmp_path: Path) -> None:
    write(tmp_path, {"Procfile.dev": SEED_DEV, "devstack.toml": "[services.api]\n[services.tradign]\n"})
    error = refusal(tmp_path)
    assert (error.location, "did you mean “trading”" in error.message) == ("devstack.toml:2", True)


def test_a_service_that_only_another_modes_procfile_has_is_none(tmp_path: Path) -> None:
    toml = "[services.server]\ntty = true\n[services.api]\ndepends_on = ['server']\n"
    write(tmp_path, {"Procfile.dev": SEED_DEV, "Procfile.prod": SEED_PROD, "devstack.toml": toml})
    assert service(load(tmp_path), "api").depends_on == ()
    assert service(load(tmp_path, mode="prod"), "server").tty


# Choice and order.

ORDERED = {
    "Procfile": "web: run\napi: run\ndb: run\nother: run\n",
    "devstack.toml": "[services.web]\ndepends_on = ['api']\n[services.api]\ndepends_on = ['db', 'db']\n",
}


def test_chosen_services_bring_their_dependencies_in_the_procfiles_order(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, ORDERED), services=("web",))
    assert [(s.name, s.depends_on) for s in loaded.stack.services] == [
        ("web", ("api",)),
        ("api", ("db",)),
        ("db", ()),
    ]


def test_to_depend_on_a_scaled_service_is_to_depend_on_all_its_instances(tmp_path: Path) -> None:
    folder = write(tmp_path, ORDERED)
    assert service(load(folder, scale={"db": 3}), "api").depends_on == ("db", "db.2", "db.3")
    assert service(load(folder, scale={"db": 0}), "api").depends_on == ()


def test_an_unknown_service_is_refused_with_a_suggestion_and_the_list(tmp_path: Path) -> None:
    write(tmp_path, {**ORDERED, "Procfile.test": "browser: run\n"})
    with pytest.raises(UsageError, match="did you mean “api”") as caught:
        load(tmp_path, services=("apo",))
    assert "web, api, db, other" in caught.value.hint
    with pytest.raises(UsageError) as caught:
        load(tmp_path, services=("browser",))
    assert "--mode test" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("apo", "there is no service “apo” (did you mean “api”?)"),
        ("other", "--exit-code-from other: it is not started"),
        ("db", "--exit-code-from db: it is not started"),
    ],
)
def test_the_stack_can_end_only_with_a_service_that_is_started(
    tmp_path: Path, name: str, message: str
) -> None:
    folder = write(tmp_path, ORDERED)
    options: dict[str, Any] = {"services": ("web",), "scale": {"api": 2, "db": 0}}
    load(folder, exit_code_from="api.2", **options)
    with pytest.raises(UsageError) as caught:
        load(folder, exit_code_from=name, **options)
    assert caught.value.message == message


def test_an_unknown_dependency_is_an_error_with_a_suggestion(tmp_path: Path) -> None:
    write(tmp_path, {**ORDERED, "devstack.toml": "[services.web]\n\ndepends_on = ['apl']\n"})
    error = refusal(tmp_path)
    assert (error.location, "did you mean “api”" in error.message) == ("devstack.toml:3", True)


@pytest.mark.parametrize(
    ("toml", "circle"),
    [
        ("[services.web]\ndepends_on = ['web']\n", "web → web"),
        ("[services.web]\ndepends_on = ['api']\n[services.api]\ndepends_on = ['web']\n", "web → api → web"),
    ],
)
def test_a_circle_is_named(tmp_path: Path, toml: str, circle: str) -> None:
    error = refusal(write(tmp_path, {**ORDERED, "devstack.toml": toml}))
    assert (error.location, circle in error.message) == ("devstack.toml:2", True)
