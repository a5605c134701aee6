"""What init proposes, for projects as they are found."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from devstack.config.options import StackOptions
from devstack.config.proposal.propose import propose
from devstack.config.stack import load_stack
from devstack.core.stack import Stack
from devstack.errors import ConfigError
from tests.node_project import EXAMPLE

SEEDS_SCRIPTS = {
    "dev": 'concurrently "npm:dev:*"',
    "dev:client": "vite",
    "dev:server": "tsx watch server/index.ts",
    "dev:ws": "tsx server/ws.ts",
    "build": "vite build",
    "start": "node dist/index.js",
}
SEEDS_VITE = "export default { server: { port: 3000, hmr: { port: 3002 } } }"


def package(folder: Path, scripts: dict[str, str], **dependencies: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "package.json").write_text(json.dumps({"scripts": scripts, "dependencies": dependencies}))


def source(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def files(folder: Path) -> dict[str, str]:
    return {file.name: file.text for file in propose(str(folder)).files}


def lines(folder: Path, name: str = "Procfile.dev") -> list[str]:
    return [line for line in files(folder)[name].splitlines() if not line.startswith("#")]


def written(folder: Path, mode: str = "dev") -> Stack:
    """Write what is proposed, and read it as devstack does: it has to be right."""
    for name, text in files(folder).items():
        (folder / name).write_text(text)
    return load_stack(StackOptions(str(folder), {}, mode=mode)).stack


def ports(stack: Stack) -> dict[str, list[int]]:
    return {service.name: [claim.port for claim in service.claims] for service in stack.services}


def test_the_seeds_own_stack_becomes_the_seeds_own_table(tmp_path: Path) -> None:
    package(tmp_path, SEEDS_SCRIPTS, vite="^8", ws="^8")
    (tmp_path / "vite.config.ts").write_text(SEEDS_VITE)
    source(tmp_path / "server" / "index.ts", "app.listen(process.env.PORT || 5000)")
    source(
        tmp_path / "server" / "ws.ts",
        "new WebSocketServer({ port: Number(process.env.WS_PORT ?? 3001), path: '/api/ws' })",
    )
    assert lines(tmp_path) == [
        "frontend: node_modules/.bin/vite --port $FRONTEND_PORT --strictPort",
        "api: node_modules/.bin/tsx watch server/index.ts",
        "trading: node_modules/.bin/tsx server/ws.ts",
    ]
    assert "devstack.toml" not in files(tmp_path)
    assert lines(tmp_path, "Procfile.prod") == ["server: node dist/index.js"]
    assert ports(written(tmp_path)) == {"frontend": [3000, 3002], "api": [5000], "trading": [3001]}
    assert ports(written(tmp_path, "prod")) == {"server": [5000]}


def test_a_vite_on_its_own_port_gets_that_port_and_no_second_one(tmp_path: Path) -> None:
    package(tmp_path, {"dev": "vite", "build": "vite build"}, vite="^8")
    stack = written(tmp_path)
    assert ports(stack) == {"frontend": [5173]}
    assert "vite preview --port $PORT" in files(tmp_path)["Procfile.prod"]


def test_the_examples_own_files_need_no_toml(tmp_path: Path) -> None:
    shutil.copy(EXAMPLE / "vite.config.ts", tmp_path)
    package(tmp_path, {"dev": "vite"}, vite="^8")
    assert "devstack.toml" not in files(tmp_path)
    assert lines(tmp_path) == ["frontend: node_modules/.bin/vite"]


def test_a_computed_port_of_vite_is_overridden_unless_it_is_the_variable(tmp_path: Path) -> None:
    package(tmp_path, {"dev": "vite"}, vite="^8")
    (tmp_path / "vite.config.ts").write_text("export default { server: { port: pickPort() } }")
    assert lines(tmp_path) == ["frontend: node_modules/.bin/vite --port $FRONTEND_PORT --strictPort"]
    assert ports(written(tmp_path)) == {"frontend": [5173]}


def test_a_script_of_several_commands_stays_a_script_of_its_runner(tmp_path: Path) -> None:
    package(tmp_path, {"dev": "prisma generate && next dev"})
    (tmp_path / "pnpm-lock.yaml").touch()
    assert lines(tmp_path) == ["web: pnpm run dev"]


def test_parts_in_folders_of_their_own_run_there(tmp_path: Path) -> None:
    package(tmp_path / "client", {"dev": "vite"}, vite="^7")
    package(tmp_path / "server", {"dev": "nodemon index.js", "start": "node index.js"})
    stack = written(tmp_path)
    assert {service.name: Path(service.cwd).name for service in stack.services} == {
        "frontend": "client",
        "backend": "server",
    }


@pytest.mark.parametrize(
    "dev",
    [
        'concurrently "npm run dev --prefix client" "npm run dev --prefix server"',
        'concurrently -n web,api -c blue,green "npm --prefix client run dev" "npm --prefix server run dev"',
        "concurrently 'cd client && npm run dev' 'cd server && npm run dev'",
        "run-p dev:*",
        'concurrently "npm:dev:*"',
        "npm-run-all --parallel dev:client dev:server",
    ],
)
def test_every_way_to_start_two_folders_at_once_is_followed(tmp_path: Path, dev: str) -> None:
    package(tmp_path / "client", {"dev": "vite"}, vite="^8")
    package(tmp_path / "server", {"dev": "tsx watch src/index.ts"})
    source(tmp_path / "server" / "src" / "index.ts", "app.listen(process.env.PORT ?? 5000)")
    parts = {"dev:client": "cd client && npm run dev", "dev:server": "npm run dev --workspace server"}
    package(tmp_path, {"dev": dev, **parts}, concurrently="^9")
    assert lines(tmp_path) == [
        "frontend: node_modules/.bin/vite --port $FRONTEND_PORT --strictPort",
        "api: node_modules/.bin/tsx watch src/index.ts",
    ]
    stack = written(tmp_path)
    assert [Path(service.cwd).name for service in stack.services] == ["client", "server"]


def test_commands_that_are_no_scripts_are_taken_as_they_are(tmp_path: Path) -> None:
    package(
        tmp_path, {"dev": 'concurrently --kill-others -n page,engine "vite dev" "cargo run --bin engine"'}
    )
    assert lines(tmp_path) == [
        "frontend: node_modules/.bin/vite dev --port $FRONTEND_PORT --strictPort",
        "engine: cargo run --bin engine",
    ]


def test_a_configuration_that_the_command_names_is_read(tmp_path: Path) -> None:
    package(tmp_path, {"dev": "vite --config vite.client.config.ts"}, vite="^8")
    (tmp_path / "vite.client.config.ts").write_text("export default { server: { port: 4000 } }")
    assert ports(written(tmp_path)) == {"frontend": [4000]}


def test_hot_reload_on_the_pages_own_port_is_no_second_claim(tmp_path: Path) -> None:
    package(tmp_path, {"dev": "vite"}, vite="^8")
    (tmp_path / "vite.config.ts").write_text("export default { server: { port: 5174, hmr: { port: 5174 } } }")
    assert ports(written(tmp_path)) == {"frontend": [5174]}


def test_a_script_stays_one_line_of_the_procfile(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text(r'{"scripts": {"dev": "node x\nfoo: bar \u0000\ud800"}}')
    [line] = lines(tmp_path)
    assert line.split() == ["web:", "node", "x", "foo:", "bar"]


def test_scripts_that_call_each_other_in_a_circle_end(tmp_path: Path) -> None:
    package(tmp_path, {"dev": "npm run start", "start": "npm run dev"})
    assert lines(tmp_path)


def test_fastapi_is_found_with_its_module(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\ndependencies = ["fastapi>=0.100"]\n')
    (tmp_path / "src" / "shop").mkdir(parents=True)
    (tmp_path / "src" / "shop" / "main.py").write_text("application = FastAPI(title='x')\n")
    [line] = lines(tmp_path)
    assert line == (
        "web: python3 -m uvicorn shop.main:application --host 127.0.0.1 --port $PORT --app-dir src --reload"
    )
    assert ports(written(tmp_path)) == {"web": [8000]}


@pytest.mark.parametrize(
    "text",
    [
        "project = 1",
        "[project]\ndependencies = 1",
        "[project]\noptional-dependencies = []",
        "[project.optional-dependencies]\nall = 1",
        "tool = 1",
        "[tool]\npoetry = 1",
        "[tool.poetry]\ndependencies = 1",
    ],
)
def test_a_pyproject_of_another_shape_names_no_packages(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    (tmp_path / "requirements.txt").write_text("flask\n")
    (tmp_path / "app.py").write_text("app = Flask(__name__)\n")
    assert [line.partition(":")[0] for line in lines(tmp_path)] == ["web"]


def test_flask_and_django_are_known(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("Flask==3.0\ngunicorn\n")
    (tmp_path / "app.py").write_text("app = Flask(__name__)\n")
    assert lines(tmp_path) == [
        "web: python3 -m flask --app app run --host 127.0.0.1 --port $PORT --debug",
    ]
    assert lines(tmp_path, "Procfile.prod") == ["web: python3 -m gunicorn app:app --bind 127.0.0.1:$PORT"]
    (tmp_path / "manage.py").write_text(
        'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings.dev")\n'
    )
    assert lines(tmp_path) == ["web: python3 manage.py runserver 127.0.0.1:$PORT"]
    assert lines(tmp_path, "Procfile.prod") == ["web: python3 -m gunicorn mysite.wsgi --bind 127.0.0.1:$PORT"]


@pytest.mark.parametrize(
    ("there", "python"),
    [
        (".venv/bin/python", ".venv/bin/python"),
        ("uv.lock", "uv run python"),
        ("poetry.lock", "poetry run python"),
        ("README", "python3"),
    ],
)
def test_the_projects_own_python_is_taken(tmp_path: Path, there: str, python: str) -> None:
    (tmp_path / "requirements.txt").write_text("fastapi\n")
    (tmp_path / "main.py").write_text("app = FastAPI()\n")
    (tmp_path / there).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / there).touch()
    assert lines(tmp_path)[0].startswith(f"web: {python} -m uvicorn main:app ")


def test_a_python_backend_beside_a_node_frontend_is_found(tmp_path: Path) -> None:
    package(tmp_path / "frontend", {"dev": "vite"}, vite="^8")
    (tmp_path / "backend" / "app").mkdir(parents=True)
    (tmp_path / "backend" / "requirements.txt").write_text("fastapi\nuvicorn[standard]\n")
    (tmp_path / "backend" / "app" / "main.py").write_text("app = FastAPI()\n")
    stack = written(tmp_path)
    assert ports(stack) == {"frontend": [5173], "api": [8000]}
    assert {service.name: Path(service.cwd).name for service in stack.services} == {
        "frontend": "frontend",
        "api": "backend",
    }
    assert "uvicorn app.main:app" in stack.services[1].command


def test_a_backend_that_a_script_starts_is_not_proposed_twice(tmp_path: Path) -> None:
    package(tmp_path, {"dev": "concurrently 'vite' 'uvicorn main:app --port 8000'"}, vite="^8")
    (tmp_path / "requirements.txt").write_text("fastapi\n")
    (tmp_path / "main.py").write_text("app = FastAPI()\n")
    assert len(lines(tmp_path)) == 2


@pytest.mark.parametrize(
    ("scripts", "dependency", "line", "port"),
    [
        ({"dev": "next dev"}, "next", "web: node_modules/.bin/next dev --port $PORT", 3000),
        ({"dev": "next dev -p 3010"}, "next", "web: node_modules/.bin/next dev -p 3010", 3010),
        ({"dev": "astro dev"}, "astro", "web: node_modules/.bin/astro dev --port $PORT", 4321),
        ({"start": "react-scripts start"}, "x", "web: node_modules/.bin/react-scripts start", 3000),
        ({"dev": "node --watch a.js"}, "express", "web: node --watch a.js", 4000),
        ({"dev": "bun run --hot a.ts"}, "hono", "web: npm run dev", 4001),
        ({"start:dev": "nest start --watch"}, "x", "web: node_modules/.bin/nest start --watch", 3000),
    ],
)
def test_a_server_listens_where_devstack_looks(
    tmp_path: Path, scripts: dict[str, str], dependency: str, line: str, port: int
) -> None:
    package(tmp_path, scripts, **{dependency: "*"})
    source(tmp_path / "a.js", "app.listen(process.env.PORT || 4000)")
    source(tmp_path / "a.ts", "Bun.serve({ port: 4001, fetch })")
    source(tmp_path / "src" / "main.ts", "await app.listen(process.env.PORT ?? 3000);")
    assert lines(tmp_path) == [line]
    [[found]] = ports(written(tmp_path)).values()
    assert found == port


def test_prod_is_claimed_where_a_server_runs_there(tmp_path: Path) -> None:
    package(tmp_path, {"dev": "nodemon a.js", "start": "node a.js"}, express="^5")
    source(tmp_path / "a.js", "app.listen(process.env.PORT || 4000)")
    assert ports(written(tmp_path)) == {"web": [4000]}
    assert ports(written(tmp_path, "prod")) == {"web": [4000]}


def test_one_name_with_other_ports_in_prod_becomes_another_name(tmp_path: Path) -> None:
    package(tmp_path, {"dev": "next dev -p 3010", "start": "next start -p 4010"}, next="^15")
    assert ports(written(tmp_path)) == {"web": [3010]}
    assert ports(written(tmp_path, "prod")) == {"web-prod": [4010]}


def test_two_services_that_read_port_get_numbers_of_their_own_even_with_the_example(tmp_path: Path) -> None:
    package(tmp_path / "site", {"dev": "next dev"}, next="^15")
    package(tmp_path / "server", {"dev": "nodemon a.js"}, express="^5")
    source(tmp_path / "server" / "a.js", "app.listen(process.env.PORT || 3000)")
    written(tmp_path)
    if (tmp_path / ".env.example").exists():
        shutil.copy(tmp_path / ".env.example", tmp_path / ".env")
    stack = load_stack(StackOptions(str(tmp_path), {}, mode="dev")).stack
    numbers = [port for own in ports(stack).values() for port in own]
    assert len(numbers) == len(set(numbers)) == 2


def test_a_workspaces_tools_are_found_where_they_are_installed(tmp_path: Path) -> None:
    package(tmp_path / "client", {"dev": "vite"}, vite="^8")
    (tmp_path / "package.json").write_text('{"workspaces": ["client"]}')
    assert lines(tmp_path) == ["frontend: npm run dev -- --port $FRONTEND_PORT --strictPort"]
    (tmp_path / "node_modules" / ".bin").mkdir(parents=True)
    (tmp_path / "node_modules" / ".bin" / "vite").touch()
    assert lines(tmp_path) == ["frontend: ../node_modules/.bin/vite --port $FRONTEND_PORT --strictPort"]


def test_a_script_that_starts_the_stack_is_no_service_of_it(tmp_path: Path) -> None:
    scripts = {"dev": "devstack up", "start": "npx foreman start", "api": "node api.js"}
    package(tmp_path, scripts, vite="^8")
    assert lines(tmp_path) == ["frontend: node_modules/.bin/vite --port $FRONTEND_PORT --strictPort"]
    assert lines(tmp_path, "Procfile.prod") == [
        "web: node_modules/.bin/vite preview --port $PORT --strictPort"
    ]


def test_yarns_plug_n_play_has_no_folder_of_tools(tmp_path: Path) -> None:
    package(tmp_path, {"dev": "vite"}, vite="^8")
    (tmp_path / "yarn.lock").touch()
    (tmp_path / ".pnp.cjs").touch()
    assert lines(tmp_path) == ["frontend: yarn run dev --port $FRONTEND_PORT --strictPort"]
    assert lines(tmp_path, "Procfile.prod") == ["web: yarn vite preview --port $PORT --strictPort"]


def test_a_platforms_procfile_is_production_without_its_release(tmp_path: Path) -> None:
    (tmp_path / "Procfile").write_text("release: ./migrate\nweb: gunicorn app\nworker: celery\n")
    package(tmp_path, {"dev": "vite"}, vite="^8")
    assert lines(tmp_path, "Procfile.prod") == ["web: gunicorn app", "worker: celery"]
    assert lines(tmp_path)[0].startswith("frontend: ")


def test_a_database_of_compose_is_a_service_with_its_port(tmp_path: Path) -> None:
    package(tmp_path, {"dev": "vite"}, vite="^8")
    (tmp_path / "docker-compose.yml").write_text(
        "version: '3'\n"
        "services:\n"
        "  web:\n"
        "    build: .\n"
        "  db:   # the database\n"
        "    image: postgres:16\n"
        "    environment:\n"
        "      - POSTGRES_PASSWORD=x\n"
        "    ports:\n"
        "      - '127.0.0.1:5433:5432'\n"
        '      - "${EXTRA_PORT:-6000}:6000"\n'
        "volumes:\n"
        "  data:\n"
    )
    assert ports(written(tmp_path))["db"] == [5433, 6000]
    assert any("builds web" in note for note in propose(str(tmp_path)).notes)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("    ports: ['6379:6379', \"127.0.0.1:8025:8025\"]", [6379, 8025]),
        ("    ports:\n    - 8000:80", [8000]),
        ("    ports:\n      - '9092-9094:9092-9094'", [9092, 9093, 9094]),
        ("    ports:\n      - '[::1]:6001:6001/tcp'\n      - '53:53/udp'\n      - '3000'", [6001]),
        ("    ports:\n      - ${DB_PORT}:5432\n      - '${UI_PORT-8081}:80'", [5444, 8081]),
        (
            "    ports:\n      - target: 5432\n        published: '5433'\n        protocol: tcp\n"
            "      - name: dns\n        published: 53\n        target: 53\n        protocol: udp\n"
            "      - published: 7777\n        target: 80\n    environment:\n      - A=1",
            [5433, 7777],
        ),
    ],
)
def test_every_way_to_publish_a_port_is_read(tmp_path: Path, entry: str, expected: list[int]) -> None:
    (tmp_path / ".env").write_text("DB_PORT=5444\n")
    (tmp_path / "compose.yaml").write_text(f"services:\n  db:\n    image: postgres\n{entry}\n")
    assert ports(written(tmp_path)) == {"db": expected}


def test_secrets_of_env_do_not_reach_the_example(tmp_path: Path) -> None:
    package(tmp_path, {"dev": "vite"}, vite="^8")
    (tmp_path / ".env").write_text("API_TOKEN=abc123\nTITLE='two words'\nPORT=7000\n")
    example = files(tmp_path)[".env.example"]
    assert "API_TOKEN=\n" in example
    assert "TITLE='two words'" in example
    assert "abc123" not in example


def test_services_of_one_name_are_told_apart(tmp_path: Path) -> None:
    package(tmp_path, {"dev": "concurrently 'npm:dev:*'", "dev:server": "node a.js", "dev:api": "node b.js"})
    assert [line.partition(":")[0] for line in lines(tmp_path)] == ["backend", "backend-2"]


@pytest.mark.parametrize("name", ["package.json", "pyproject.toml"])
@pytest.mark.parametrize(
    "text", ["{ not right", "[" * 5000, "9" * 5000, "a = " + "[" * 5000 + "]" * 5000, "a = " + "9" * 5000]
)
def test_a_wrong_file_is_named(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError) as raised:
        propose(str(tmp_path))
    assert raised.value.source == name


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read") as raised:
        propose(str(tmp_path / "gone"))
    assert raised.value.source == str(tmp_path / "gone")


def test_an_empty_folder_is_told_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"package\.json"):
        propose(str(tmp_path))


def test_a_backend_with_its_own_pyproject_runs_in_its_own_folder(tmp_path: Path) -> None:
    source(tmp_path / "pyproject.toml", '[project]\nname = "x"\nversion = "0"\ndependencies = ["fastapi"]\n')
    source(tmp_path / "backend" / "pyproject.toml", '[project]\nname = "app"\nversion = "0"\n')
    source(tmp_path / "backend" / "app" / "main.py", "from app.api import router\n\napp = FastAPI()\n")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").touch()
    package(tmp_path / "frontend", {"dev": "vite"}, vite="^8")
    services = {service.name: service for service in written(tmp_path).services}
    assert services["api"].cwd == str(tmp_path / "backend")
    assert services["api"].command == (
        "../.venv/bin/python -m uvicorn app.main:app --host 127.0.0.1 --port $PORT --reload"
    )


def test_a_backend_runs_where_its_imports_are_right(tmp_path: Path) -> None:
    source(tmp_path / "requirements.txt", "fastapi\n")
    source(tmp_path / "backend" / "app" / "main.py", "from app.api import router\n\napp = FastAPI()\n")
    [service] = written(tmp_path).services
    assert service.cwd == str(tmp_path / "backend")
    assert "uvicorn app.main:app" in service.command


def test_django_below_a_folder_runs_there(tmp_path: Path) -> None:
    source(tmp_path / "requirements.txt", "django\n")
    source(tmp_path / "backend" / "manage.py", "#!/usr/bin/env python\n")
    [service] = written(tmp_path).services
    assert (service.cwd, ports(written(tmp_path))) == (str(tmp_path / "backend"), {"web": [8000]})


def test_the_server_of_create_vite_express_claims_the_port_in_its_source(tmp_path: Path) -> None:
    package(tmp_path, {"dev": "nodemon -w src/server -x tsx src/server/main.ts"}, express="^5", vite="^8")
    source(
        tmp_path / "src" / "server" / "main.ts", "ViteExpress.listen(app, 3000, () => console.log('ready'));"
    )
    assert ports(written(tmp_path)) == {"web": [3000]}


def test_a_server_and_a_page_that_read_port_load_with_the_documented_env(tmp_path: Path) -> None:
    scripts = {"server": "nodemon server.js", "client": "npm start --prefix client"}
    package(tmp_path, {"dev": "concurrently 'npm run server' 'npm run client'", **scripts}, express="^4")
    source(tmp_path / "server.js", "const PORT = process.env.PORT || 5000;\napp.listen(PORT);")
    package(tmp_path / "client", {"start": "react-scripts start"}, **{"react-scripts": "5"})
    source(tmp_path / ".env", "PORT=5000\nMONGO_URI=\n")
    assert lines(tmp_path)[1] == "frontend: PORT=$FRONTEND_PORT node_modules/.bin/react-scripts start"
    assert ports(written(tmp_path)) == {"api": [5000], "frontend": [3000]}


def test_a_number_in_a_packages_own_env_is_its_default(tmp_path: Path) -> None:
    package(tmp_path / "server", {"dev": "node index.js"}, express="^4")
    source(tmp_path / "server" / "index.js", "app.listen(process.env.PORT || 3000)")
    source(tmp_path / "server" / ".env", "PORT=8123\n")
    assert ports(written(tmp_path)) == {"web": [8123]}


def test_an_example_that_is_there_keeps_its_lines(tmp_path: Path) -> None:
    package(tmp_path, {"dev": "vite"}, vite="^8")
    source(tmp_path / ".env.example", "# mine\nAPI_URL=http://localhost\nPORT=7000")
    assert files(tmp_path)[".env.example"] == (
        "# mine\nAPI_URL=http://localhost\nPORT=7000\nFRONTEND_PORT=5173\n"
    )
