"""The port that a command names: every known server, and what is in doubt."""

from __future__ import annotations

import pytest

from devstack.core.named_port import named_port
from devstack.core.servers import SERVERS, Server

SCRIPTS = {
    "start": "react-scripts start",
    "dev": "vite --port 4000",
    "nested": "npm run dev",
    "odd": "a | b",
    "sub": "cd web && vite",
}


@pytest.mark.parametrize("server", SERVERS, ids=lambda server: " ".join(server.command))
def test_each_server_has_its_default_and_takes_its_options(server: Server) -> None:
    command = " ".join(server.command)
    if server.options and server.options[-1] == server.command[-1]:
        command = " ".join(server.command[:-1])  # php -S, whose option makes it a server
    else:
        plain = named_port(command)
        assert (plain.port if plain else None) == server.default
        assert plain is None or plain.evidence == f"default of {command}"
    for option in server.options:
        for value in ("4321", "127.0.0.1:4321"):
            named = named_port(f"{command} {option} {value}")
            assert named is not None
            assert (named.port, named.evidence) == (4321, f"{option} {value}")
    assert server.source


@pytest.mark.parametrize(
    ("command", "port", "evidence"),
    [
        ("bin/rails server -p 3000", 3000, "-p 3000"),
        ("bundle exec rails s -p3001 -b 0.0.0.0", 3001, "-p3001"),
        ("env RUBY_DEBUG_OPEN=true bin/rails server", 3000, "default of rails server"),
        ("uv run python manage.py runserver", 8000, "default of manage.py runserver"),
        ("python3 manage.py runserver 0.0.0.0:9000", 9000, "0.0.0.0:9000"),
        ("flask db upgrade; exec gunicorn app:app", 8000, "default of gunicorn"),
        ("cd server && uvicorn app:app --reload --port=8080", 8080, "--port 8080"),
        ("poetry run python -m uvicorn main:app", 8000, "default of uvicorn"),
        ("python -m http.server 8123 --bind 127.0.0.1", 8123, "8123"),
        ("PORT=3000 npm start", 3000, "PORT=3000"),
        ("npm start", 3000, "default of react-scripts start"),
        ("npm run dev", 4000, "--port 4000"),
        ("yarn dev", 4000, "--port 4000"),
        ("yarn vite --port 4001", 4001, "--port 4001"),
        ("npx next dev -p 4002", 4002, "-p 4002"),
        ("node_modules/.bin/vite", 5173, "default of vite"),
        ("PORT=4003 node server.js", 4003, "PORT=4003"),
        ("export RAILS_ENV=test && bin/rails s -p 3000", 3000, "-p 3000"),
        ("gunicorn -b127.0.0.1:8001 app:app", 8001, "-b127.0.0.1:8001"),
        ("php -S localhost:8000 -t public", 8000, "-S localhost:8000"),
        ("redis-server --port 7000 --save ''", 7000, "--port 7000"),
    ],
)
def test_what_is_beyond_doubt(command: str, port: int, evidence: str) -> None:
    named = named_port(command, SCRIPTS.get)
    assert named is not None
    assert (named.port, named.evidence) == (port, evidence)


@pytest.mark.parametrize(
    "command",
    [
        "yarn build --watch",
        "yarn build:css --watch",
        "bundle exec sidekiq",
        "celery -A app worker -p 5",
        "sleep 5",
        "node server.js",
        "node server.js --port 3000",
        "ruby server.rb -p 3000",
        "./server -p 3000",
        "ssh -p 2222 host",
        "docker run -p 3000:3000 image",
        "docker compose up",
        "vite --port $PORT",
        "vite --port ${PORT:-3000}",
        "vite --port `cat port`",
        "vite --port abc",
        "vite --port 0",
        "vite --port 70000",
        "vite --port",
        "vite build --watch",
        "next build",
        "next dev --port 0",
        "redis-server redis.conf",
        "redis-server /etc/redis/redis.conf --port",
        "gunicorn -c gunicorn.py app:app",
        "gunicorn -b unix:/tmp/app.sock app:app",
        "gunicorn app:app -b :8000 -b :9000",
        "foo | redis-server",
        "redis-server || true",
        "redis-server & sleep 5",
        "redis-server # on 7000",
        "uvicorn app:app --port 8000 --port 8001",
        "python manage.py migrate",
        "python manage.py runserver $PORT",
        "npm run missing",
        "npm run odd",
        "npm run nested",
        "npm run dev -- --port 3000",
        "python -c 'print(8000)'",
        "rails console",
        "bin/vite dev",
        "bundle exec vite dev",
        "fastapi dev main.py",
        "json-server db.json",
        "FLASK_RUN_PORT=7000 flask run",
        "UVICORN_PORT=9000 uvicorn app:app",
        "export PORT=4000 && bin/rails s",
        "PORT=4000; bin/rails s",
        ". ./env.sh && flask run",
        "cd web && npm run dev",
        "cd web && vite",
        "npm run sub",
        "gunicorn -bunix:/tmp/app.sock app:app",
        "gunicorn --config=python:conf app:app",
        "uvicorn app:app --uds /tmp/app.sock",
        "daphne -u /tmp/app.sock app:app",
        "hypercorn app:app --insecure-bind :9000",
        "memcached -s /tmp/memcached.sock",
        "memcached -l 127.0.0.1:11212",
        "redis-server config/redis",
        "redis-server --sentinel",
        "php artisan serve --host=0.0.0.0:9000",
        "python -m http.server 8000 --bind 192.0.2.1",
        "PORT=3000 bundle exec sidekiq",
        "PORT=3000 yarn build --watch",
        'sh -c "redis-server"',
        "'unclosed",
        "",
    ],
)
def test_what_is_in_doubt_names_nothing(command: str) -> None:
    assert named_port(command, SCRIPTS.get) is None
